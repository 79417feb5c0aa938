import { errorCode } from '@ottla/protocol'
import { describe, expect, test } from 'vitest'
import { type FetchPartition, FetchSession } from './fetch-session.ts'

const at = (partition: number, fetchOffset: number, topicId = 'id'): FetchPartition => ({
  topic: 't',
  topicId,
  partition,
  currentLeaderEpoch: 0,
  fetchOffset,
  partitionMaxBytes: 100,
})

function established(partitions: readonly FetchPartition[]): FetchSession {
  const session = new FetchSession()
  session.next(partitions)
  session.handleResponse(0, 77)
  return session
}

describe('fetch session', () => {
  test('begins with a full request and then names only what changed', () => {
    const session = new FetchSession()
    const first = session.next([at(0, 5), at(1, 5)])
    expect(first).toMatchObject({ sessionId: 0, sessionEpoch: 0, toForget: [] })
    expect(first.toFetch).toHaveLength(2)
    session.handleResponse(0, 77)
    const second = session.next([at(0, 9), at(1, 5)])
    expect(second).toMatchObject({ sessionId: 77, sessionEpoch: 1 })
    expect(second.toFetch.map((p) => p.partition)).toEqual([0])
    session.handleResponse(0, 77)
    expect(session.next([at(0, 9), at(1, 5)])).toMatchObject({ sessionEpoch: 2, toFetch: [] })
  })

  test('forgets what is not wanted, and takes it in again', () => {
    const session = established([at(0, 5), at(1, 5)])
    expect(session.next([at(1, 5)]).toForget.map((p) => p.partition)).toEqual([0])
    session.handleResponse(0, 77)
    expect(session.next([at(0, 5), at(1, 5)]).toFetch.map((p) => p.partition)).toEqual([0])
  })

  test('a topic that was created anew replaces the old one', () => {
    const session = established([at(0, 5)])
    const next = session.next([at(0, 0, 'other')])
    expect(next.toFetch).toEqual([at(0, 0, 'other')])
    expect(next.toForget).toEqual([at(0, 5)])
  })

  test('a session the broker does not know begins anew', () => {
    const session = established([at(0, 5)])
    session.next([at(0, 6)])
    session.handleResponse(errorCode('FETCH_SESSION_ID_NOT_FOUND'), 0)
    const next = session.next([at(0, 6)])
    expect(next).toMatchObject({ sessionId: 0, sessionEpoch: 0, toFetch: [at(0, 6)] })
  })

  test('after a lost answer everything is named again under the same session', () => {
    const session = established([at(0, 5), at(1, 5)])
    session.next([at(0, 6), at(1, 5)])
    session.handleFailure()
    const next = session.next([at(0, 6), at(1, 5)])
    expect(next).toMatchObject({ sessionId: 77, sessionEpoch: 0 })
    expect(next.toFetch).toHaveLength(2)
  })

  test('a broker without sessions gets full requests for ever', () => {
    const session = new FetchSession()
    for (let i = 0; i < 3; i++) {
      expect(session.next([at(0, i)])).toMatchObject({ sessionEpoch: 0, toFetch: [at(0, i)] })
      session.handleResponse(0, 0)
    }
    expect(session.final()).toBeUndefined()
  })
})
