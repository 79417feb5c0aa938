/**
 * An idempotent producer with several batches in flight. What is not answered is sent again with
 * the same sequence, through kills of the broker, as Kafka's own producers do; that is where a
 * broker that forgets its producers writes things twice.
 */
import { Client } from './client.ts'
import { type Connection, UnknownOutcomeError } from './connection.ts'
import type { Sent } from './history.ts'
import { batchOf, type Identity, initProducer, type OutgoingBatch, produce } from './producing.ts'
import { ALL_KEYS } from './topic.ts'
import { insist } from './world.ts'

const RETRY_MS_MAX = 8_000
const BATCHES_MAX = 5

export class IdempotentProducer extends Client {
  private identity: Identity | undefined
  private readonly sequences = new Map<number, number>()

  protected override async step(): Promise<void> {
    const connection = await this.connection()
    if (!this.identity) {
      this.identity = await initProducer(connection, null)
      this.sequences.clear()
      return
    }
    const { history } = this.world
    const batches = this.prepare(this.identity)
    const sends = batches.flatMap((batch) => batch.sends)
    const operation = history.begin(this.name, 'send', { sends })
    if (this.random.chance(0.03)) {
      for (const batch of batches)
        produce(connection, batch, { version: 11 }).catch(() => undefined)
      await new Promise(setImmediate)
      this.forget()
      return
    }
    const error = await this.deliver(batches)
    history.end(operation, error === 'NONE' ? 'ok' : 'info', error)
    if (error !== 'NONE') this.forget()
  }

  private forget(): void {
    this.crash()
    this.identity = undefined
  }

  private prepare(identity: Identity): OutgoingBatch[] {
    const key = this.random.integer(ALL_KEYS)
    const count = 1 + this.random.integer(BATCHES_MAX)
    return Array.from({ length: count }, () => {
      const size = 1 + this.random.integer(3)
      const sends = Array.from(
        { length: size },
        (): Sent => ({ key, value: this.world.nextValue(key) }),
      )
      const baseSequence = this.sequences.get(key) ?? 0
      this.sequences.set(key, baseSequence + size)
      return batchOf(sends, { ...identity, baseSequence })
    })
  }

  /** Until all are taken, in order; the first error that no retry mends ends it. */
  private async deliver(batches: readonly OutgoingBatch[]): Promise<string> {
    let rest = batches
    const outcome = await insist(async () => {
      const connection = await this.connection()
      const errors = await Promise.all(rest.map((batch) => outcomeOf(connection, batch)))
      rest = rest.filter((_, i) => !TAKEN.has(errors[i] as string))
      const fatal = errors.find((error) => !TAKEN.has(error) && !PASSING.has(error))
      if (fatal) return fatal
      return rest.length === 0 ? 'NONE' : undefined
    }, RETRY_MS_MAX)
    return outcome ?? 'no answer'
  }
}

const TAKEN = new Set(['NONE', 'DUPLICATE_SEQUENCE_NUMBER'])
/** Behind one that got lost the others are out of order until it has come. */
const PASSING = new Set(['unknown', 'NOT_LEADER_OR_FOLLOWER', 'KAFKA_STORAGE_ERROR'])

async function outcomeOf(connection: Connection, batch: OutgoingBatch): Promise<string> {
  try {
    return await produce(connection, batch, { version: 11 })
  } catch (error) {
    if (error instanceof UnknownOutcomeError) return 'unknown'
    throw error
  }
}
