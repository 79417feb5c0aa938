/** A member of the consumer protocol (KIP-848). */
import type { SeededRandom } from '@ottla/base'
import { apis } from '@ottla/protocol'
import { Reference } from '../reference.ts'
import {
  type Act,
  between,
  committed,
  type Life,
  LONG_MS,
  type Moment,
  memberEpoch,
  someTopics,
  weighted,
} from './life.ts'

const LEAVE = -1
const PAUSE = -2
/**
 * Not one that can be matched: Apache Kafka does that behind the answer, and not twice in ten
 * seconds.
 */
const PATTERNS = ['(', '']

/** Behind all ids that brokers make: assignors go by their order. */
const consumerMemberId = (member: string): string => `~${member}`

export interface ConsumerOptions {
  readonly instanceId?: string
  /** Subscribes by regular expression now and then. */
  readonly usesPatterns?: boolean
}

export function consumerLife(member: string, group: string, options: ConsumerOptions = {}): Life {
  return { member, group, act: (moment) => act(member, group, options, moment) }
}

function act(member: string, group: string, options: ConsumerOptions, moment: Moment): Act {
  const { random, known } = moment
  const heartbeat = (body: object): Act => {
    const version = random.integer(2)
    return {
      api: apis.consumerGroupHeartbeat as never,
      version,
      body: {
        groupId: group,
        memberId: consumerMemberId(member),
        memberEpoch: memberEpoch(member),
        instanceId: options.instanceId ?? null,
        rackId: null,
        rebalanceTimeoutMs: -1,
        subscribedTopicNames: null,
        subscribedTopicRegex: null,
        serverAssignor: null,
        topicPartitions: null,
        ...body,
      },
    }
  }
  const join = () =>
    heartbeat({
      memberEpoch: 0,
      rebalanceTimeoutMs: LONG_MS,
      topicPartitions: [],
      // With as many votes for one as for another, Apache Kafka changes its mind all the time.
      serverAssignor: random.pick([null, null, 'range', 'range', 'nothing']),
      ...subscription(random, options, { isJoin: true }),
    })
  if (!known.isMember && random.chance(0.9)) return join()
  return weighted<() => Act>(random, [
    [8, () => heartbeat({ topicPartitions: new Reference('held', member) })],
    [2, () => heartbeat({})],
    [2, () => heartbeat({ ...subscription(random, options) })],
    [1, () => heartbeat({ topicPartitions: [] })],
    [1, () => heartbeat({ memberEpoch: options.instanceId && random.chance(0.5) ? PAUSE : LEAVE })],
    [1, join],
    [2, () => commit(member, group, random)],
    [1, () => fetchOffsets(member, group, random)],
  ])()
}

/**
 * A member that joins reads something: to one that does not, Apache Kafka's range assignor may give
 * partitions all the same, because it takes the group for one whose members all read the same.
 */
function subscription(
  random: SeededRandom,
  { usesPatterns }: ConsumerOptions,
  { isJoin = false } = {},
): object {
  if (!usesPatterns || random.chance(0.6)) return { subscribedTopicNames: someTopics(random) }
  return {
    subscribedTopicNames: isJoin || random.chance(0.3) ? someTopics(random) : [],
    subscribedTopicRegex: random.pick(PATTERNS),
  }
}

function commit(member: string, group: string, random: SeededRandom): Act {
  return {
    api: apis.offsetCommit as never,
    version: between(random, 8, 10),
    body: {
      groupId: group,
      generationIdOrMemberEpoch: memberEpoch(member),
      memberId: consumerMemberId(member),
      groupInstanceId: null,
      topics: committed(random),
    },
  }
}

function fetchOffsets(member: string, group: string, random: SeededRandom): Act {
  return {
    api: apis.offsetFetch as never,
    version: between(random, 9, 10),
    body: {
      groups: [
        {
          groupId: group,
          memberId: consumerMemberId(member),
          memberEpoch: memberEpoch(member),
          topics: null,
        },
      ],
      requireStable: random.chance(0.5),
    },
  }
}
