import { SeededRandom, ZERO_UUID } from '@ottla/base'
import type { FetchRequest } from '@ottla/protocol'
import { describe, expect, it } from 'vitest'
import { FetchSessionCache } from './fetch-session.ts'

const request = (
  sessionId: number,
  sessionEpoch: number,
  offsets: Readonly<Record<string, number>> = {},
  forgotten: readonly string[] = [],
): FetchRequest =>
  ({
    sessionId,
    sessionEpoch,
    topics: Object.entries(offsets).map(([topic, fetchOffset]) => ({
      topic,
      topicId: ZERO_UUID,
      partitions: [
        {
          partition: 0,
          currentLeaderEpoch: -1,
          fetchOffset,
          lastFetchedEpoch: -1,
          logStartOffset: -1,
          partitionMaxBytes: 1000,
        },
      ],
    })),
    forgottenTopicsData: forgotten.map((topic) => ({
      topic,
      topicId: ZERO_UUID,
      partitions: [0],
    })),
  }) as unknown as FetchRequest

const cache = (slots = 2) => new FetchSessionCache(slots, new SeededRandom(1))

function begin(sessions: FetchSessionCache, ...args: Parameters<typeof request>) {
  const context = sessions.begin(request(...args), false, 0)
  if (context.kind === 'refused') throw new Error(context.error)
  return context
}

const namesOf = (context: { targets: readonly { topic: string; fetchOffset: number }[] }) =>
  context.targets.map((target) => `${target.topic}@${target.fetchOffset}`)

describe('fetch sessions', () => {
  it('fetch without a session when the epoch is final', () => {
    const sessions = cache()
    const context = begin(sessions, 0, -1, { a: 1 })
    expect(context).toMatchObject({ kind: 'full', sessionId: 0 })
    expect(sessions.size).toBe(0)
  })

  it('remember partitions, take changes, and forget what they are told to', () => {
    const sessions = cache()
    const { sessionId } = begin(sessions, 0, 0, { a: 1, b: 2 })
    expect(sessionId).toBeGreaterThan(0)
    expect(namesOf(begin(sessions, sessionId, 1))).toEqual(['a@1', 'b@2'])
    expect(namesOf(begin(sessions, sessionId, 2, { a: 5, c: 0 }))).toEqual(['a@5', 'b@2', 'c@0'])
    expect(namesOf(begin(sessions, sessionId, 3, {}, ['b']))).toEqual(['a@5', 'c@0'])
  })

  it('serve partitions that got data after the others', () => {
    const sessions = cache()
    const { sessionId, session, targets } = begin(sessions, 0, 0, { a: 1, b: 2 })
    session?.rotate(targets[0] as never)
    expect(namesOf(begin(sessions, sessionId, 1))).toEqual(['b@2', 'a@1'])
  })

  it.each([
    ['an unknown id', 77, 1, 'FETCH_SESSION_ID_NOT_FOUND'],
    ['a wrong epoch', undefined, 9, 'INVALID_FETCH_SESSION_EPOCH'],
  ])('refuse %s', (_, id, epoch, error) => {
    const sessions = cache()
    const { sessionId } = begin(sessions, 0, 0, { a: 1 })
    const context = sessions.begin(request(id ?? sessionId, epoch), false, 0)
    expect(context).toEqual({ kind: 'refused', error })
  })

  it('refuse a change between topic names and topic ids', () => {
    const sessions = cache()
    const { sessionId } = begin(sessions, 0, 0, { a: 1 })
    expect(sessions.begin(request(sessionId, 1), true, 0)).toEqual({
      kind: 'refused',
      error: 'FETCH_SESSION_TOPIC_ID_ERROR',
    })
  })

  it('close when asked to, and replace each other', () => {
    const sessions = cache()
    const first = begin(sessions, 0, 0, { a: 1 })
    const second = begin(sessions, first.sessionId, 0, { b: 1 })
    expect(second.sessionId).not.toBe(first.sessionId)
    expect(sessions.size).toBe(1)
    begin(sessions, second.sessionId, -1)
    expect(sessions.size).toBe(0)
  })

  it('give no id when there is no room, unless an old session can go', () => {
    const sessions = cache(1)
    begin(sessions, 0, 0, { a: 1 })
    expect(begin(sessions, 0, 0, { b: 1 }).sessionId).toBe(0)
    const later = sessions.begin(request(0, 0, { b: 1 }), false, 120_000)
    expect(later).toMatchObject({ kind: 'full', sessionId: expect.any(Number) })
    expect(sessions.size).toBe(1)
    expect('sessionId' in later && later.sessionId > 0).toBe(true)
  })

  it('wrap their epoch to 1', () => {
    const sessions = cache()
    const { sessionId, session } = begin(sessions, 0, 0, { a: 1 })
    if (session) session.epoch = 0x7fffffff
    begin(sessions, sessionId, 0x7fffffff)
    expect(session?.epoch).toBe(1)
  })
})
