import { describe, expect, it } from 'vitest'
import type { Transaction } from './transaction-state.ts'
import { isMarked, type OpenTransaction, unnamedPartitions } from './unnamed-partitions.ts'

const BASE: Transaction = {
  transactionalId: 'pay',
  producerId: 100,
  producerEpoch: 4,
  previousProducerId: -1,
  nextProducerId: -1,
  nextProducerEpoch: -1,
  timeoutMs: 60_000,
  state: 'CompleteCommit',
  partitions: new Map(),
  startTimestamp: -1,
  lastUpdateTimestamp: 0,
  clientVersion: 2,
}
const open = (partition: number, producerEpoch = 4, producerId = 100): OpenTransaction => ({
  topic: 't',
  partition,
  producerId,
  producerEpoch,
})
const partitionsOf = (known: Transaction, ...found: OpenTransaction[]) =>
  unnamedPartitions(known, found)?.partitions

describe('partitions that no record names', () => {
  it('belong to the next transaction when the last is over', () => {
    for (const state of ['CompleteCommit', 'CompleteAbort', 'Empty'] as const) {
      expect(partitionsOf({ ...BASE, state }, open(1), open(2))).toEqual([
        ['t', 1],
        ['t', 2],
      ])
    }
  })

  it('belong to the open one, without those it names', () => {
    const partitions = new Map([['t', new Set([1])]])
    const known: Transaction = { ...BASE, state: 'Ongoing', partitions }
    expect(partitionsOf(known, open(1), open(2))).toEqual([['t', 2]])
    expect(partitionsOf(known, open(1))).toBeUndefined()
  })

  it('belong to what follows a decided one, whose own have the epoch before', () => {
    const partitions = new Map([['t', new Set([1, 2])]])
    const known: Transaction = { ...BASE, state: 'PrepareCommit', partitions }
    expect(partitionsOf(known, open(1, 3), open(2, 4))).toEqual([['t', 2]])
    const last: Transaction = { ...known, nextProducerId: 200, nextProducerEpoch: 0 }
    expect(unnamedPartitions(last, [open(1), open(2, 0, 200)])).toEqual({
      producerId: 200,
      producerEpoch: 0,
      partitions: [['t', 2]],
    })
  })

  it('are left alone when the epoch does not tell whose they are', () => {
    const older = { ...BASE, clientVersion: 0 }
    expect(partitionsOf(older, open(1))).toBeUndefined()
    expect(partitionsOf({ ...older, state: 'Ongoing' }, open(1))).toBeUndefined()
    expect(partitionsOf({ ...older, state: 'PrepareCommit' }, open(1))).toBeUndefined()
    // Every InitProducerId begins an epoch of its own.
    expect(partitionsOf({ ...older, state: 'Empty' }, open(1))).toEqual([['t', 1]])
    expect(partitionsOf(BASE, open(1, 3), open(2, 5), open(3, 4, 7))).toBeUndefined()
  })
})

describe('a marker', () => {
  const decided: Transaction = { ...BASE, state: 'PrepareCommit' }

  it('is there already where the next transaction is open', () => {
    expect(isMarked(decided, { producerEpoch: 4, currentTxnFirstOffset: 17 })).toBe(true)
  })

  it('is written otherwise', () => {
    expect(isMarked(decided, undefined)).toBe(false)
    expect(isMarked(decided, { producerEpoch: 3, currentTxnFirstOffset: 17 })).toBe(false)
    expect(isMarked(decided, { producerEpoch: 4, currentTxnFirstOffset: -1 })).toBe(false)
    // The epoch of an older client is the same before and after.
    const older = { ...decided, clientVersion: 0 }
    expect(isMarked(older, { producerEpoch: 4, currentTxnFirstOffset: 17 })).toBe(false)
  })
})
