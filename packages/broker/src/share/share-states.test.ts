/** Who may read and write the state of a share partition, and what a write cannot undo. */
import { describe, expect, it } from 'vitest'
import { ShareStates, type StateDecision } from './share-states.ts'

const KEY = { groupId: 'g', topicId: 'AAAAAAAAAAAAAAAAAAAAAQ', partition: 0 }
const WRITE = {
  stateEpoch: 1,
  leaderEpoch: 0,
  startOffset: 5,
  deliveryCompleteCount: 2,
  stateBatches: [],
}

class Store {
  readonly states = new ShareStates(500)
  private offset = 0

  /** Lets a decision count, and gives its error. */
  decide({ records, error }: StateDecision): string {
    for (const record of records) this.states.replay(record, this.offset++)
    return error
  }
}

const initialized = (startOffset = 5): Store => {
  const store = new Store()
  store.decide(store.states.initialize(KEY, { stateEpoch: 1, startOffset }, 0))
  return store
}

describe('the state of a share partition', () => {
  it('cannot be read or written before it is made', () => {
    const { states } = new Store()
    expect(states.read(KEY, 0, 0).error).toBe('INVALID_REQUEST')
    expect(states.write(KEY, WRITE, 0).error).toBe('INVALID_REQUEST')
    expect(states.delete(KEY).error).toBe('NONE')
  })

  it('has nothing complete where its start is still to be found out', () => {
    expect(initialized(-1).states.get(KEY)?.deliveryCompleteCount).toBe(-1)
    expect(initialized(0).states.get(KEY)?.deliveryCompleteCount).toBe(0)
  })

  it('belongs to the newest leader that has read it', () => {
    const store = initialized()
    expect(store.decide(store.states.read(KEY, 3, 0))).toBe('NONE')
    expect(store.states.get(KEY)?.leaderEpoch).toBe(3)
    expect(store.decide(store.states.read(KEY, 2, 0))).toBe('FENCED_LEADER_EPOCH')
    expect(store.decide(store.states.write(KEY, WRITE, 0))).toBe('FENCED_LEADER_EPOCH')
    expect(store.decide(store.states.write(KEY, { ...WRITE, leaderEpoch: 3 }, 0))).toBe('NONE')
  })

  it('remembers a fenced leader when it is made anew', () => {
    const store = initialized()
    store.decide(store.states.read(KEY, 3, 0))
    store.decide(store.states.initialize(KEY, { stateEpoch: 2, startOffset: 0 }, 0))
    expect(store.states.get(KEY)?.leaderEpoch).toBe(0)
    expect(store.states.read(KEY, 2, 0).error).toBe('FENCED_LEADER_EPOCH')
  })

  it('fences older state epochs', () => {
    const store = initialized()
    const older = { ...WRITE, stateEpoch: 0 }
    expect(store.states.write(KEY, older, 0).error).toBe('FENCED_STATE_EPOCH')
    const again = store.states.initialize(KEY, { stateEpoch: 0, startOffset: 0 }, 0)
    expect(again.error).toBe('FENCED_STATE_EPOCH')
  })

  it.each([
    ['further on: the count begins anew', 7, 0, { startOffset: 7, deliveryCompleteCount: 0 }],
    ['the same: the higher count', 5, 1, { startOffset: 5, deliveryCompleteCount: 2 }],
    ['further back: nothing changes', 3, 9, { startOffset: 5, deliveryCompleteCount: 2 }],
  ])('takes a start offset %s', (_, startOffset, deliveryCompleteCount, expected) => {
    const store = initialized()
    store.decide(store.states.write(KEY, WRITE, 0))
    store.decide(store.states.write(KEY, { ...WRITE, startOffset, deliveryCompleteCount }, 0))
    expect(store.states.get(KEY)).toMatchObject(expected)
  })

  it.each([
    ['partition', { partition: -1 }, {}],
    ['leader epoch', {}, { leaderEpoch: -1 }],
    ['state epoch', {}, { stateEpoch: -1 }],
  ])('has no negative %s', (_, key, write) => {
    const store = initialized()
    const decision = store.states.write({ ...KEY, ...key }, { ...WRITE, ...write }, 0)
    expect(decision.error).toBe('INVALID_REQUEST')
  })
})
