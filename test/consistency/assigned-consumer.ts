/** A consumer that chooses its keys itself, and now and then chooses others. */
import { fetchKeys } from './answers.ts'
import { Client } from './client.ts'
import type { World } from './world.ts'

export class AssignedConsumer extends Client {
  private readonly isCommittedOnly: boolean
  private positions = new Map<number, number>()
  private readonly known = new Map<number, number>()

  constructor(world: World, name: string, isCommittedOnly: boolean) {
    super(world, name)
    this.isCommittedOnly = isCommittedOnly
  }

  protected override async step(): Promise<void> {
    const { history } = this.world
    if (this.positions.size === 0 || this.random.chance(0.03)) this.assign()
    if (this.random.chance(0.02)) this.crash()
    const connection = await this.connection()
    const operation = history.begin(this.name, 'poll')
    const { isCommittedOnly } = this
    const bytesMax = 2 ** (9 + this.random.integer(8))
    const polls = await fetchKeys(connection, this.positions, { isCommittedOnly, bytesMax })
    operation.polls = polls.filter(({ highWatermark }) => highWatermark >= 0)
    history.end(operation, 'ok')
    for (const { key, next, error, logStartOffset } of polls) {
      if (error === 'NONE') this.positions.set(key, next)
      else if (error === 'OFFSET_OUT_OF_RANGE') this.reset(key, logStartOffset)
    }
  }

  private assign(): void {
    for (const [key, position] of this.positions) this.known.set(key, position)
    const isFromStart = this.random.chance(0.3)
    const keys = this.world.keys(this.random)
    this.positions = new Map(keys.map((key) => [key, isFromStart ? 0 : (this.known.get(key) ?? 0)]))
    this.note(keys)
  }

  /** What lay here was deleted. */
  private reset(key: number, logStartOffset: number): void {
    this.positions.set(key, Math.max(0, logStartOffset))
    this.note([...this.positions.keys()])
  }

  private note(keys: number[]): void {
    const { history } = this.world
    history.end(history.begin(this.name, 'assign', { keys }), 'ok')
  }
}
