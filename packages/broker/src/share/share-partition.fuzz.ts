/**
 * Random lives of a share partition with crashes: no record is held by two, a final record never
 * comes again, every record ends, and a restart knows what was written down.
 */
import { SeededRandom } from '@ottla/base'
import { expect, it } from 'vitest'
import { type AcknowledgementBatch, acknowledge } from './acknowledge.ts'
import { acquire } from './acquire.ts'
import { RecordState } from './in-flight-batch.ts'
import { SharePartition, type Transition } from './share-partition.ts'
import type { ShareStateRecord } from './share-state-records.ts'
import { decodeShareState, encodeShareState } from './share-state-records.ts'
import { ShareStates } from './share-states.ts'

const RUNS = 150
const STEPS = 120
const LOG_END = 60
const BATCH = 4
const DELIVERIES_MAX = 4
const KEY = { groupId: 'g', topicId: 'AAAAAAAAAAAAAAAAAAAAAQ', partition: 0 }
const MEMBERS = ['a', 'b', 'c']

class World {
  readonly random: SeededRandom
  readonly records: ShareStateRecord[] = []
  states = new ShareStates(5)
  partition: SharePartition
  nowMs = 0
  readonly final = new Set<number>()
  inFlight: { transition: Transition; finals: number[] }[] = []

  constructor(seed: number) {
    this.random = new SeededRandom(seed)
    this.write(this.states.initialize(KEY, { stateEpoch: 0, startOffset: 0 }, 0).records)
    this.partition = this.open()
  }

  private write(records: readonly ShareStateRecord[]): void {
    for (const record of records) {
      const { key, value } = encodeShareState(record)
      const read = decodeShareState(key, value) as ShareStateRecord
      this.states.replay(read, this.records.length)
      this.records.push(read)
    }
  }

  open(): SharePartition {
    const { startOffset, batches } = this.states.get(KEY) ?? { startOffset: 0, batches: [] }
    return new SharePartition({ startOffset, batches })
  }

  private persist(stateBatches: Transition['batches']): void {
    if (stateBatches.length === 0) return
    const { startOffset, deliveryCompleteCount } = this.partition
    const write = {
      stateEpoch: 0,
      leaderEpoch: 0,
      startOffset,
      deliveryCompleteCount,
      stateBatches,
    }
    const { records, error } = this.states.write(KEY, write, 0)
    expect(error).toBe('NONE')
    this.write(records)
  }

  acquire(): void {
    const { partition, random } = this
    const fetchOffset = partition.nextFetchOffset
    const batches = []
    for (let base = fetchOffset - (fetchOffset % BATCH); base < LOG_END; base += BATCH) {
      batches.push({ baseOffset: base, lastOffset: base + BATCH - 1 })
    }
    if (fetchOffset >= LOG_END) return
    const before = this.owners()
    const memberId = MEMBERS[random.integer(MEMBERS.length)] as string
    const acquired = acquire(partition, {
      memberId,
      batches: batches.slice(0, 1 + random.integer(6)),
      fetchOffset,
      maxRecords: 1 + random.integer(12),
      batchSize: 1 + random.integer(8),
      isRecordLimit: random.integer(2) === 0,
      lockDeadlineMs: this.nowMs + 10,
      deliveryCountMax: DELIVERIES_MAX,
      inFlightMax: 20,
    })
    for (const { firstOffset, lastOffset, deliveryCount } of acquired) {
      expect(deliveryCount).toBeLessThanOrEqual(DELIVERIES_MAX)
      for (let offset = firstOffset; offset <= lastOffset; offset++) {
        expect(before.get(offset), `${offset} is held by another`).toBeUndefined()
        expect(this.final.has(offset), `${offset} comes again`).toBe(false)
        expect(this.owners().get(offset)).toBe(memberId)
      }
    }
    expect(partition.inFlightCount).toBeLessThanOrEqual(20 + 12 + 2 * BATCH)
  }

  owners(): Map<number, string> {
    const owners = new Map<number, string>()
    for (const batch of this.partition.batches) {
      for (const [slot, first, last] of batch.slots()) {
        if (slot.state !== RecordState.ACQUIRED) continue
        for (let offset = first; offset <= last; offset++) owners.set(offset, slot.memberId)
      }
    }
    return owners
  }

