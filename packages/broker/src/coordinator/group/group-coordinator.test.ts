import { errorName } from '@ottla/protocol'
import { describe, expect, it } from 'vitest'
import { GroupCoordinator, type GroupSettings, type Now } from './group-coordinator.ts'
import {
  checkCommit,
  commitRecords,
  deleteGroup,
  expireOffsets,
  listGroups,
} from './group-offsets.ts'
import { decodeGroupRecord, encodeGroupRecord, type GroupRecord } from './group-records.ts'
import { heartbeat, join, leave, sync } from './membership.ts'
import type { Outcome } from './outcome.ts'

const SETTINGS: GroupSettings = {
  sessionTimeoutMsMin: 6000,
  sessionTimeoutMsMax: 1_800_000,
  groupSizeMax: 10,
  initialRebalanceDelayMs: 0,
  offsetMetadataBytesMax: 4096,
  offsetsRetentionMs: 604_800_000,
}
const WALL_START_MS = 1_700_000_000_000

type Answer = {
  errorCode: number
  memberId: string
  generationId: number
  leader: string
} & Record<string, unknown>

/** A coordinator with a clock of its own that keeps records and answers for the test to look at. */
class Harness {
  readonly records: GroupRecord[] = []
  coordinator: GroupCoordinator
  private readonly answers = new Map<number, Answer>()
  private nowMs = 0
  private nextToken = 1
  private nextId = 1

  constructor(overrides: Partial<GroupSettings> = {}) {
    const settings = { ...SETTINGS, ...overrides }
    this.coordinator = new GroupCoordinator(settings, () => `id${this.nextId++}`)
  }

  get now(): Now {
    return { wallMs: WALL_START_MS + this.nowMs, monotonicMs: this.nowMs }
  }

  private take(outcome: Outcome): void {
    this.records.push(...outcome.records)
    for (const { token, response } of outcome.replies) this.answers.set(token, response as Answer)
  }

  answer(token: number): Answer | undefined {
    return this.answers.get(token)
  }

  join(memberId: string, options: { instance?: string; metadata?: string; version?: number } = {}) {
    const token = this.nextToken++
    const { instance = null, metadata = 'm', version = 9 } = options
    const request = {
      groupId: 'g',
      sessionTimeoutMs: 10_000,
      rebalanceTimeoutMs: 30_000,
      memberId,
      groupInstanceId: instance,
      protocolType: 'consumer',
      protocols: [{ name: 'range', metadata: Buffer.from(metadata) }],
      reason: null,
    }
    this.take(
      join(this.coordinator, request, {
        token,
        now: this.now,
        clientId: 'c',
        clientHost: '/127.0.0.1',
        requiresKnownMemberId: version >= 4,
        supportsSkippingAssignment: version >= 9,
      }),
    )
    return token
  }

  /** Joins as a new member does: first for an id, then with it. */
  joinNew(): { token: number; memberId: string } {
    const first = this.answer(this.join('')) as Answer
    expect(errorName(first.errorCode)).toBe('MEMBER_ID_REQUIRED')
    return { token: this.join(first.memberId), memberId: first.memberId }
  }

  sync(memberId: string, generationId: number, assignments: Record<string, string> = {}) {
    const token = this.nextToken++
    const request = {
      groupId: 'g',
      generationId,
      memberId,
      groupInstanceId: null,
      protocolType: null,
      protocolName: null,
      assignments: Object.entries(assignments).map(([id, text]) => ({
        memberId: id,
        assignment: Buffer.from(text),
      })),
    }
    this.take(sync(this.coordinator, request, token, this.now))
    return token
  }

  heartbeat(memberId: string, generationId: number): string {
    const request = { groupId: 'g', generationId, memberId, groupInstanceId: null }
    return heartbeat(this.coordinator, request, this.now)
  }

  leave(memberId: string) {
    const members = [{ memberId, groupInstanceId: null, reason: null }]
    const { outcome, response } = leave(
      this.coordinator,
      { groupId: 'g', memberId: '', members },
      3,
      this.now,
    )
    this.take(outcome)
    return response
  }

  advance(ms: number): void {
    const end = this.nowMs + ms
    for (;;) {
      const next = this.coordinator.nextDeadlineMs()
      if (next > end) break
      this.nowMs = Math.max(this.nowMs, next)
      this.take(this.coordinator.onTime(this.now))
    }
    this.nowMs = end
  }

  /** A coordinator that knows only what was written down. */
  restart(): void {
    const fresh = new GroupCoordinator(this.coordinator.settings, () => `id${this.nextId++}`)
    for (const record of this.records) {
      const { key, value } = encodeGroupRecord(record)
      const decoded = decodeGroupRecord(key, value)
      if (decoded.kind !== 'other') fresh.replay(decoded, this.now)
    }
    this.coordinator = fresh
  }

