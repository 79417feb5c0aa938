import { SeededRandom } from '@ottla/base'
import { errorName } from '@ottla/protocol'
import { describe, expect, it } from 'vitest'
import { GroupCoordinator } from '../group/group-coordinator.ts'
import { kindOf } from '../group/group-kinds.ts'
import { listGroups } from '../group/group-offsets.ts'
import { decodeGroupRecord, encodeGroupRecord, type GroupRecord } from '../group/group-records.ts'
import { shareGroupHeartbeat } from './heartbeat.ts'
import { noteStates, removeGroup, ShareChanges, type ShareGroupOptions } from './share-groups.ts'
import { simpleAssignor } from './simple-assignor.ts'

const SESSION_MS = 45_000
const SETTINGS = {
  sessionTimeoutMsMin: 6_000,
  sessionTimeoutMsMax: 1_800_000,
  groupSizeMax: 1000,
  initialRebalanceDelayMs: 0,
  offsetMetadataBytesMax: 4096,
  offsetsRetentionMs: 7 * 24 * 3_600_000,
}

class Harness {
  readonly topics = new Map<string, number>()
  readonly records: GroupRecord[] = []
  coordinator = this.newCoordinator()
  nowMs = 1_000
  assignmentIntervalMs = 0

  private newCoordinator(): GroupCoordinator {
    const topic = (name: string) => {
      const partitionCount = this.topics.get(name)
      return partitionCount ? { name, id: idOf(name), partitionCount } : undefined
    }
    const share: ShareGroupOptions = {
      topics: {
        version: () => [...this.topics.values()].reduce((sum, count) => sum + count, 0),
        byName: topic,
        byId: (id) => [...this.topics.keys()].map(topic).find((known) => known?.id === id),
        names: () => this.topics.keys(),
      },
      groupSizeMax: 3,
      sessionTimeoutMs: () => SESSION_MS,
      heartbeatIntervalMs: () => 5_000,
      assignmentIntervalMs: () => this.assignmentIntervalMs,
    }
    return new GroupCoordinator(SETTINGS, () => 'id', { share })
  }

  get now() {
    return { wallMs: 1_700_000_000_000 + this.nowMs, monotonicMs: this.nowMs }
  }

  get group() {
    return this.coordinator.shareGroups.get('g')
  }

  /** As the shell does: states are made, noted, and the heartbeat is repeated. */
  beat(memberId: string, memberEpoch: number, topics: string[] | null = null): string {
    const request = { groupId: 'g', rackId: null, subscribedTopicNames: topics }
    const context = { now: this.now, clientId: 'client', clientHost: '/127.0.0.1' }
    const decide = (epoch: number) => {
      const full = { ...request, memberId, memberEpoch: epoch }
      const decision = shareGroupHeartbeat(this.coordinator, full, context)
      this.records.push(...decision.records)
      return decision
    }
    let { response, toInitialize } = decide(memberEpoch)
    if (toInitialize.size > 0 && this.group) {
      const changes = new ShareChanges(this.coordinator.shareGroups, this.now)
      noteStates(changes, this.group, toInitialize, 'initialized')
      this.records.push(...changes.records)
      ;({ response, toInitialize } = decide(response.memberEpoch))
      expect(toInitialize.size).toBe(0)
    }
    if (response.errorCode !== 0) return errorName(response.errorCode)
    const held = response.assignment?.topicPartitions.map(
      ({ topicId, partitions }) => `${nameOf(topicId)}[${partitions.join()}]`,
    )
    return [response.memberEpoch, ...(held ?? ['as before'])].join(' ')
  }

  pass(ms: number): void {
    this.nowMs += ms
    this.records.push(...this.coordinator.onTime(this.now).records)
  }

  replayed(): GroupCoordinator {
    const coordinator = this.newCoordinator()
    for (const record of this.records) {
      const { key, value } = encodeGroupRecord(record)
      const read = decodeGroupRecord(key, value)
      if (read.kind !== 'other') coordinator.replay(read, this.now)
    }
    return coordinator
  }
}

const idOf = (name: string) => Buffer.from(name.padEnd(16)).toString('base64url')
const nameOf = (id: string) => Buffer.from(id, 'base64url').toString().trim()

/** All that records tell about the groups, in a form that can be compared. */
const durable = (coordinator: GroupCoordinator) =>
  [...coordinator.shareGroups.groups.values()].map((group) => ({
    epochs: [group.groupEpoch, group.assignmentEpoch, group.metadataHash],
    assignedAt: group.assignmentTimestamp,
    states: [group.initialized, group.initializing, group.deleting],
    members: [...group.members.values()]
      .map(({ memberId, metadata, current }) => ({ memberId, metadata, current }))
      .map((member) => ({ ...member, target: group.target(member.memberId) }))
      .sort((a, b) => (a.memberId < b.memberId ? -1 : 1)),
  }))

