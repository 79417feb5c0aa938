/** `ottla group list|describe|reset|delete`: groups, those of share consumers and Streams too. */
import type { Kafka } from '@ottla/client'
import type { Command } from 'commander'
import { NotFoundError, UsageError } from '../cli-error.ts'
import { addConnectionOptions, type ConnectionOptions, withKafka } from '../connection.ts'
import { printDone, printJson, printRows } from '../printer.ts'
import { terminal } from '../terminal.ts'
import { byPlace } from './by-place.ts'
import { defineReset } from './group-reset.ts'
import {
  isShareGroup,
  type KnownGroup,
  knownGroup,
  memberName,
  nonEmptyGroup,
} from './known-group.ts'
import { listedShareGroup, printShareGroup, sharePartitions } from './share-group.ts'
import { listedStreamsGroup } from './streams-group.ts'

export function defineGroup(command: Command): void {
  addConnectionOptions(command.command('list').alias('ls').summary('list groups'))
    .description('Lists groups with their state and lag.')
    .action(list)
  addConnectionOptions(command.command('describe <groups...>').summary('show offsets and members'))
    .description(
      'Shows for every partition where a group stands, how far behind, and who reads it.',
    )
    .action(describe)
  defineReset(command)
  addConnectionOptions(command.command('delete <groups...>').alias('rm').summary('delete groups'))
    .description('Deletes groups and their committed offsets. A group must have no members.')
    .option('--if-exists', 'say nothing about groups that do not exist')
    .action(remove)
}

export interface ListedGroupRow {
  readonly group: string
  readonly state: string
  readonly type: string
  readonly members: number
  readonly topics: readonly string[]
  readonly lag: bigint
}

/** Kinds of groups there are calls for. */
const LISTED_TYPES = ['', 'classic', 'consumer', 'share', 'streams']

async function list(options: ConnectionOptions): Promise<void> {
  const rows = await withKafka(options, async (kafka) => {
    const groups = await kafka.admin.listGroups()
    const listed = groups.filter(({ type }) => LISTED_TYPES.includes(type))
    return Promise.all(
      listed.map(async ({ group, state, type }): Promise<ListedGroupRow> => {
        if (type === 'share') return listedShareGroup(kafka, group)
        if (type === 'streams') return listedStreamsGroup(kafka, group)
        const [lags, [described]] = await Promise.all([
          kafka.admin.lag(group),
          kafka.admin.describeGroups([group]),
        ])
        return {
          group,
          state: state || (described?.state ?? ''),
          type,
          members: described?.members.length ?? 0,
          topics: [...new Set(lags.map(({ topic }) => topic))],
          lag: lags.reduce((sum, { lag }) => sum + lag, 0n),
        }
      }),
    )
  })
  await printRows(terminal(), options.output, rows, [
    { title: 'GROUP', value: (row) => row.group, isFlexible: true },
    { title: 'STATE', value: (row) => row.state },
    { title: 'TYPE', value: (row) => row.type },
    { title: 'MEMBERS', value: (row) => row.members, align: 'right' },
    { title: 'LAG', value: (row) => row.lag, align: 'right' },
    { title: 'TOPICS', value: (row) => row.topics.join(','), isFlexible: true },
  ])
}

interface PartitionRow {
  readonly topic: string
  readonly partition: number
  readonly committed: bigint | null
  readonly logEndOffset: bigint | null
  readonly lag: bigint | null
  readonly member: string | null
  readonly host: string | null
}

async function describe(names: string[], options: ConnectionOptions): Promise<void> {
  const found = await withKafka(options, (kafka) =>
    Promise.all(
      names.map(async (name) => {
        const group = await knownGroup(kafka, name)
        return isShareGroup(group)
          ? { ...group, partitions: await sharePartitions(kafka, group) }
          : { ...group, partitions: await partitionRows(kafka, group) }
      }),
    ),
  )
  const out = terminal()
  if (options.output === 'json') return printJson(out, found, 'json')
  for (const group of found) {
    if (options.output === 'jsonl') {
      await printJson(out, group, 'jsonl')
      continue
    }
    if (group.type === 'share') {
      await printShareGroup(out, group)
      continue
    }
    const count = group.members.length
    const facts = [
      group.state,
      `${group.type} protocol`,
      `${count} member${count === 1 ? '' : 's'}`,
    ]
    await out.line(`${out.style('bold', group.group)}   ${facts.join(' · ')}`)
    await printRows(out, 'table', group.partitions, PARTITION_COLUMNS)
    const total = group.partitions.reduce((sum, { lag }) => sum + (lag ?? 0n), 0n)
    if (out.isInteractive) await out.line(`lag ${total}`)
  }
}

const PARTITION_COLUMNS = [
  { title: 'TOPIC', value: (row: PartitionRow) => row.topic },
  { title: 'PARTITION', value: (row: PartitionRow) => row.partition, align: 'right' as const },
  { title: 'COMMITTED', value: (row: PartitionRow) => row.committed, align: 'right' as const },
  { title: 'END', value: (row: PartitionRow) => row.logEndOffset, align: 'right' as const },
  { title: 'LAG', value: (row: PartitionRow) => row.lag, align: 'right' as const },
  { title: 'MEMBER', value: (row: PartitionRow) => row.member, isFlexible: true },
  { title: 'HOST', value: (row: PartitionRow) => row.host },
]

/** Partitions with a committed offset, and those that a member reads without having committed. */
async function partitionRows(
  kafka: Kafka,
  group: Exclude<KnownGroup, { readonly type: 'share' }>,
): Promise<PartitionRow[]> {
  const lags = await kafka.admin.lag(group.group)
  const rows = new Map<string, PartitionRow>()
  for (const { topic, partition, committed, logEndOffset, lag } of lags) {
    const row = { topic, partition, committed, logEndOffset, lag, member: null, host: null }
    rows.set(`${topic}:${partition}`, row)
  }
  for (const reader of group.members) {
    for (const { topic, partition } of reader.partitions) {
      const key = `${topic}:${partition}`
      const unknown = { topic, partition, committed: null, logEndOffset: null, lag: null }
      const member = memberName(reader)
      rows.set(key, { ...(rows.get(key) ?? unknown), member, host: reader.host })
    }
  }
  return [...rows.values()].sort(byPlace)
}

async function remove(
  names: string[],
  options: ConnectionOptions & { readonly ifExists?: boolean },
): Promise<void> {
  if (new Set(names).size !== names.length) throw new UsageError('A group is named twice')
  const out = terminal()
  await withKafka(options, async (kafka) => {
    const there: string[] = []
    for (const name of names) {
      try {
        const group = await knownGroup(kafka, name)
        if (group.members.length > 0) throw nonEmptyGroup(group, 'be deleted')
        there.push(name)
      } catch (error) {
        if (!(options.ifExists && error instanceof NotFoundError)) throw error
      }
    }
    if (there.length > 0) await kafka.admin.deleteGroups(there)
    for (const group of names) {
      const deleted = there.includes(group)
      const sentence = deleted ? `deleted ${group}` : `${group} does not exist`
      await printDone(out, options.output, { group, deleted }, sentence)
    }
  })
}