  get state(): string {
    return this.coordinator.groups.get('g')?.state ?? 'none'
  }
}

const errorOf = (answer: Answer | undefined): string => errorName(answer?.errorCode ?? -1)

/** Two members with an assignment each, generation 2. */
function stablePair(harness: Harness) {
  const a = harness.joinNew()
  const first = harness.answer(a.token) as Answer
  harness.sync(a.memberId, first.generationId, { [a.memberId]: 'all' })
  const b = harness.joinNew()
  const again = harness.join(a.memberId)
  const generation = (harness.answer(again) as Answer).generationId
  const syncB = harness.sync(b.memberId, generation)
  const syncA = harness.sync(a.memberId, generation, { [a.memberId]: 'A', [b.memberId]: 'B' })
  return { a: a.memberId, b: b.memberId, generation, syncA, syncB, joinB: b.token }
}

describe('a classic group', () => {
  it('gives a new member its id first, and lets a lone member through at once', () => {
    const harness = new Harness()
    const { token, memberId } = harness.joinNew()
    const answer = harness.answer(token) as Answer
    expect(answer).toMatchObject({ errorCode: 0, generationId: 1, leader: memberId, memberId })
    expect(harness.state).toBe('CompletingRebalance')
  })

  it('accepts a member without an id at once before version 4', () => {
    const harness = new Harness()
    expect(harness.answer(harness.join('', { version: 3 }))).toMatchObject({ errorCode: 0 })
  })

  it.each(['', '\uffff and text', '\0\u0001?'])('takes metadata that is none: %j', (metadata) => {
    const harness = new Harness()
    expect(harness.answer(harness.join('', { version: 3, metadata }))).toMatchObject({
      errorCode: 0,
      generationId: 1,
    })
    expect(harness.coordinator.groups.get('g')).toMatchObject({ subscribedTopics: undefined })
  })

  it('waits for all members and gives each its share once the leader has synced', () => {
    const harness = new Harness()
    const { a, syncA, syncB, joinB, generation } = stablePair(harness)
    expect(generation).toBe(2)
    expect(harness.answer(joinB)).toMatchObject({ leader: a, members: [] })
    expect(String(harness.answer(syncA)?.['assignment'])).toBe('A')
    expect(String(harness.answer(syncB)?.['assignment'])).toBe('B')
    expect(harness.state).toBe('Stable')
    expect(harness.records.at(-1)).toMatchObject({ kind: 'group', value: { generation: 2 } })
  })

  it('tells members of a rebalance by their heartbeats', () => {
    const harness = new Harness()
    const { a, generation } = stablePair(harness)
    expect(harness.heartbeat(a, generation)).toBe('NONE')
    harness.joinNew()
    expect(harness.heartbeat(a, generation)).toBe('REBALANCE_IN_PROGRESS')
    expect(harness.heartbeat(a, generation - 1)).toBe('ILLEGAL_GENERATION')
    expect(harness.heartbeat('nobody', generation)).toBe('UNKNOWN_MEMBER_ID')
  })

  it('removes a member that falls silent and rebalances the rest', () => {
    const harness = new Harness()
    const { a, b, generation } = stablePair(harness)
    harness.advance(6000)
    harness.heartbeat(a, generation)
    harness.advance(6000)
    expect(harness.heartbeat(b, generation)).toBe('UNKNOWN_MEMBER_ID')
    expect(harness.heartbeat(a, generation)).toBe('REBALANCE_IN_PROGRESS')
    const rejoined = harness.answer(harness.join(a)) as Answer
    expect(rejoined).toMatchObject({ errorCode: 0, generationId: generation + 1, leader: a })
  })

  it('ends a join phase without the members that do not come back', () => {
    const harness = new Harness()
    const { a, b, generation } = stablePair(harness)
    const c = harness.joinNew()
    harness.heartbeat(a, generation)
    const token = harness.join(a)
    for (let i = 0; i < 6; i++) {
      harness.advance(5000)
      harness.heartbeat(b, generation)
    }
    harness.advance(1)
    expect(harness.answer(token)).toMatchObject({ errorCode: 0, generationId: generation + 1 })
    expect(harness.answer(c.token)).toMatchObject({ errorCode: 0 })
    expect(harness.heartbeat(b, generation)).toBe('UNKNOWN_MEMBER_ID')
  })

  it('rebalances without members that joined and never synced', () => {
    const harness = new Harness()
    const a = harness.joinNew()
    harness.sync(a.memberId, 1, { [a.memberId]: 'all' })
    const b = harness.joinNew()
    const token = harness.join(a.memberId)
    const { generationId } = harness.answer(token) as Answer
    const waiting = harness.sync(b.memberId, generationId)
    for (let i = 0; i < 6; i++) {
      harness.advance(5000)
      harness.heartbeat(a.memberId, generationId)
    }
    harness.advance(1)
    expect(errorOf(harness.answer(waiting))).toBe('REBALANCE_IN_PROGRESS')
    expect(harness.heartbeat(a.memberId, generationId)).toBe('UNKNOWN_MEMBER_ID')
  })

  it('rebalances when somebody leaves who has an id and never joined', () => {
    const harness = new Harness()
    const { a, generation } = stablePair(harness)
    const { memberId } = harness.answer(harness.join('')) as Answer
    expect(harness.heartbeat(a, generation)).toBe('NONE')
    expect(harness.leave(memberId).members?.[0]?.errorCode).toBe(0)
    expect(harness.heartbeat(a, generation)).toBe('REBALANCE_IN_PROGRESS')
  })

  it('becomes empty when everybody has left, and keeps that', () => {
    const harness = new Harness()
    const { a, b } = stablePair(harness)
    harness.leave(a)
    expect(harness.leave(b).errorCode).toBe(0)
    expect(harness.state).toBe('Empty')
    harness.restart()
    expect(harness.state).toBe('Empty')
  })

  it('lets a static member come back without a rebalance and fences its old self', () => {
    const harness = new Harness()
    const first = harness.answer(harness.join('', { instance: 'i1' })) as Answer
    harness.sync(first.memberId, 1, { [first.memberId]: 'all' })
    const back = harness.answer(harness.join('', { instance: 'i1' })) as Answer
    expect(back).toMatchObject({ errorCode: 0, generationId: 1, skipAssignment: true })
    expect(back.memberId).not.toBe(first.memberId)
    const old = {
      groupId: 'g',
      generationId: 1,
      memberId: first.memberId,
      groupInstanceId: 'i1',
    }
    expect(heartbeat(harness.coordinator, old, harness.now)).toBe('FENCED_INSTANCE_ID')
    const token = harness.sync(back.memberId, 1)
    expect(String(harness.answer(token)?.['assignment'])).toBe('all')
  })

  it('goes on after a restart with the same generation, members and shares', () => {
    const harness = new Harness()
    const { a, b, generation } = stablePair(harness)
    harness.restart()
    expect(harness.heartbeat(a, generation)).toBe('NONE')
    expect(String(harness.answer(harness.sync(b, generation))?.['assignment'])).toBe('B')
    expect(harness.state).toBe('Stable')
  })

  it.each([
    ['a wrong session timeout', { sessionTimeoutMs: 1 }, 'INVALID_SESSION_TIMEOUT'],
    ['no group id', { groupId: '' }, 'INVALID_GROUP_ID'],
    ['an unknown member id', { memberId: 'ghost' }, 'UNKNOWN_MEMBER_ID'],
    ['no protocols', { protocols: [] }, 'INCONSISTENT_GROUP_PROTOCOL'],
  ])('refuses %s', (_, change, error) => {
    const harness = new Harness()
    const request = {
      groupId: 'g',
      sessionTimeoutMs: 10_000,
      rebalanceTimeoutMs: 30_000,
      memberId: '',
      groupInstanceId: null,
      protocolType: 'consumer',
      protocols: [{ name: 'range', metadata: Buffer.from('') }],
      reason: null,
      ...change,
    }
    const { replies } = join(harness.coordinator, request, {
      token: 1,
      now: harness.now,
      clientId: 'c',
      clientHost: '/h',
      requiresKnownMemberId: true,
      supportsSkippingAssignment: true,
    })
    expect(errorOf(replies[0]?.response as Answer)).toBe(error)
  })

  it('refuses members of another protocol type, and more members than it may have', () => {
    const harness = new Harness({ groupSizeMax: 2 })
    stablePair(harness)
    expect(errorOf(harness.answer(harness.join('')))).toBe('GROUP_MAX_SIZE_REACHED')
  })

  it('holds an initial join open for the configured delay', () => {
    const harness = new Harness({ initialRebalanceDelayMs: 3000 })
    const a = harness.joinNew()
    expect(harness.answer(a.token)).toBeUndefined()
    harness.advance(2000)
    const b = harness.joinNew()
    harness.advance(2000)
    expect(harness.answer(a.token)).toBeUndefined()
    harness.advance(1500)
    expect(harness.answer(a.token)).toMatchObject({ errorCode: 0, generationId: 1 })
    expect(harness.answer(b.token)).toMatchObject({ errorCode: 0, generationId: 1 })
  })
})

