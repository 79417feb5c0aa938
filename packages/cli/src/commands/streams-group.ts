/**
 * Groups of Kafka Streams applications as `ottla group` shows them. Their members are given tasks:
 * a part of the application, at one partition of each topic that this part reads.
 */
import type { Kafka, StreamsGroupDescription, StreamsMemberDescription } from '@ottla/client'
import type { ListedGroupRow } from './group.ts'

/** Who is in a streams group, with the partitions its active tasks read. */
export interface StreamsReader extends StreamsMemberDescription {
  readonly partitions: readonly { readonly topic: string; readonly partition: number }[]
}

/** A streams group in the form of a group of consumers. */
export interface StreamsGroup extends StreamsGroupDescription {
  readonly type: 'streams'
  readonly members: readonly StreamsReader[]
}

export async function listedStreamsGroup(kafka: Kafka, group: string): Promise<ListedGroupRow> {
  const [lags, [described]] = await Promise.all([
    kafka.admin.lag(group),
    kafka.admin.describeStreamsGroups([group]),
  ])
  return {
    group,
    state: described?.state ?? '',
    type: 'streams',
    members: described?.members.length ?? 0,
    topics: [...new Set(lags.map(({ topic }) => topic))],
    lag: lags.reduce((sum, { lag }) => sum + lag, 0n),
  }
}

export async function describedStreamsGroup(kafka: Kafka, name: string): Promise<StreamsGroup> {
  const [group] = await kafka.admin.describeStreamsGroups([name])
  if (!group) throw new TypeError(`no description of ${name}`)
  const counts = await partitionCounts(kafka, group)
  const read = new Map(group.subtopologies.map((one) => [one.id, topicsOf(one)]))
  const members = group.members.map((member) => ({
    ...member,
    // A topic with fewer partitions than another of the same subtopology has none for some tasks.
    partitions: member.active.flatMap(({ subtopology, partition }) =>
      (read.get(subtopology) ?? [])
        .filter((topic) => partition < (counts.get(topic) ?? 0))
        .map((topic) => ({ topic, partition })),
    ),
  }))
  return { ...group, type: 'streams', members }
}

const topicsOf = ({
  sourceTopics,
  repartitionSourceTopics,
}: StreamsGroupDescription['subtopologies'][number]): string[] => [
  ...sourceTopics,
  ...repartitionSourceTopics,
]

async function partitionCounts(
  kafka: Kafka,
  group: StreamsGroupDescription,
): Promise<Map<string, number>> {
  const topics = [...new Set(group.subtopologies.flatMap(topicsOf))]
  const found = await kafka.admin.describeTopics(topics, { perItem: true })
  const counts = new Map<string, number>()
  for (const one of found) if (!one.error) counts.set(one.name, one.partitions.length)
  return counts
}
