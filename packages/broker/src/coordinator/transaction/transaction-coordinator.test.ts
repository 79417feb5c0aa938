import { SeededRandom } from '@ottla/base'
import { describe, expect, it } from 'vitest'
import {
  type Decision,
  type ProducerIdentity,
  TransactionCoordinator,
} from './transaction-coordinator.ts'
import {
  decodeTransactionRecord,
  encodeTransactionRecord,
  isComplete,
  isPrepared,
  PRODUCER_EPOCH_MAX,
  type Transaction,
  type TransactionRecord,
} from './transaction-state.ts'

const SETTINGS = { timeoutMsMax: 900_000, expirationMs: 604_800_000 }
const ID = 'pay'

/** A coordinator whose records are written at once, through their bytes. */
class Harness {
  readonly records: TransactionRecord[] = []
  coordinator = new TransactionCoordinator(SETTINGS)
  now = 1_700_000_000_000
  private nextProducerId = 100

  write(value: Transaction): void {
    const { key, value: bytes } = encodeTransactionRecord({ transactionalId: ID, value })
    const record = decodeTransactionRecord(key, bytes) as TransactionRecord
    expect(record.value).toEqual(value)
    this.records.push(record)
    this.coordinator.replay(record)
  }

  take<T>(decision: Decision<T>): T | string {
    if (decision.kind === 'refuse') return decision.error
    if (decision.kind === 'write') this.write(decision.value)
    return decision.response
  }

  init(expected?: ProducerIdentity, timeoutMs = 60_000): ProducerIdentity | string {
    const request = { transactionalId: ID, timeoutMs, expected }
    const decision = this.coordinator.initProducerId(request, this.nextProducerId++, this.now)
    const response = this.take(decision)
    return decision.isFence ? 'FENCED' : response
  }

  begin(): ProducerIdentity {
    const identity = this.init()
    if (typeof identity === 'string') throw new Error(identity)
    return identity
  }

  add(producer: ProducerIdentity, partition = 0, clientVersion = 2): unknown {
    const partitions = [['t', partition]] as const
    return this.take(
      this.coordinator.addPartitions(ID, producer, partitions, clientVersion, this.now),
    )
  }

  end(producer: ProducerIdentity, isCommit: boolean): ProducerIdentity | string {
    return this.take(this.coordinator.end(ID, producer, isCommit, this.now))
  }

  endV2(producer: ProducerIdentity, isCommit: boolean): ProducerIdentity | string {
    const next = this.nextProducerId++
    return this.take(this.coordinator.endV2(ID, producer, isCommit, next, this.now))
  }

  complete(): void {
    const known = this.coordinator.transactions.get(ID)
    if (known && isPrepared(known.state)) this.write(this.coordinator.complete(known, this.now))
  }

  restart(): void {
    this.coordinator = new TransactionCoordinator(SETTINGS)
    for (const record of this.records) this.coordinator.replay(record)
  }

  get known(): Transaction {
    return this.coordinator.transactions.get(ID) as Transaction
  }
}