const commit = (memberId: string, generationId: number) => ({
  groupId: 'g',
  memberId,
  groupInstanceId: null,
  generationId,
  retentionTimeMs: -1,
})
const OFFSET = {
  topic: 't',
  topicId: 'id',
  partition: 0,
  offset: 42,
  leaderEpoch: 3,
  metadata: 'note',
}

function store(harness: Harness, request = commit('', -1)): void {
  const records = commitRecords(request, [OFFSET], harness.now)
  harness.records.push(...records)
  for (const record of records) harness.coordinator.replay(record, harness.now)
}

describe('committed offsets', () => {
  it('are taken from members of the current generation only', () => {
    const harness = new Harness()
    const { a, generation } = stablePair(harness)
    const check = (request: ReturnType<typeof commit>) =>
      checkCommit(harness.coordinator, request, {
        now: harness.now,
        apiVersion: 10,
        isTransactional: false,
        partitions: [],
      }) ?? 'NONE'
    expect(check(commit(a, generation))).toBe('NONE')
    expect(check(commit(a, generation - 1))).toBe('ILLEGAL_GENERATION')
    expect(check(commit('ghost', generation))).toBe('UNKNOWN_MEMBER_ID')
    expect(check(commit('', -1))).toBe('UNKNOWN_MEMBER_ID')
  })

  it('survive a restart to the last detail', () => {
    const harness = new Harness()
    store(harness)
    harness.restart()
    expect(harness.coordinator.offsets.get('g', 't', 0)).toMatchObject({
      offset: 42,
      leaderEpoch: 3,
      metadata: 'note',
      commitTimestamp: WALL_START_MS,
      expireTimestamp: -1,
    })
    expect(listGroups(harness.coordinator)).toEqual([
      { groupId: 'g', state: 'Empty', protocolType: '', type: 'classic' },
    ])
  })

  it('expire after their retention when nobody is in the group, and not before', () => {
    const harness = new Harness()
    store(harness)
    harness.advance(SETTINGS.offsetsRetentionMs - 1)
    expect(expireOffsets(harness.coordinator, harness.now)).toEqual([])
    harness.advance(1)
    expect(expireOffsets(harness.coordinator, harness.now)).toMatchObject([
      { kind: 'offset', topic: 't', partition: 0, value: null },
      { kind: 'group', group: 'g', value: null },
    ])
  })

  it('take any retention that old clients ask for', () => {
    const { now } = new Harness()
    const [record] = commitRecords(
      {
        groupId: 'g',
        memberId: '',
        groupInstanceId: null,
        generationId: -1,
        retentionTimeMs: Number.MAX_SAFE_INTEGER,
      },
      [{ topic: 't', topicId: '', partition: 0, offset: 1, leaderEpoch: -1, metadata: '' }],
      now,
    )
    expect(record).toMatchObject({ value: { expireTimestamp: Number.MAX_SAFE_INTEGER } })
  })

  it('make a group known that stays when they are deleted, until it is removed', () => {
    const harness = new Harness()
    const { coordinator } = harness
    store(harness)
    const gone = { kind: 'offset', group: 'g', topic: 't', partition: 0, value: null } as const
    coordinator.replay(gone, harness.now)
    expect(deleteGroup(coordinator, 'g', harness.now)).toEqual([
      { kind: 'group', group: 'g', value: null },
    ])
    const records = expireOffsets(coordinator, harness.now)
    expect(records).toEqual([{ kind: 'group', group: 'g', value: null }])
    for (const record of records) coordinator.replay(record, harness.now)
    expect(deleteGroup(coordinator, 'g', harness.now)).toBe('GROUP_ID_NOT_FOUND')
  })

  it('are not needed: an empty group without any goes with the next round', () => {
    const harness = new Harness()
    const { coordinator } = harness
    harness.join('')
    expect(expireOffsets(coordinator, harness.now)).toEqual([])
    harness.advance(10_000)
    expect(harness.state).toBe('Empty')
    const records = expireOffsets(coordinator, harness.now)
    expect(records).toEqual([{ kind: 'group', group: 'g', value: null }])
    for (const record of records) coordinator.replay(record, harness.now)
    expect(harness.state).toBe('none')
    expect(expireOffsets(coordinator, harness.now)).toEqual([])
  })

  it('go with their group, which must be empty', () => {
    const harness = new Harness()
    const { a, b } = stablePair(harness)
    store(harness)
    expect(deleteGroup(harness.coordinator, 'g', harness.now)).toBe('NON_EMPTY_GROUP')
    harness.leave(a)
    harness.leave(b)
    expect(deleteGroup(harness.coordinator, 'g', harness.now)).toMatchObject([
      { kind: 'offset', value: null },
      { kind: 'group', value: null },
    ])
    expect(deleteGroup(harness.coordinator, 'other', harness.now)).toBe('GROUP_ID_NOT_FOUND')
  })
})
