import { errorName } from '@ottla/protocol'
import { describe, expect, it } from 'vitest'
import { checkCommit, deleteGroup, expireOffsets, listGroups } from '../group/group-offsets.ts'
import type { StreamsHeartbeatAnswer } from './heartbeat-answer.ts'
import {
  durableState,
  SESSION_MS,
  StreamsHarness,
  subtopology,
  topicInfo,
} from './streams-harness.ts'

const told = ({
  errorCode,
  memberEpoch,
  activeTasks,
  standbyTasks,
  status,
}: StreamsHeartbeatAnswer) =>
  [
    errorName(errorCode),
    memberEpoch,
    ...(activeTasks ?? []).map((t) => `${t.subtopologyId}[${t.partitions}]`),
    ...(standbyTasks ?? []).map((t) => `standby ${t.subtopologyId}[${t.partitions}]`),
    ...(status ?? []).map(({ statusCode }) => `status ${statusCode}`),
  ].join(' ')

const tasks = (...partitions: number[]) => ({
  activeTasks: partitions.length > 0 ? [{ subtopologyId: '0', partitions }] : [],
  standbyTasks: [],
  warmupTasks: [],
})

const READS = [subtopology('0', ['in'])]
const COUNTS = [
  subtopology('0', ['in'], { repartitionSinkTopics: ['re'] }),
  subtopology('1', [], {
    repartitionSourceTopics: [topicInfo('re')],
    stateChangelogTopics: [topicInfo('log')],
  }),
]

function harnessWith(topics: Readonly<Record<string, number>>): StreamsHarness {
  const harness = new StreamsHarness()
  for (const [name, count] of Object.entries(topics)) harness.topics.set(name, count)
  return harness
}