describe('a transactional producer', () => {
  it('gets an id once and a new epoch each time it comes', () => {
    const harness = new Harness()
    expect(harness.init()).toEqual({ producerId: 100, producerEpoch: 0 })
    expect(harness.init()).toEqual({ producerId: 100, producerEpoch: 1 })
    harness.restart()
    expect(harness.init()).toEqual({ producerId: 100, producerEpoch: 2 })
  })

  it('is refused a timeout beyond the limit', () => {
    const harness = new Harness()
    expect(harness.init(undefined, 0)).toBe('INVALID_TRANSACTION_TIMEOUT')
    expect(harness.init(undefined, 900_001)).toBe('INVALID_TRANSACTION_TIMEOUT')
  })

  it('raises its own epoch once, however often it asks (KIP-360)', () => {
    const harness = new Harness()
    const first = harness.begin()
    expect(harness.init(first)).toEqual({ producerId: 100, producerEpoch: 1 })
    expect(harness.init(first)).toEqual({ producerId: 100, producerEpoch: 1 })
    expect(harness.init({ producerId: 100, producerEpoch: 1 })).toMatchObject({ producerEpoch: 2 })
  })

  it('is fenced for good by a newer one', () => {
    const harness = new Harness()
    const old = harness.begin()
    const young = harness.begin()
    expect(harness.init(old)).toBe('PRODUCER_FENCED')
    expect(harness.add(old)).toBe('PRODUCER_FENCED')
    expect(harness.end(old, true)).toBe('PRODUCER_FENCED')
    expect(harness.endV2(old, false)).toBe('PRODUCER_FENCED')
    expect(harness.add(young)).toBeUndefined()
  })

  it('that comes anew aborts what the old one left open', () => {
    const harness = new Harness()
    const old = harness.begin()
    harness.add(old)
    expect(harness.init()).toBe('FENCED')
    expect(harness.known).toMatchObject({ state: 'PrepareAbort', producerEpoch: 1 })
    expect(harness.init()).toBe('CONCURRENT_TRANSACTIONS')
    harness.complete()
    expect(harness.init()).toEqual({ producerId: 100, producerEpoch: 2 })
  })

  it('gets another id when its epochs are used up', () => {
    const harness = new Harness()
    harness.begin()
    harness.write({ ...harness.known, producerEpoch: PRODUCER_EPOCH_MAX })
    expect(harness.coordinator.needsProducerId(ID)).toBe(true)
    expect(harness.init()).toEqual({ producerId: 101, producerEpoch: 0 })
  })

  it('cannot use what it never had', () => {
    const harness = new Harness()
    const stranger = { producerId: 7, producerEpoch: 0 }
    expect(harness.add(stranger)).toBe('INVALID_PRODUCER_ID_MAPPING')
    expect(harness.init(stranger)).toBe('INVALID_PRODUCER_ID_MAPPING')
    harness.begin()
    expect(harness.end(stranger, true)).toBe('INVALID_PRODUCER_ID_MAPPING')
  })
})

describe('ending a transaction of an older client', () => {
  it('keeps the epoch and answers a repeated end alike', () => {
    const harness = new Harness()
    const producer = harness.begin()
    harness.add(producer, 0, 0)
    expect(harness.end(producer, true)).toEqual(producer)
    expect(harness.end(producer, true)).toBe('CONCURRENT_TRANSACTIONS')
    expect(harness.end(producer, false)).toBe('INVALID_TXN_STATE')
    harness.complete()
    expect(harness.end(producer, true)).toEqual(producer)
    expect(harness.end(producer, false)).toBe('INVALID_TXN_STATE')
    expect(harness.add(producer, 0, 0)).toBeUndefined()
  })

  it('is refused when nothing is open', () => {
    const harness = new Harness()
    expect(harness.end(harness.begin(), true)).toBe('INVALID_TXN_STATE')
  })
})

describe('ending a transaction of a V2 client', () => {
  it('gives the next transaction an epoch of its own', () => {
    const harness = new Harness()
    const producer = harness.begin()
    harness.add(producer)
    const next = harness.endV2(producer, true)
    expect(next).toEqual({ producerId: 100, producerEpoch: 1 })
    harness.complete()
    expect(harness.known).toMatchObject({ state: 'CompleteCommit', producerEpoch: 1 })
    expect(harness.endV2(producer, true)).toEqual(next)
    expect(harness.endV2(producer, false)).toBe('INVALID_TXN_STATE')
  })

  it('does not let a delayed end touch the next transaction (KAFKA-17754)', () => {
    const harness = new Harness()
    const first = harness.begin()
    harness.add(first)
    const second = harness.endV2(first, true) as ProducerIdentity
    harness.complete()
    harness.add(second)
    expect(harness.endV2(first, false)).toBe('PRODUCER_FENCED')
    expect(harness.known.state).toBe('Ongoing')
  })

  it('may abort when nothing is open, and never commit', () => {
    const harness = new Harness()
    const producer = harness.begin()
    expect(harness.endV2(producer, true)).toBe('CONCURRENT_TRANSACTIONS')
    expect(harness.endV2(producer, true)).toBe('INVALID_TXN_STATE')
    expect(harness.endV2(producer, false)).toMatchObject({ producerEpoch: 1 })
  })

  it('asks a commit that overtook its records to come again, once in each transaction', () => {
    const harness = new Harness()
    let producer = harness.begin()
    for (let i = 0; i < 3; i++) {
      expect(harness.endV2(producer, true)).toBe('CONCURRENT_TRANSACTIONS')
      harness.add(producer)
      producer = harness.endV2(producer, true) as ProducerIdentity
      expect(producer.producerEpoch).toBe(i + 1)
      // The next one may be here before this one has its markers.
      expect(harness.endV2(producer, true)).toBe('CONCURRENT_TRANSACTIONS')
      harness.complete()
    }
    expect(harness.endV2({ ...producer, producerEpoch: 7 }, true)).toBe('PRODUCER_FENCED')
  })

  it('hands over to another id when the epochs are used up (KAFKA-18660)', () => {
    const harness = new Harness()
    harness.begin()
    harness.write({ ...harness.known, producerEpoch: PRODUCER_EPOCH_MAX })
    const last = { producerId: 100, producerEpoch: PRODUCER_EPOCH_MAX }
    harness.add(last)
    const next = harness.endV2(last, true) as ProducerIdentity
    expect(next.producerEpoch).toBe(0)
    expect(next.producerId).not.toBe(100)
    expect(harness.known.producerEpoch).toBe(PRODUCER_EPOCH_MAX + 1)
    harness.complete()
    expect(harness.endV2(last, true)).toEqual(next)
    expect(harness.add(next)).toBeUndefined()
  })
})

