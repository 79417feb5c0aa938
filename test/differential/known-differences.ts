/**
 * Differences that stay, each with its reason: docs/internals/testing.md lists them. A difference
 * that is on no list is a fault.
 */
import type { Api } from '@ottla/protocol'
import type { Difference } from './differential.ts'
import { CONFIG_NAMES } from './domain.ts'
import { MIXED_GROUP } from './lives/lives.ts'
import type { Answer } from './world.ts'

export interface Known {
  /** Names of the APIs it is about. */
  readonly apis: readonly string[]
  readonly reason: string
  readonly applies: (difference: Difference) => boolean
  /** From then on the group is another on each side, and no more is asked about it. */
  readonly endsGroup?: boolean
}

export const KNOWN: readonly Known[] = [
  {
    apis: ['DescribeConfigs'],
    reason:
      "A broker's own names and places are its own, and ottla lets groups form without delay " +
      'where Apache Kafka waits a second or three.',
    applies: ({ ottla, apache }) => same(withoutOwnSettings(ottla), withoutOwnSettings(apache)),
  },
  {
    apis: ['ConsumerGroupDescribe'],
    reason:
      'Apache Kafka matches the pattern of a member behind the answer to its heartbeat, ottla at ' +
      'the next one.',
    applies: ({ ottla, apache }) => same(withoutPatternGroups(ottla), withoutPatternGroups(apache)),
  },
  {
    apis: ['ConsumerGroupHeartbeat', 'ConsumerGroupDescribe', 'JoinGroup'],
    reason:
      'Apache Kafka learns of topics and matches patterns behind its answers: one heartbeat may ' +
      'raise the epoch of a group for two changes at once where ottla raises it twice.',
    applies: ({ ottla, apache }) => same(withEpochsOf(ottla, apache), apache),
  },
  {
    apis: ['Fetch'],
    reason:
      'A read of Apache Kafka ends with its segment; ottla gives the records behind it along when ' +
      'it has them in memory.',
    applies: ({ ottla, apache }) => same(upToBatchesOf(ottla, apache), apache),
  },
  {
    apis: ['WriteShareGroupState'],
    reason: 'Apache Kafka fails over some batches of states that no share partition has.',
    applies: ({ ottla, apache }) =>
      JSON.stringify(apache).replaceAll(FAILED, '"NONE"') === JSON.stringify(ottla),
  },
  {
    apis: ['JoinGroup'],
    reason:
      'A consumer group that becomes a classic one gets a leader: with Apache Kafka the first by ' +
      'the hash of ids that the broker makes, so any.',
    applies: ({ body, ottla, apache }) =>
      (body as { groupId: string }).groupId === MIXED_GROUP &&
      same(withoutLead(ottla), withoutLead(apache)),
    endsGroup: true,
  },
]

const FAILED = /"UNKNOWN_SERVER_ERROR"/g

export const knownFor = (api: Api, difference: Difference): Known | undefined =>
  KNOWN.find(({ apis, applies }) => apis.includes(api.name) && applies(difference))

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b)

interface DescribedGroup {
  readonly members: readonly { readonly subscribedTopicRegex: string | null }[]
}

/** Groups with a pattern are told without their state. */
function withoutPatternGroups(answer: Answer): unknown {
  const { groups = [] } = (answer ?? {}) as { groups?: readonly DescribedGroup[] }
  return groups.map((group) =>
    group.members.some(({ subscribedTopicRegex }) => subscribedTopicRegex)
      ? { ...group, groupState: '', groupEpoch: 0 }
      : group,
  )
}

const GROUP_EPOCHS = new Set([
  'epoch',
  'memberEpoch',
  'groupEpoch',
  'assignmentEpoch',
  'generationId',
])

/** The answer with the epochs of the other one, where they are one apart. */
function withEpochsOf(answer: Answer, other: Answer): unknown {
  const walk = (one: unknown, two: unknown, key: string): unknown => {
    if (GROUP_EPOCHS.has(key)) return areOneApart(one, two) ? two : one
    if (typeof one !== 'object' || one === null || typeof two !== 'object' || two === null) {
      return one
    }
    const theirs = two as Record<string, unknown>
    if (Array.isArray(one)) return one.map((item, i) => walk(item, theirs[i], ''))
    return Object.fromEntries(
      Object.entries(one).map(([name, value]) => [name, walk(value, theirs[name], name)]),
    )
  }
  return walk(answer, other, '')
}

/** Both are epochs of a member: 0 and less have other meanings. */
const areOneApart = (one: unknown, two: unknown): boolean =>
  typeof one === 'number' &&
  typeof two === 'number' &&
  one > 0 &&
  two > 0 &&
  Math.abs(one - two) === 1

/** What JoinGroup tells the leader alone, and who that is. */
const withoutLead = (answer: Answer): unknown => ({
  ...(answer as object),
  leader: '',
  members: [],
})

interface FetchedTopic {
  readonly partitions: readonly { readonly records?: readonly unknown[] | null }[]
}

/** Of each partition as many batches as the other has, unless it has none. */
function upToBatchesOf(answer: Answer, other: Answer): unknown {
  const topicsOf = (one: Answer) =>
    ((one ?? {}) as { responses?: readonly FetchedTopic[] }).responses ?? []
  const limits = topicsOf(other).map(({ partitions }) =>
    partitions.map(({ records }) => records?.length ?? 0),
  )
  const responses = topicsOf(answer).map((topic, t) => ({
    ...topic,
    partitions: topic.partitions.map((partition, p) => {
      const limit = limits[t]?.[p] ?? 0
      return limit > 0 ? { ...partition, records: partition.records?.slice(0, limit) } : partition
    }),
  }))
  return { ...(answer as object), responses }
}

const BROKER = 4
/** Groups form at once: see the defaults of these settings. */
const UNHURRIED = /assignment\.interval\.ms$|rebalance\.delay\.ms$/

interface DescribedResource {
  readonly resourceType: number
  readonly configs: readonly { readonly name: string }[]
}

/** Of brokers only the settings that requests change are compared; the tables have other tests. */
function withoutOwnSettings(answer: Answer): unknown {
  const { results } = (answer ?? {}) as { results?: readonly DescribedResource[] }
  return results?.map((result) => ({
    ...result,
    configs: result.configs.filter(({ name }) =>
      result.resourceType === BROKER ? CONFIG_NAMES.includes(name) : !UNHURRIED.test(name),
    ),
  }))
}
