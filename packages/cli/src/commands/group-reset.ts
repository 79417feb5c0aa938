/**
 * `ottla group reset`: moves the committed offsets of a group, or where a share group stands. A dry
 * run unless --yes, because a group that was moved by mistake cannot be moved back: where it stood
 * is nowhere else.
 */
import type { Kafka, TopicPartition } from '@ottla/client'
import type { Command } from 'commander'
import { NotFoundError, UsageError } from '../cli-error.ts'
import { addConnectionOptions, type ConnectionOptions, withKafka } from '../connection.ts'
import { knownTopics } from '../known-topics.ts'
import { printJson, printRows } from '../printer.ts'
import { resolvePlace } from '../records/resolve-place.ts'
import { terminal } from '../terminal.ts'
import { parseLogPlace } from '../text/log-place.ts'
import { byPlace } from './by-place.ts'
import { isShareGroup, knownGroup, nonEmptyGroup, tryKnownGroup } from './known-group.ts'

interface ResetOptions extends ConnectionOptions {
  readonly to: string
  readonly topic: readonly string[]
  readonly yes?: boolean
}

interface Move extends TopicPartition {
  /** Null when the group has no offset there yet. */
  readonly from: bigint | null
  readonly to: bigint
  /** Records that are read again; negative for those that are skipped. Null without a from. */
  readonly readAgain: bigint | null
}

export function defineReset(command: Command): void {
  addConnectionOptions(command.command('reset <group>').summary('move where a group stands'))
    .description(
      'Moves the committed offsets of a group: shows what would change, and does it with --yes.',
    )
    .requiredOption('--to <place>', 'earliest, latest, an offset, -10, @10m or @2026-11-22T12:00')
    .option(
      '-t, --topic <topic[:partition,…]>',
      'only this topic, or these of its partitions; can be repeated (default: where it stands now)',
      (text: string, before: readonly string[]) => [...before, text],
      [],
    )
    .option('-y, --yes', 'do it')
    .action(reset)
}

/** Where a group stands, and how it is moved. */
interface Standing {
  readonly offsets: readonly (TopicPartition & {
    readonly offset: bigint
    /** Records that are not done: those of a share group are not all behind its offset. */
    readonly lag?: bigint | undefined
  })[]
  move(to: readonly (TopicPartition & { readonly offset: bigint })[]): Promise<void>
}

async function standingOf(kafka: Kafka, group: string, isShare: boolean): Promise<Standing> {
  const { admin } = kafka
  if (!isShare) {
    return {
      offsets: await admin.listGroupOffsets(group),
      move: (to) => admin.alterGroupOffsets(group, to),
    }
  }
  const begun = await admin.listShareGroupOffsets(group)
  return {
    offsets: begun.flatMap(({ topic, partition, startOffset: offset, lag }) =>
      offset === undefined ? [] : [{ topic, partition, offset, lag }],
    ),
    move: async (to) => {
      const starts = to.map(({ offset: startOffset, ...at }) => ({ ...at, startOffset }))
      const results = await admin.alterShareGroupOffsets(group, starts)
      for (const { error } of results) if (error) throw error
    },
  }
}

async function reset(group: string, options: ResetOptions): Promise<void> {
  const place = parseLogPlace(options.to, '--to', Date.now())
  const out = terminal()
  const moves = await withKafka(options, async (kafka) => {
    const isShare = await checkGroup(kafka, group, options)
    const standing = await standingOf(kafka, group, isShare)
    const partitions = await chosenPartitions(kafka, group, options, standing)
    const placed = await resolvePlace(kafka, partitions, place)
    const planned = placed.map(({ topic, partition, offset: to, logEndOffset }): Move => {
      const now = standing.offsets.find((o) => o.topic === topic && o.partition === partition)
      if (!now) return { topic, partition, from: null, to, readAgain: null }
      const lag = now.lag ?? logEndOffset - now.offset
      return { topic, partition, from: now.offset, to, readAgain: logEndOffset - to - lag }
    })
    if (options.yes) {
      await standing.move(
        planned.map(({ topic, partition, to: offset }) => ({ topic, partition, offset })),
      )
    }
    return planned
  })
  if (options.output !== 'table') {
    return printJson(out, { group, dryRun: !options.yes, partitions: moves }, options.output)
  }
  await printRows(out, 'table', moves, [
    { title: 'TOPIC', value: (move) => move.topic },
    { title: 'PARTITION', value: (move) => move.partition, align: 'right' },
    { title: 'NOW', value: (move) => move.from, align: 'right' },
    { title: 'THEN', value: (move) => move.to, align: 'right' },
    { title: 'RECORDS READ AGAIN', value: (move) => move.readAgain, align: 'right' },
  ])
  out.note(options.yes ? `moved ${group}` : 'dry run: nothing changed. Add --yes to do it.')
}

/**
 * A group that does not exist yet may be made by naming the topics it is to begin with. Resolves
 * with whether it is a share group.
 */
async function checkGroup(kafka: Kafka, name: string, options: ResetOptions): Promise<boolean> {
  const isNew = options.topic.length > 0
  const group = isNew ? await tryKnownGroup(kafka, name) : await knownGroup(kafka, name)
  if (group && group.members.length > 0) throw nonEmptyGroup(group, 'be reset')
  return group !== undefined && isShareGroup(group)
}

async function chosenPartitions(
  kafka: Kafka,
  group: string,
  options: ResetOptions,
  standing: Standing,
): Promise<TopicPartition[]> {
  if (options.topic.length === 0) {
    const { offsets } = standing
    if (offsets.length > 0) {
      return offsets.map(({ topic, partition }) => ({ topic, partition })).sort(byPlace)
    }
    throw new NotFoundError(`${group} has no committed offsets`, 'Name a topic with -t.')
  }
  const chosen: TopicPartition[] = []
  for (const text of options.topic) {
    const [, name = '', list] = /^([^:]+)(?::(.*))?$/.exec(text) ?? []
    const [topic] = await knownTopics(kafka, [name])
    const all = topic?.partitions.map(({ partition }) => partition) ?? []
    const wanted = list === undefined ? all : list.split(',').map((part) => Number(part))
    for (const partition of wanted) {
      if (!all.includes(partition)) {
        throw new UsageError(`${name} has partitions 0 to ${all.length - 1}, not ${list}`)
      }
      chosen.push({ topic: name, partition })
    }
  }
  return chosen.sort(byPlace)
}