describe('a record on its way to the disk', () => {
  const ended = (clientVersion: number) => {
    const harness = new Harness()
    const producer = harness.begin()
    harness.add(producer, 0, clientVersion)
    const next = clientVersion === 2 ? harness.endV2(producer, true) : harness.end(producer, true)
    return { harness, next: next as ProducerIdentity }
  }

  it.each([0, 2])('is built upon when it ends a transaction, client version %i', (version) => {
    const { harness, next } = ended(version)
    const { coordinator } = harness
    const complete = coordinator.complete(harness.known, harness.now)
    const add = () => coordinator.addPartitions(ID, next, [['t', 1]], version, harness.now)
    expect(coordinator.isExtensible(ID)).toBe(false)
    expect(add()).toMatchObject({ error: 'CONCURRENT_TRANSACTIONS' })
    coordinator.changing.set(ID, complete)
    expect(coordinator.isExtensible(ID)).toBe(true)
    const decision = add()
    expect(decision).toMatchObject({ kind: 'write', value: { state: 'Ongoing', ...next } })
    if (decision.kind === 'write') {
      expect([...decision.value.partitions]).toEqual([['t', new Set([1])]])
    }
    // Nothing else is decided, nor does it count.
    expect(harness.init()).toBe('CONCURRENT_TRANSACTIONS')
    expect(harness.known.state).toBe('PrepareCommit')
  })

  it('is built upon when it adds partitions, and not when it decides', () => {
    const harness = new Harness()
    const producer = harness.begin()
    const { coordinator } = harness
    const add = (partition: number) =>
      coordinator.addPartitions(ID, producer, [['t', partition]], 2, harness.now)
    const first = add(0)
    if (first.kind !== 'write') throw new Error('nothing to write')
    coordinator.changing.set(ID, first.value)
    expect(add(0).kind).toBe('answer')
    const second = add(1)
    if (second.kind !== 'write') throw new Error('nothing to write')
    expect([...second.value.partitions]).toEqual([['t', new Set([0, 1])]])
    coordinator.replay({ transactionalId: ID, value: second.value })
    coordinator.changing.set(ID, { ...second.value, state: 'PrepareCommit' })
    expect(coordinator.isExtensible(ID)).toBe(false)
    expect(add(2)).toMatchObject({ error: 'CONCURRENT_TRANSACTIONS' })
    coordinator.changing.set(ID, null)
    expect(coordinator.isExtensible(ID)).toBe(false)
  })
})

describe('a record that is owed', () => {
  it('holds up everything else until it is written', () => {
    const harness = new Harness()
    const producer = harness.begin()
    harness.add(producer, 0)
    const { coordinator } = harness
    coordinator.owed.set(ID, { ...producer, partitions: [['t', 1]] })
    harness.now += 60_001
    expect(harness.add(producer, 2)).toBe('CONCURRENT_TRANSACTIONS')
    expect(harness.endV2(producer, false)).toBe('CONCURRENT_TRANSACTIONS')
    expect(harness.init()).toBe('CONCURRENT_TRANSACTIONS')
    expect(coordinator.timedOut(harness.now)).toEqual([])
    harness.write(coordinator.repaid(ID, harness.now) as Transaction)
    coordinator.owed.delete(ID)
    expect([...harness.known.partitions]).toEqual([['t', new Set([0, 1])]])
    expect(harness.known).toMatchObject({ state: 'Ongoing', ...producer })
    expect(coordinator.repaid(ID, harness.now)).toBeUndefined()
    expect(harness.endV2(producer, false)).toMatchObject({ producerEpoch: 1 })
  })

  it('waits until the transaction before it is complete', () => {
    const harness = new Harness()
    const producer = harness.begin()
    harness.add(producer, 0)
    const next = harness.endV2(producer, true) as ProducerIdentity
    const { coordinator } = harness
    coordinator.owed.set(ID, { ...next, partitions: [['t', 0]] })
    expect(coordinator.repaid(ID, harness.now)).toBeUndefined()
    coordinator.changing.set(ID, coordinator.complete(harness.known, harness.now))
    expect(coordinator.repaid(ID, harness.now)).toMatchObject({ state: 'Ongoing', ...next })
  })
})

