import { describe, expect, test } from 'vitest'
import { type SharePartition, ShareSession } from './share-session.ts'

const at = (partition: number, topicId = 'id'): SharePartition => ({
  topic: 't',
  topicId,
  partition,
})

describe('share session', () => {
  test('opens with all partitions and then names only what changed', () => {
    const session = new ShareSession()
    expect(session.nextFetch([at(0), at(1)])).toEqual({
      epoch: 0,
      toAdd: [at(0), at(1)],
      toForget: [],
    })
    expect(session.isOpen).toBe(false)
    session.handleSuccess()
    expect(session.isOpen).toBe(true)
    expect(session.nextFetch([at(1), at(2)])).toEqual({
      epoch: 1,
      toAdd: [at(2)],
      toForget: [at(0)],
    })
    session.handleSuccess()
    expect(session.nextFetch([at(1), at(2)])).toEqual({ epoch: 2, toAdd: [], toForget: [] })
  })

  test('counts acknowledgements with fetches', () => {
    const session = new ShareSession()
    session.nextFetch([at(0)])
    session.handleSuccess()
    expect(session.nextAcknowledgement()).toBe(1)
    session.handleSuccess()
    expect(session.nextFetch([at(0)]).epoch).toBe(2)
  })

  test('names everything again after it was lost', () => {
    const session = new ShareSession()
    session.nextFetch([at(0)])
    session.handleSuccess()
    session.reset()
    expect(session.isOpen).toBe(false)
    expect(session.nextFetch([at(0)])).toMatchObject({ epoch: 0, toAdd: [at(0)] })
  })

  test('a topic that was created anew is another one', () => {
    const session = new ShareSession()
    session.nextFetch([at(0, 'old')])
    session.handleSuccess()
    expect(session.nextFetch([at(0, 'new')])).toMatchObject({
      toAdd: [at(0, 'new')],
      toForget: [at(0, 'old')],
    })
  })

  test('begins again at 1 after the greatest epoch', () => {
    const session = new ShareSession()
    session.nextFetch([at(0)])
    session.handleSuccess()
    Object.assign(session, { epoch: 0x7fffffff })
    session.handleSuccess()
    expect(session.nextAcknowledgement()).toBe(1)
  })
})
