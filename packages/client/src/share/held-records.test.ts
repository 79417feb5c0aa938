import { errorCode } from '@ottla/protocol'
import { beforeEach, describe, expect, test } from 'vitest'
import { KafkaError } from '../errors.ts'
import { type AcquiredRange, HeldRecords } from './held-records.ts'

const range = (firstOffset: number, lastOffset: number, deliveryCount = 1): AcquiredRange => ({
  firstOffset,
  lastOffset,
  deliveryCount,
})
const lost = new KafkaError(errorCode('SHARE_SESSION_NOT_FOUND'), 'test')

let late: KafkaError[]
beforeEach(() => {
  late = []
})

/** Holds every offset of the ranges, apart from the gaps. */
function holding(ranges: readonly AcquiredRange[], gaps: readonly number[] = []): HeldRecords {
  const held = new HeldRecords(ranges, (error) => late.push(error))
  for (const { firstOffset, lastOffset } of ranges) {
    for (let offset = firstOffset; offset <= lastOffset; offset++) {
      if (!gaps.includes(offset)) held.hold(offset)
    }
  }
  return held
}

const batch = (firstOffset: number, lastOffset: number, ...acknowledgeTypes: number[]) => ({
  firstOffset,
  lastOffset,
  acknowledgeTypes,
})

describe('held records', () => {
  test('say how often each was delivered, and which are not ours', () => {
    const held = holding([range(3, 4), range(7, 9, 3)])
    expect([2, 3, 4, 5, 7, 9, 10].map((offset) => held.hold(offset))).toEqual([
      ...[undefined, 1, 1, undefined, 3, 3, undefined],
    ])
    expect(() => held.mark(5, 'accept')).toThrow(RangeError)
  })

  test('one word for all is one number, different words are one for each', () => {
    const held = holding([range(0, 3)])
    held.markRest('accept')
    expect(held.takeBatches()).toEqual([batch(0, 3, 1)])
    const mixed = holding([range(0, 3)])
    mixed.mark(1, 'release')
    mixed.mark(2, 'reject')
    mixed.markRest('accept')
    expect(mixed.takeBatches()).toEqual([batch(0, 3, 1, 2, 3, 1)])
    expect(mixed.isDone).toBe(true)
    expect(mixed.takeBatches()).toEqual([])
  })

  test('what has no answer yet parts the batches', () => {
    const held = holding([range(0, 5)])
    for (const offset of [0, 1, 4]) held.mark(offset, 'accept')
    expect(held.takeBatches()).toEqual([batch(0, 1, 1), batch(4, 4, 1)])
    expect(held.isDone).toBe(false)
    expect([1, 2, 5].map((offset) => held.isHeld(offset))).toEqual([false, true, true])
  })

  test('the last word before it is sent counts, and none after', () => {
    const held = holding([range(0, 0)])
    held.mark(0, 'release')
    held.mark(0, 'accept')
    expect(held.takeBatches()).toEqual([batch(0, 0, 1)])
    held.mark(0, 'reject')
    expect(held.hasMarks).toBe(false)
    expect(late).toEqual([])
  })

  test('offsets without a record are told as gaps', () => {
    const held = holding([range(0, 3)], [1, 3])
    expect(held.hasMarks).toBe(true)
    held.markRest('accept')
    expect(held.takeBatches()).toEqual([batch(0, 3, 1, 0, 1, 0)])
  })

  test('what did not arrive goes back and is no gap', () => {
    const held = new HeldRecords([range(0, 1), range(2, 5)], (error) => late.push(error))
    held.releaseFrom(3)
    for (const offset of [0, 1, 2]) held.hold(offset)
    held.markRest('accept')
    expect(held.takeBatches()).toEqual([batch(0, 1, 1), batch(2, 5, 1, 2, 2, 2)])
  })

  test('a renewed record wants another answer', () => {
    const held = holding([range(0, 1)])
    held.mark(0, 'renew')
    expect(held.hasRenewals).toBe(true)
    expect(held.takeBatches()).toEqual([batch(0, 0, 4)])
    expect([held.hasRenewals, held.hasMarks, held.isHeld(0)]).toEqual([false, false, true])
    held.markRest('accept')
    expect(held.takeBatches()).toEqual([batch(0, 1, 1)])
    expect(held.isDone).toBe(true)
  })

  test('renewals that were not sent can be dropped, and are accepted with the rest', () => {
    const held = holding([range(0, 1)])
    held.mark(0, 'renew')
    held.dropRenewals()
    expect(held.hasMarks).toBe(false)
    held.mark(0, 'renew')
    held.markRest('accept')
    expect(held.takeBatches()).toEqual([batch(0, 1, 1)])
  })

  test('what the broker could not take in is told again', () => {
    const held = holding([range(0, 3)])
    held.mark(1, 'release')
    held.markRest('accept')
    const taken = held.takeBatches()
    expect(held.isDone).toBe(true)
    held.putBack(taken)
    expect(held.isDone).toBe(false)
    expect(held.takeBatches()).toEqual(taken)
  })

  test('a word said while a renewal was on its way is newer than the renewal', () => {
    const held = holding([range(0, 0)])
    held.mark(0, 'renew')
    const taken = held.takeBatches()
    held.mark(0, 'accept')
    held.putBack(taken)
    expect(held.takeBatches()).toEqual([batch(0, 0, 1)])
  })
})

describe('held records that were lost', () => {
  test('nothing of them is sent; what was said before and after is reported', () => {
    const held = holding([range(0, 2)], [2])
    held.mark(0, 'accept')
    held.lose(0, 99, lost)
    expect(late).toEqual([lost])
    expect([held.isDone, held.hasMarks]).toEqual([true, false])
    held.mark(1, 'accept')
    expect(late).toEqual([lost, lost])
    held.markRest('accept')
    expect(late).toHaveLength(3)
    expect(held.takeBatches()).toEqual([])
  })

  test('gaps and what was said already are not missed', () => {
    const held = holding([range(0, 1)], [1])
    held.mark(0, 'accept')
    held.takeBatches()
    held.lose(0, 99, lost)
    held.markRest('accept')
    held.mark(0, 'accept')
    expect(late).toEqual([])
  })

  test('only those that were given out again', () => {
    const held = holding([range(0, 3)])
    held.lose(1, 2, lost)
    held.markRest('accept')
    expect(held.takeBatches()).toEqual([batch(0, 0, 1), batch(3, 3, 1)])
    expect(late).toEqual([lost])
  })
})