describe('time', () => {
  it('aborts a transaction that is open for too long, with a higher epoch', () => {
    const harness = new Harness()
    const producer = harness.begin()
    harness.add(producer)
    harness.now += 60_000
    expect(harness.coordinator.timedOut(harness.now)).toEqual([])
    harness.now += 1
    expect(harness.coordinator.timedOut(harness.now)).toEqual([ID])
    harness.write(harness.coordinator.abortTimedOut(harness.known as Transaction, harness.now))
    expect(harness.known).toMatchObject({ state: 'PrepareAbort', producerEpoch: 1 })
    expect(harness.endV2(producer, true)).not.toEqual(producer)
    harness.complete()
    // Its commit crossed the abort (KAFKA-20785); Apache Kafka 4.4 answers this, and so do we.
    expect(harness.endV2(producer, true)).toBe('INVALID_TXN_STATE')
    expect(harness.add(producer)).toBe('PRODUCER_FENCED')
  })

  it('forgets ids that nobody uses, and none that is in the middle of something', () => {
    const harness = new Harness()
    const producer = harness.begin()
    harness.add(producer)
    harness.now += SETTINGS.expirationMs
    expect(harness.coordinator.expired(harness.now)).toEqual([])
    harness.endV2(producer, true)
    harness.complete()
    harness.now += SETTINGS.expirationMs
    expect(harness.coordinator.expired(harness.now)).toEqual([ID])
  })
})

describe('random histories', () => {
  it.each(Array.from({ length: 40 }, (_, seed) => seed))(
    'hold what was answered, seed %i',
    (seed) => {
      const random = new SeededRandom(seed)
      const harness = new Harness()
      let producer: ProducerIdentity | undefined
      /** Every identity that a newer one has replaced. */
      const fenced: ProducerIdentity[] = []
      let outcome: 'none' | 'open' | 'commit' | 'abort' = 'none'
      for (let step = 0; step < 200; step++) {
        const before = harness.coordinator.transactions.get(ID)
        switch (random.integer(6)) {
          case 0: {
            const identity = harness.init()
            if (typeof identity === 'string') break
            if (producer) fenced.push(producer)
            producer = identity
            outcome = 'none'
            break
          }
          case 1:
            if (producer && harness.add(producer, random.integer(3)) === undefined) outcome = 'open'
            break
          case 2: {
            if (!producer || outcome !== 'open') break
            const isCommit = random.chance(0.5)
            const next = harness.endV2(producer, isCommit)
            if (typeof next === 'string') break
            fenced.push(producer)
            producer = next
            outcome = isCommit ? 'commit' : 'abort'
            break
          }
          case 3:
            harness.complete()
            break
          case 4:
            harness.restart()
            expect(harness.coordinator.transactions.get(ID)).toEqual(before)
            break
          case 5: {
            const old = fenced.length > 0 ? random.pick(fenced) : undefined
            if (!old) break
            expect(typeof harness.add(old)).toBe('string')
            expect(harness.coordinator.transactions.get(ID)).toEqual(before)
            break
          }
        }
        const after = harness.coordinator.transactions.get(ID)
        if (!after) continue
        // A decided outcome is never changed into the other one.
        if (before?.state === 'PrepareCommit') expect(after.state).not.toBe('PrepareAbort')
        if (before?.state === 'PrepareCommit') expect(after.state).not.toBe('CompleteAbort')
        if (before?.state === 'PrepareAbort') expect(after.state).not.toBe('CompleteCommit')
        if (isComplete(after.state) || after.state === 'Empty')
          expect(after.partitions.size).toBe(0)
        if (before && before.producerId === after.producerId) {
          expect(after.producerEpoch).toBeGreaterThanOrEqual(before.producerEpoch)
        }
      }
    },
  )
})