describe('a share group', () => {
  it('shares partitions among members that come and go', () => {
    const harness = new Harness()
    harness.topics.set('t', 2)
    expect(harness.beat('a', 0, ['t'])).toBe('3 t[0,1]')
    expect(harness.beat('a', 3)).toBe('3 as before')
    expect(harness.beat('b', 0, ['t'])).toBe('4 t[1]')
    expect(harness.beat('a', 3)).toBe('4 t[0]')
    expect(harness.beat('c', 0, ['t'])).toBe('5 t[0]')
    expect(harness.beat('d', 0, ['t'])).toBe('GROUP_MAX_SIZE_REACHED')
    expect(harness.beat('b', -1)).toBe('-1 as before')
    expect(harness.beat('b', 4)).toBe('UNKNOWN_MEMBER_ID')
    expect(harness.beat('a', 4)).toBe('6 as before')
    expect(harness.beat('c', 5)).toBe('6 t[1]')
    expect(harness.beat('a', 3)).toBe('FENCED_MEMBER_EPOCH')
    expect(durable(harness.replayed())).toEqual(durable(harness.coordinator))
  })

  it('takes in partitions and topics that come later', () => {
    const harness = new Harness()
    expect(harness.beat('a', 0, ['t'])).toBe('2')
    harness.topics.set('t', 1)
    expect(harness.beat('a', 2)).toMatch(/ t\[0\]$/)
    const epoch = harness.group?.groupEpoch as number
    harness.topics.set('t', 3)
    expect(harness.beat('a', epoch)).toMatch(/ t\[0,1,2\]$/)
  })

  it('waits between two assignments', () => {
    const harness = new Harness()
    harness.topics.set('t', 2)
    expect(harness.beat('a', 0, ['t'])).toBe('3 t[0,1]')
    harness.assignmentIntervalMs = 1_000
    harness.pass(999)
    expect(harness.beat('b', 0, ['t'])).toBe('3')
    expect(harness.beat('a', 3)).toBe('3 as before')
    harness.pass(1)
    expect(harness.beat('a', 3)).toBe('4 t[0]')
    expect(harness.beat('b', 3)).toBe('4 t[1]')
    harness.assignmentIntervalMs = 0
    expect(harness.beat('c', 0, ['t'])).toMatch(/^5 /)
    expect(durable(harness.replayed())).toEqual(durable(harness.coordinator))
  })

  it('takes out who falls silent, and goes when it is deleted', () => {
    const harness = new Harness()
    harness.topics.set('t', 1)
    harness.beat('a', 0, ['t'])
    harness.pass(SESSION_MS - 1)
    expect(harness.group?.state).toBe('Stable')
    harness.pass(1)
    expect(harness.group?.state).toBe('Empty')
    expect(kindOf(harness.coordinator, 'g')).toBe('share')
    expect(listGroups(harness.coordinator)).toMatchObject([{ type: 'share', state: 'Empty' }])
    const changes = new ShareChanges(harness.coordinator.shareGroups, harness.now)
    if (harness.group) removeGroup(changes, harness.group)
    harness.records.push(...changes.records)
    expect(harness.group).toBeUndefined()
    expect(durable(harness.replayed())).toEqual([])
  })

  it('is told apart from groups of other kinds', () => {
    const harness = new Harness()
    const value = {
      offset: 1,
      leaderEpoch: 0,
      metadata: '',
      commitTimestamp: 0,
      expireTimestamp: -1,
    }
    const offset = { kind: 'offset', group: 'g', topic: 't', partition: 0, value } as const
    harness.coordinator.replay(offset, harness.now)
    expect(harness.beat('a', 0, ['t'])).toBe('GROUP_ID_NOT_FOUND')
  })

  it('is the same after a restart at any time', () => {
    for (let seed = 1; seed <= 30; seed++) {
      const random = new SeededRandom(seed)
      const harness = new Harness()
      harness.topics.set('t', 2)
      for (let step = 0; step < 60; step++) {
        const member = `m${random.integer(4)}`
        const known = harness.group?.members.get(member)
        const choice = random.integer(10)
        if (choice === 0) harness.topics.set('u', 1 + random.integer(3))
        else if (choice === 1) harness.pass(random.integer(SESSION_MS))
        else if (choice === 2) harness.beat(member, -1)
        else if (choice < 6 || !known)
          harness.beat(member, 0, random.integer(2) ? ['t', 'u'] : ['t'])
        else harness.beat(member, known.current.memberEpoch)
        expect(durable(harness.replayed()), `seed ${seed}`).toEqual(durable(harness.coordinator))
      }
    }
  })
})

describe('the simple assignor', () => {
  const shares = (members: number, partitions: number) => {
    const list = Array.from({ length: members }, (_, i) => ({
      memberId: `m${i}`,
      topics: new Set([idOf('t')]),
      current: new Map(),
    }))
    const all = Array.from({ length: partitions }, (_, i) => i)
    return [...simpleAssignor(list, () => all).values()].map(
      (held) => held.get(idOf('t'))?.size ?? 0,
    )
  }

  it('gives every member and every partition its part', () => {
    expect(shares(2, 5).sort()).toEqual([2, 3])
    expect(shares(5, 2)).toEqual([1, 1, 1, 1, 1])
    expect(shares(3, 0)).toEqual([0, 0, 0])
  })
})
