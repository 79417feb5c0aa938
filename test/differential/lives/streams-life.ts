/** An instance of a Kafka Streams application with the streams protocol (KIP-1071). */
import { apis } from '@ottla/protocol'
import { Reference } from '../reference.ts'
import {
  type Act,
  type Life,
  LONG_MS,
  type Moment,
  memberEpoch,
  memberId,
  weighted,
} from './life.ts'

const LEAVE = -1

export function streamsLife(member: string, group: string, processId: string): Life {
  return { member, group, act: (moment) => act({ member, group, processId }, moment) }
}

interface Who {
  readonly member: string
  readonly group: string
  readonly processId: string
}

const subtopology = (subtopologyId: string, ...sourceTopics: string[]) => ({
  subtopologyId,
  sourceTopics,
  sourceTopicRegex: [],
  stateChangelogTopics: [],
  repartitionSinkTopics: [],
  repartitionSourceTopics: [],
  copartitionGroups: [],
})

/** The first is what the application is; with the others nobody gets in beside it. */
const TOPOLOGIES = [
  { epoch: 0, subtopologies: [subtopology('0', 'dif-a'), subtopology('1', 'dif-b', 'dif-c')] },
  { epoch: 0, subtopologies: [subtopology('0', 'dif-c')] },
  { epoch: 1, subtopologies: [subtopology('0', 'dif-a')] },
  { epoch: 0, subtopologies: [] },
]

function act({ member, group, processId }: Who, { random, known }: Moment): Act {
  const version = random.integer(2)
  const own = new Reference('tasks', member)
  const heartbeat = (body: object): Act => ({
    api: apis.streamsGroupHeartbeat as never,
    version,
    body: {
      groupId: group,
      memberId: memberId(member, `id-of-${member}`),
      memberEpoch: memberEpoch(member),
      endpointInformationEpoch: 0,
      instanceId: null,
      rackId: null,
      rebalanceTimeoutMs: -1,
      topology: null,
      activeTasks: null,
      standbyTasks: null,
      warmupTasks: null,
      processId: null,
      userEndpoint: null,
      clientTags: null,
      taskOffsets: null,
      taskEndOffsets: null,
      shutdownApplication: false,
      ...body,
    },
  })
  const join = () =>
    heartbeat({
      memberEpoch: 0,
      rebalanceTimeoutMs: LONG_MS,
      processId,
      topology: random.chance(0.85) ? TOPOLOGIES[0] : random.pick(TOPOLOGIES),
      activeTasks: [],
      standbyTasks: [],
      warmupTasks: [],
    })
  if (!known.isMember && random.chance(0.9)) return join()
  return weighted<() => Act>(random, [
    [8, () => heartbeat({ activeTasks: own, standbyTasks: [], warmupTasks: [] })],
    [2, () => heartbeat({})],
    [1, () => heartbeat({ activeTasks: [], standbyTasks: [], warmupTasks: [] })],
    [1, () => heartbeat({ activeTasks: own })],
    [1, () => heartbeat({ memberEpoch: LEAVE })],
    [1, () => heartbeat({ memberEpoch: random.pick([-2, -3, 77]) })],
    [1, join],
  ])()
}
