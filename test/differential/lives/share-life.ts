/** A member of a share group (KIP-932), with its share session. */
import type { SeededRandom } from '@ottla/base'
import { apis, BatchBuilder } from '@ottla/protocol'
import { SHARED_TOPIC } from '../domain.ts'
import { Reference } from '../reference.ts'
import {
  type Act,
  between,
  type Life,
  type Moment,
  memberEpoch,
  someTopics,
  topicIdOf,
  weighted,
} from './life.ts'

const LEAVE = -1
const FINAL = -1
const WAIT_MS = 600
const ACCEPT = 1
const RELEASE = 2
const REJECT = 3
const RENEW = 4

/** Share members name themselves, with a uuid. */
export const shareMemberId = (member: string): string =>
  Buffer.from(member.padEnd(16, '.').slice(0, 16)).toString('base64url')

/** It reads one partition: with several, Apache Kafka's order follows from the ids of topics. */
export function shareLife(member: string, group: string, partition: number): Life {
  return { member, group, act: (moment) => act({ member, group, partition }, moment) }
}

interface Sharer {
  readonly member: string
  readonly group: string
  readonly partition: number
}

function act({ member, group, partition }: Sharer, { random, known }: Moment): Act {
  const who = { groupId: group, memberId: shareMemberId(member) }
  const heartbeat = (body: object): Act => ({
    api: apis.shareGroupHeartbeat as never,
    version: 1,
    body: {
      ...who,
      memberEpoch: memberEpoch(member),
      rackId: null,
      subscribedTopicNames: null,
      ...body,
    },
  })
  const join = () => heartbeat({ memberEpoch: 0, subscribedTopicNames: subscription(random) })
  const sharer = { member, who, partition }
  if (!known.isMember && random.chance(0.85)) return join()
  return weighted<() => Act>(random, [
    [4, () => heartbeat({})],
    [1, () => heartbeat({ subscribedTopicNames: subscription(random) })],
    [1, () => heartbeat({ memberEpoch: LEAVE })],
    [1, join],
    [9, () => shareFetch(sharer, random)],
    [6, () => shareAcknowledge(sharer, random)],
    [4, () => produce(partition, random)],
  ])()
}

interface Who {
  readonly member: string
  readonly who: object
  readonly partition: number
}

function topicsOf({ member, partition }: Who, types: readonly number[]): object[] {
  const detail = { topic: SHARED_TOPIC, partition, types }
  const acknowledgementBatches =
    types.length === 0 ? [] : new Reference('acknowledgements', member, detail)
  const partitions = [{ partitionIndex: partition, acknowledgementBatches }]
  return [{ topicId: topicIdOf(SHARED_TOPIC), partitions }]
}

const subscription = (random: SeededRandom): string[] => [SHARED_TOPIC, ...someTopics(random)]

/** Without it there would be nothing to share. */
function produce(partition: number, random: SeededRandom): Act {
  const builder = new BatchBuilder()
  const count = 1 + random.integer(4)
  for (let i = 0; i < count; i++) builder.append(1_700_000_000_000 + i, 'key', `value ${i}`)
  const partitionData = [{ index: partition, records: builder.finish() }]
  return {
    api: apis.produce as never,
    version: between(random, 9, 13),
    body: {
      transactionalId: null,
      acks: -1,
      timeoutMs: 10_000,
      topicData: [{ name: SHARED_TOPIC, topicId: topicIdOf(SHARED_TOPIC), partitionData }],
    },
  }
}

const someTypes = (random: SeededRandom): number[] =>
  random.pick([[ACCEPT], [ACCEPT, RELEASE], [RELEASE], [REJECT, ACCEPT], [ACCEPT], [0]])

const sessionEpoch = (member: string, random: SeededRandom): unknown =>
  weighted<unknown>(random, [
    [16, new Reference('sessionEpoch', member)],
    [1, FINAL],
    [1, 0],
    [1, 7],
  ])

function shareFetch(sharer: Who, random: SeededRandom): Act {
  const { member, who, partition } = sharer
  // Apache Kafka reads while it releases: what is given back comes with this answer or the next.
  const brings = random.chance(0.4) ? random.pick([[ACCEPT], [REJECT, ACCEPT], [0]]) : []
  return {
    api: apis.shareFetch as never,
    version: between(random, 1, 2),
    body: {
      ...who,
      shareSessionEpoch: sessionEpoch(member, random),
      maxWaitMs: WAIT_MS,
      minBytes: 1,
      maxBytes: 1 << 20,
      maxRecords: random.pick([1, 5, 500, 500]),
      batchSize: random.pick([1, 500, 500]),
      shareAcquireMode: random.chance(0.8) ? 0 : 1,
      isRenewAck: false,
      topics: topicsOf(sharer, brings),
      forgottenTopicsData: random.chance(0.1)
        ? [{ topicId: topicIdOf(SHARED_TOPIC), partitions: [partition] }]
        : [],
    },
  }
}

function shareAcknowledge(sharer: Who, random: SeededRandom): Act {
  const { member, who } = sharer
  const isRenewAck = random.chance(0.1)
  return {
    api: apis.shareAcknowledge as never,
    version: isRenewAck ? 2 : between(random, 1, 2),
    body: {
      ...who,
      shareSessionEpoch: sessionEpoch(member, random),
      isRenewAck,
      topics: topicsOf(sharer, isRenewAck ? [RENEW] : someTypes(random)),
    },
  }
}