describe('a streams group', () => {
  it('knows the offsets that members tell from the heartbeat after its first one on', () => {
    const harness = harnessWith({ in: 4 })
    const taskOffsets = [{ subtopologyId: '0', partition: 1, offset: 7 }]
    harness.join('a', READS, { taskOffsets })
    expect(harness.group.members.get('a')?.told.offsets.size).toBe(0)
    harness.heartbeat({ memberId: 'a', memberEpoch: 2, taskOffsets })
    expect([...(harness.group.members.get('a')?.told.offsets.values() ?? [])]).toEqual([7])
    harness.join('b', READS, { taskOffsets })
    expect(harness.group.members.get('b')?.told.offsets.size).toBe(1)
  })

  it('moves tasks from one member to another only when they are given up', () => {
    const harness = harnessWith({ in: 4 })
    expect(told(harness.join('a', READS))).toBe('NONE 2 0[0,1,2,3]')
    expect(told(harness.join('b', READS))).toBe('NONE 3')
    expect(told(harness.heartbeat({ memberId: 'a', memberEpoch: 2 }))).toBe('NONE 2 0[0,1]')
    expect(told(harness.heartbeat({ memberId: 'b', memberEpoch: 3 }))).toBe('NONE 3')
    const gaveUp = { memberId: 'a', memberEpoch: 2, ...tasks(0, 1) }
    expect(told(harness.heartbeat(gaveUp))).toBe('NONE 3')
    expect(told(harness.heartbeat({ memberId: 'b', memberEpoch: 3 }))).toBe('NONE 3 0[2,3]')
    expect(harness.group.state).toBe('Stable')
    expect(durableState(harness.replayed())).toEqual(durableState(harness.coordinator))
  })

  it('waits for its topics, names those to make, and begins with them', () => {
    const harness = harnessWith({})
    expect(told(harness.join('a', COUNTS))).toBe('NONE 2 status 1')
    expect(harness.group.state).toBe('NotReady')
    harness.topics.set('in', 2)
    expect(told(harness.heartbeat({ memberId: 'a', memberEpoch: 2 }))).toBe('NONE 3 status 3')
    expect(harness.topics.byName('re')?.partitionCount).toBe(2)
    expect(harness.topics.byName('log')?.partitionCount).toBe(2)
    const ready = harness.heartbeat({ memberId: 'a', memberEpoch: 3 })
    expect(told(ready)).toBe('NONE 4 0[0,1] 1[0,1]')
  })

  it('gives standby tasks to other processes and lets them take over', () => {
    const harness = harnessWith({ in: 2, log: 2 })
    harness.standbyReplicas = 1
    const shape = [subtopology('0', ['in'], { stateChangelogTopics: [topicInfo('log')] })]
    harness.join('a', shape)
    harness.join('b', shape)
    harness.heartbeat({ memberId: 'a', memberEpoch: 2 })
    harness.heartbeat({ memberId: 'a', memberEpoch: 2, ...tasks(0) })
    const b = harness.heartbeat({ memberId: 'b', memberEpoch: 3 })
    expect(told(b)).toBe('NONE 3 0[1] standby 0[0]')
    harness.heartbeat({ memberId: 'a', memberEpoch: -1 })
    expect(told(harness.heartbeat({ memberId: 'b', memberEpoch: 3 }))).toBe('NONE 4 0[0,1]')
  })

  it('keeps the place of a static member that is away, and fences its old id', () => {
    const harness = harnessWith({ in: 2 })
    harness.join('a', READS, { instanceId: 'i' })
    expect(told(harness.heartbeat({ memberId: 'a', instanceId: 'i', memberEpoch: -2 }))).toBe(
      'NONE -2',
    )
    expect(told(harness.join('b', READS, { instanceId: 'i', processId: 'a' }))).toBe(
      'NONE 2 0[0,1]',
    )
    expect(told(harness.heartbeat({ memberId: 'a', instanceId: 'i', memberEpoch: 2 }))).toBe(
      'FENCED_INSTANCE_ID 0',
    )
  })

  it('takes out members that are silent or keep what they must give up', () => {
    const harness = harnessWith({ in: 2 })
    harness.join('a', READS, { rebalanceTimeoutMs: 10_000 })
    harness.join('b', READS)
    harness.heartbeat({ memberId: 'a', memberEpoch: 2 })
    harness.pass(9_999)
    expect(harness.group.members.size).toBe(2)
    harness.pass(1)
    expect([...harness.group.members.keys()]).toEqual(['b'])
    harness.pass(SESSION_MS)
    expect(harness.group.state).toBe('Empty')
    expect(harness.coordinator.nextDeadlineMs()).toBe(Number.POSITIVE_INFINITY)
  })

  it('waits for more members before the first assignment when it is told to', () => {
    const harness = harnessWith({ in: 2 })
    harness.initialDelayMs = 3_000
    expect(told(harness.join('a', READS))).toBe('NONE 1 status 5')
    expect(told(harness.join('b', READS))).toBe('NONE 1 status 5')
    harness.pass(3_000)
    expect(harness.group.assignmentEpoch).toBe(harness.group.groupEpoch)
    expect(told(harness.heartbeat({ memberId: 'a', memberEpoch: 1 }))).toBe('NONE 3 0[0]')
    expect(told(harness.heartbeat({ memberId: 'b', memberEpoch: 1 }))).toBe('NONE 3 0[1]')
  })

  it('assigns no sooner than its interval allows', () => {
    const harness = harnessWith({ in: 2 })
    harness.assignmentIntervalMs = 1_000
    harness.join('a', READS)
    expect(told(harness.join('b', READS))).toBe('NONE 2 status 5')
    harness.pass(1_000)
    expect(told(harness.heartbeat({ memberId: 'b', memberEpoch: 2 }))).toBe('NONE 3')
  })

  it('refuses another topology and takes who brings an older one', () => {
    const harness = harnessWith({ in: 2, other: 2 })
    harness.join('a', READS, { topology: { epoch: 5, subtopologies: READS } })
    const other = [subtopology('0', ['other'])]
    const newer = harness.join('b', other, { topology: { epoch: 6, subtopologies: other } })
    expect(told(newer)).toBe('INVALID_REQUEST 0')
    const older = harness.join('b', other, { topology: { epoch: 4, subtopologies: other } })
    expect(told(older)).toContain('status 0')
  })

  it('takes commits for the tasks a member has', () => {
    const harness = harnessWith({ in: 2 })
    harness.join('a', READS)
    const commit = (memberId: string, generationId: number, partition = 0) =>
      checkCommit(
        harness.coordinator,
        { groupId: 'g', memberId, groupInstanceId: null, generationId, retentionTimeMs: -1 },
        {
          now: harness.now,
          apiVersion: 9,
          isTransactional: false,
          partitions: [{ topic: 'in', topicId: 'id', partition }],
        },
      )
    expect(commit('a', 2)).toBeUndefined()
    expect(commit('a', 1)).toBe('STALE_MEMBER_EPOCH')
    expect(commit('z', 2)).toBe('UNKNOWN_MEMBER_ID')
    harness.join('b', READS)
    harness.heartbeat({ memberId: 'a', memberEpoch: 2 })
    harness.heartbeat({ memberId: 'a', memberEpoch: 2, ...tasks(0) })
    expect(commit('a', 2, 0)).toBeUndefined()
    expect(commit('a', 2, 1)).toBe('STALE_MEMBER_EPOCH')
  })

  it('is listed, is deleted when empty, and goes with its last offset', () => {
    const harness = harnessWith({ in: 1 })
    harness.join('a', READS)
    const listed = { groupId: 'g', state: 'Stable', protocolType: 'streams', type: 'streams' }
    expect(listGroups(harness.coordinator)).toEqual([listed])
    expect(deleteGroup(harness.coordinator, 'g', harness.now)).toBe('NON_EMPTY_GROUP')
    harness.heartbeat({ memberId: 'a', memberEpoch: -1 })
    const kinds = expireOffsets(harness.coordinator, harness.now).map(({ kind }) => kind)
    expect(kinds).toEqual(['streams-target-epoch', 'streams-group', 'streams-topology'])
    expect(listGroups(harness.coordinator)).toEqual([])
  })
})