  acknowledge(): void {
    const { random } = this
    const owners = [...this.owners()]
    const pick = owners[random.integer(Math.max(1, owners.length))]
    if (!pick) return
    const [offset, owner] = pick
    const memberId = random.integer(8) === 0 ? 'stranger' : owner
    const count = 1 + random.integer(6)
    const types = Array.from({ length: random.integer(2) ? 1 : count }, () => random.integer(4))
    const batch: AcknowledgementBatch = {
      firstOffset: offset,
      lastOffset: offset + count - 1,
      acknowledgeTypes: types,
    }
    const result = acknowledge(this.partition, [batch], {
      memberId,
      deliveryCountMax: DELIVERIES_MAX,
      renewedDeadlineMs: undefined,
    })
    if (typeof result === 'string') return
    expect(memberId).not.toBe('stranger')
    this.begin(result)
  }

  private begin(transition: Transition): void {
    const finals = transition.batches.flatMap(({ firstOffset, lastOffset, deliveryState }) =>
      deliveryState === RecordState.AVAILABLE
        ? []
        : Array.from({ length: lastOffset - firstOffset + 1 }, (_, i) => firstOffset + i),
    )
    this.inFlight.push({ transition, finals })
    if (this.random.integer(10) === 0) this.inFlight.pop()?.transition.rollBack()
    else this.persist(transition.batches)
  }

  /** What was written first is durable first. */
  settle(): void {
    const done = this.inFlight.shift()
    if (!done) return
    done.transition.commit()
    for (const offset of done.finals) this.final.add(offset)
  }

  release(): void {
    const memberId = MEMBERS[this.random.integer(MEMBERS.length)] as string
    this.begin(this.partition.release(memberId, DELIVERIES_MAX))
  }

  expire(ms: number): void {
    this.nowMs += ms
    this.persist(this.partition.expireLocks(this.nowMs, DELIVERIES_MAX))
    this.partition.advance()
  }

  crash(): void {
    while (this.inFlight.length > 0) this.settle()
    const again = new ShareStates(5)
    for (const [offset, record] of this.records.entries()) again.replay(record, offset)
    expect(again.get(KEY)).toEqual(this.states.get(KEY))
    this.states = again
    this.partition = this.open()
  }

  step(): void {
    const choice = this.random.integer(20)
    if (choice < 7) this.acquire()
    else if (choice < 13) this.acknowledge()
    else if (choice < 16) this.settle()
    else if (choice < 17) this.release()
    else if (choice < 19) this.expire(this.random.integer(8))
    else this.crash()
    this.check()
  }

  check(): void {
    const { partition } = this
    let next = 0
    for (const { first, last } of partition.batches) {
      expect(first).toBeGreaterThanOrEqual(next)
      next = last + 1
    }
    expect(next).toBeLessThanOrEqual(partition.endOffset)
    expect(partition.startOffset).toBeLessThanOrEqual(partition.endOffset)
  }

  /** Everybody accepts from now on: all must come to an end. */
  finish(): void {
    for (let i = 0; i < 1000 && this.partition.startOffset < LOG_END; i++) {
      while (this.inFlight.length > 0) this.settle()
      this.acquire()
      for (const [offset, memberId] of this.owners()) {
        const batch = { firstOffset: offset, lastOffset: offset, acknowledgeTypes: [1] }
        const result = acknowledge(this.partition, [batch], {
          memberId,
          deliveryCountMax: DELIVERIES_MAX,
          renewedDeadlineMs: undefined,
        })
        if (typeof result === 'string') throw new Error(`${offset}: ${result}`)
        this.persist(result.batches)
        result.commit()
      }
    }
    expect(this.partition.startOffset).toBe(LOG_END)
  }
}

/** Seconds on a quiet machine; the lives are the same on a busy one. */
const TEST_TIMEOUT_MS = 120_000

it('keeps every promise in random lives', { timeout: TEST_TIMEOUT_MS }, () => {
  for (let seed = 1; seed <= RUNS; seed++) {
    const world = new World(seed)
    try {
      for (let step = 0; step < STEPS; step++) world.step()
      world.finish()
    } catch (cause) {
      throw new Error(`seed ${seed}: ${(cause as Error).message}`, { cause })
    }
  }
})
