/**
 * Share groups as `ottla group` shows them. Their members have no offsets of their own: everything
 * before the start offset of a partition is done, behind it records are at work, waiting, or done
 * before others, and several members may read one partition.
 */
import type { Kafka, ShareGroupDescription, ShareGroupOffset } from '@ottla/client'
import { printRows } from '../printer.ts'
import type { Terminal } from '../terminal.ts'
import { byPlace } from './by-place.ts'
import type { ListedGroupRow } from './group.ts'

export interface SharePartition {
  readonly topic: string
  readonly partition: number
  /** Null when the group has not begun to read the partition. */
  readonly startOffset: bigint | null
  /** Records that are not done; null when unknown, as of brokers before Kafka 4.2. */
  readonly lag: bigint | null
  /** Ids of those who read it. */
  readonly members: readonly string[]
}

export async function listedShareGroup(kafka: Kafka, group: string): Promise<ListedGroupRow> {
  const [offsets, [described]] = await Promise.all([
    offsetsOf(kafka, group),
    kafka.admin.describeShareGroups([group]),
  ])
  return {
    group,
    state: described?.state ?? '',
    type: 'share',
    members: described?.members.length ?? 0,
    topics: [...new Set(offsets.map(({ topic }) => topic))],
    lag: offsets.reduce((sum, { lag }) => sum + (lag ?? 0n), 0n),
  }
}

/** Throws the error of a partition that has one. */
async function offsetsOf(kafka: Kafka, group: string): Promise<ShareGroupOffset[]> {
  const offsets = await kafka.admin.listShareGroupOffsets(group)
  for (const { error } of offsets) if (error) throw error
  return offsets
}

/** Partitions the group has begun to read, and those its members have been given. */
export async function sharePartitions(
  kafka: Kafka,
  group: ShareGroupDescription,
): Promise<SharePartition[]> {
  const rows = new Map<string, SharePartition & { readonly members: string[] }>()
  for (const { topic, partition, startOffset = null, lag = null } of await offsetsOf(
    kafka,
    group.group,
  )) {
    rows.set(`${topic}:${partition}`, { topic, partition, startOffset, lag, members: [] })
  }
  for (const { memberId, partitions } of group.members) {
    for (const { topic, partition } of partitions) {
      const key = `${topic}:${partition}`
      const unknown = { topic, partition, startOffset: null, lag: null, members: [] }
      const row = rows.get(key) ?? unknown
      rows.set(key, { ...row, members: [...row.members, memberId] })
    }
  }
  return [...rows.values()].sort(byPlace)
}

const COLUMNS = [
  { title: 'TOPIC', value: (row: SharePartition) => row.topic },
  { title: 'PARTITION', value: (row: SharePartition) => row.partition, align: 'right' as const },
  { title: 'START', value: (row: SharePartition) => row.startOffset, align: 'right' as const },
  { title: 'LAG', value: (row: SharePartition) => row.lag, align: 'right' as const },
  { title: 'MEMBERS', value: (row: SharePartition) => row.members.join(','), isFlexible: true },
]

export async function printShareGroup(
  out: Terminal,
  group: ShareGroupDescription & { readonly partitions: readonly SharePartition[] },
): Promise<void> {
  const count = group.members.length
  const facts = [group.state, 'share group', `${count} member${count === 1 ? '' : 's'}`]
  await out.line(`${out.style('bold', group.group)}   ${facts.join(' · ')}`)
  await printRows(out, 'table', group.partitions, COLUMNS)
  const total = group.partitions.reduce((sum, { lag }) => sum + (lag ?? 0n), 0n)
  if (out.isInteractive) await out.line(`lag ${total}`)
}
