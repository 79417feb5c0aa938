import { describe, expect, it } from 'vitest'
import { ProducerStates } from './producer-state.ts'

const ID = 7
const header = (producerEpoch: number, firstSequence: number, baseOffset: number) => ({
  producerId: ID,
  producerEpoch,
  firstSequence,
  lastSequence: firstSequence,
  baseOffset,
  lastOffset: baseOffset,
  timestamp: 1,
  isTransactional: true,
})
const attempted = (producerEpoch: number, firstSequence: number) => ({
  producerId: ID,
  producerEpoch,
  firstSequence,
})
const V1 = { isV2: false, nowMs: 1 }
const V2 = { isV2: true, nowMs: 1 }
const commit = (producerEpoch: number, offset: number) => ({
  producerId: ID,
  producerEpoch,
  coordinatorEpoch: 0,
  isAbort: false,
  offset,
  timestamp: 1,
})

describe('the first batch of a transaction', () => {
  it('begins with sequence 0 when a V2 producer is not known', () => {
    const states = new ProducerStates()
    states.attempt(attempted(0, 3), V2)
    expect(states.check(ID, 0, 3, true)).toMatchObject({ error: 'OUT_OF_ORDER_SEQUENCE_NUMBER' })
    states.attempt(attempted(0, 0), V2)
    expect(states.check(ID, 0, 0, true)).toBeUndefined()
  })

  it('may have any sequence when a V1 producer is not known', () => {
    const states = new ProducerStates()
    states.attempt(attempted(0, 3), V1)
    expect(states.check(ID, 0, 3, true)).toBeUndefined()
  })

  it('is the first of those that have asked', () => {
    const states = new ProducerStates()
    states.attempt(attempted(0, 0), V1)
    states.attempt(attempted(0, 1), V1)
    expect(states.check(ID, 0, 1, true)).toMatchObject({ error: 'OUT_OF_ORDER_SEQUENCE_NUMBER' })
    expect(states.check(ID, 0, 0, true)).toBeUndefined()
    states.append(header(0, 0, 0))
    states.attempt(attempted(0, 1), V1)
    expect(states.check(ID, 0, 1, true)).toBeUndefined()
  })

  it('asks anew with the next epoch', () => {
    const states = new ProducerStates()
    states.attempt(attempted(0, 0), V1)
    states.attempt(attempted(1, 2), V1)
    expect(states.check(ID, 1, 2, true)).toBeUndefined()
  })

  it('keeps what was asked with the epoch of the marker before it', () => {
    const states = new ProducerStates()
    states.append(header(0, 0, 0))
    states.attempt(attempted(1, 0), V2)
    states.appendMarker(commit(1, 1))
    expect(states.check(ID, 1, 5, true)).toMatchObject({ error: 'OUT_OF_ORDER_SEQUENCE_NUMBER' })
    expect(states.check(ID, 1, 0, true)).toBeUndefined()
  })

  it('is forgotten like a producer', () => {
    const states = new ProducerStates()
    states.attempt(attempted(0, 0), V1)
    states.expire(100, 50)
    expect(states.check(ID, 0, 4, true)).toBeUndefined()
  })
})

describe('a plain batch while a transaction is open', () => {
  it('is refused for its sequence first, then for the transaction, also in a new epoch', () => {
    const states = new ProducerStates()
    states.append(header(0, 0, 0))
    expect(states.check(ID, 0, 4, false)).toMatchObject({ error: 'OUT_OF_ORDER_SEQUENCE_NUMBER' })
    expect(states.check(ID, 0, 1, false)).toMatchObject({ error: 'INVALID_TXN_STATE' })
    expect(states.check(ID, 1, 0, false)).toMatchObject({ error: 'INVALID_TXN_STATE' })
  })
})

it('a producer is fenced where a newer epoch of it has written', () => {
  const states = new ProducerStates()
  expect(states.isFenced({ producerId: ID, producerEpoch: 0 })).toBe(false)
  states.append(header(1, 0, 0))
  expect(states.isFenced({ producerId: ID, producerEpoch: 0 })).toBe(true)
  expect(states.isFenced({ producerId: ID, producerEpoch: 1 })).toBe(false)
})
