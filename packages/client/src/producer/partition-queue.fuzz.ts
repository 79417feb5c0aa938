/**
 * The retry state machine against a model of a broker: sequences are checked as Kafka checks them,
 * answers get lost, requests fail, batches come back in any order the connection allows. Whatever
 * happens, the log must hold every record once and in order.
 */
import { BufferPool, SeededRandom } from '@ottla/base'
import { type ErrorName, errorCode, isRetriable } from '@ottla/protocol'
import { describe, expect, test } from 'vitest'
import { judgeProduceError, PartitionQueue } from './partition-queue.ts'
import { ProducerBatch, type ProducerIdentity } from './producer-batch.ts'
import { ProducerCodec } from './producer-codec.ts'
import { RecordWriter } from './record-writer.ts'

const BATCHES = 60
const IN_FLIGHT_MAX = 5
const NO_CODEC = new ProducerCodec('none')

class ModelBroker {
  readonly log: ProducerBatch[] = []
  private epoch = -1
  private nextSequence = 0
  private readonly recent: { sequence: number; epoch: number }[] = []

  append(batch: ProducerBatch): ErrorName {
    const { producerEpoch } = batch.identity
    if (producerEpoch < this.epoch) return 'INVALID_PRODUCER_EPOCH'
    const isNew = producerEpoch > this.epoch
    const isKnown = this.recent.some(
      (r) => r.sequence === batch.baseSequence && r.epoch === producerEpoch,
    )
    if (isKnown) return 'DUPLICATE_SEQUENCE_NUMBER'
    if (batch.baseSequence !== (isNew ? 0 : this.nextSequence)) {
      return 'OUT_OF_ORDER_SEQUENCE_NUMBER'
    }
    this.epoch = producerEpoch
    this.nextSequence = batch.baseSequence + batch.count
    this.recent.push({ sequence: batch.baseSequence, epoch: producerEpoch })
    if (this.recent.length > IN_FLIGHT_MAX) this.recent.shift()
    this.log.push(batch)
    return 'NONE'
  }
}

function newBatch(pool: BufferPool, count: number): ProducerBatch {
  const batch = new ProducerBatch(
    new RecordWriter(pool, 100),
    NO_CODEC,
    0,
    Number.POSITIVE_INFINITY,
  )
  for (let i = 0; i < count; i++) batch.append(null, 'x', null, 0)
  batch.close()
  return batch
}

function run(seed: number): void {
  const random = new SeededRandom(seed)
  const pool = new BufferPool()
  const broker = new ModelBroker()
  const queue = new PartitionQueue('t', 0, 1_000_000)
  const identity: ProducerIdentity = { producerId: 1, producerEpoch: 0 }
  const batches = Array.from({ length: BATCHES }, () => newBatch(pool, 1 + random.integer(5)))
  for (const batch of batches) queue.push(batch)
  /** What is on the connection: answered in order, or lost together when it breaks. */
  let connection: { batch: ProducerBatch; answer: ErrorName }[] = []
  const settle = (batch: ProducerBatch, name: ErrorName) => {
    const verdict = judgeProduceError(
      name,
      {
        isOldestUnacknowledged: !queue.mustBeginAnew && queue.isOldestUnacknowledged(batch),
        isIdempotent: true,
        count: batch.count,
      },
      isRetriable(errorCode(name)),
    )
    if (verdict === 'stored') {
      queue.remove(batch)
      batch.succeed({ baseOffset: 0, logAppendTimeMs: -1 })
    } else {
      expect(verdict, `seed ${seed}: ${name}`).toBe('retry')
      queue.returnForRetry(batch)
    }
  }
  for (let step = 0; !queue.isEmpty; step++) {
    expect(step, `seed ${seed} does not end`).toBeLessThan(5_000)
    const canSend =
      queue.hasWaiting && connection.length < IN_FLIGHT_MAX && !queue.isBlocked(identity)
    if (canSend && random.chance(0.6)) {
      const batch = queue.take(identity)
      // Some errors strike before the broker looks at the sequence.
      const refusal: ErrorName | undefined = random.chance(0.1)
        ? 'NOT_LEADER_OR_FOLLOWER'
        : undefined
      connection.push({ batch, answer: refusal ?? broker.append(batch) })
    } else if (connection.length > 0 && random.chance(0.08)) {
      for (const { batch } of connection) settle(batch, 'NETWORK_EXCEPTION')
      connection = []
    } else {
      const head = connection.shift()
      if (head) settle(head.batch, head.answer)
    }
  }
  expect(
    broker.log.map((b) => batches.indexOf(b)),
    `seed ${seed}`,
  ).toEqual(batches.map((_, i) => i))
}

describe('a partition in spite of errors', () => {
  test('stores every batch once and in order', () => {
    for (let seed = 1; seed <= 500; seed++) run(seed)
  })

  test('begins at sequence 0 under a new epoch, when nothing is in flight', () => {
    const pool = new BufferPool()
    const queue = new PartitionQueue('t', 0, 1_000_000)
    const first: ProducerIdentity = { producerId: 1, producerEpoch: 0 }
    const second: ProducerIdentity = { producerId: 1, producerEpoch: 1 }
    for (let i = 0; i < 4; i++) queue.push(newBatch(pool, 3))
    const a = queue.take(first)
    const b = queue.take(first)
    expect([a.baseSequence, b.baseSequence]).toEqual([0, 3])
    queue.remove(a)
    queue.restart()
    expect(queue.isBlocked(first)).toBe(true)
    expect(queue.isBlocked(second)).toBe(true)
    queue.returnForRetry(b)
    expect(queue.wantsNewIdentity(first)).toBe(true)
    expect(queue.isBlocked(second)).toBe(false)
    const again = queue.take(second)
    expect(again).toBe(b)
    expect([again.baseSequence, again.identity.producerEpoch]).toEqual([0, 1])
    expect(queue.take(second).baseSequence).toBe(3)
  })
})

describe('what an answer means', () => {
  const oldest = { isOldestUnacknowledged: true, isIdempotent: true, count: 2 }
  test.each([
    ['NONE', oldest, 'stored'],
    ['DUPLICATE_SEQUENCE_NUMBER', oldest, 'stored'],
    ['OUT_OF_ORDER_SEQUENCE_NUMBER', oldest, 'fail-and-new-epoch'],
    ['OUT_OF_ORDER_SEQUENCE_NUMBER', { ...oldest, isOldestUnacknowledged: false }, 'retry'],
    ['UNKNOWN_PRODUCER_ID', oldest, 'retry-in-new-epoch'],
    ['UNKNOWN_PRODUCER_ID', { ...oldest, isIdempotent: false }, 'fail'],
    ['MESSAGE_TOO_LARGE', oldest, 'split'],
    ['MESSAGE_TOO_LARGE', { ...oldest, count: 1 }, 'fail'],
    ['NOT_LEADER_OR_FOLLOWER', oldest, 'retry'],
    ['NOT_ENOUGH_REPLICAS', oldest, 'retry'],
    ['INVALID_RECORD', oldest, 'fail'],
    ['TOPIC_AUTHORIZATION_FAILED', oldest, 'fail'],
  ] as const)('%s of %j: %s', (name, batch, verdict) => {
    expect(judgeProduceError(name, batch, isRetriable(errorCode(name)))).toBe(verdict)
  })
})
