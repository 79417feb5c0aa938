/** A process of the workload: one client that takes one step after the other until the end. */
import type { SeededRandom } from '@ottla/base'
import { type Connection, UnknownOutcomeError } from './connection.ts'
import { pause, type World } from './world.ts'

export abstract class Client {
  readonly name: string
  protected readonly world: World
  protected readonly random: SeededRandom
  private open: Connection | undefined

  constructor(world: World, name: string) {
    this.world = world
    this.name = name
    this.random = world.randomFor(name)
  }

  async run(): Promise<void> {
    while (!this.world.isOver) {
      try {
        await this.step()
      } catch (error) {
        if (!(error instanceof UnknownOutcomeError)) throw error
      }
      await pause(this.random.integer(this.pauseMsMax))
    }
    this.open?.close()
  }

  protected readonly pauseMsMax: number = 4

  protected abstract step(): Promise<void>

  protected async connection(): Promise<Connection> {
    if (!this.open || this.open.isClosed) this.open = await this.world.connect()
    return this.open
  }

  /** Thrown away without a word: what was asked stays unanswered. */
  protected crash(): void {
    this.open?.close()
    const { history } = this.world
    history.end(history.begin(this.name, 'crash'), 'ok')
  }
}
