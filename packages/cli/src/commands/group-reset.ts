/**
 * `ottla group reset`: moves the committed offsets of a group. A dry run unless --yes, because a
 * group that was moved by mistake cannot be moved back: where it stood is nowhere else.
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
import { knownGroup, nonEmptyGroup, tryKnownGroup } from './known-group.ts'

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

async function reset(group: string, options: ResetOptions): Promise<void> {
  const place = parseLogPlace(options.to, '--to', Date.now())
  const out = terminal()
  const moves = await withKafka(options, async (kafka) => {
    await checkGroup(kafka, group, options)
    const partitions = await chosenPartitions(kafka, group, options)
    const committed = await kafka.admin.listGroupOffsets(group)
    const placed = await resolvePlace(kafka, partitions, place)
    const planned = placed.map(({ topic, partition, offset }): Move => {
      const now = committed.find((c) => c.topic === topic && c.partition === partition)
      const from = now?.offset ?? null
      return { topic, partition, from, to: offset, readAgain: from === null ? null : from - offset }
    })
    if (options.yes) {
      const offsets = planned.map(({ topic, partition, to }) => ({ topic, partition, offset: to }))
      await kafka.admin.alterGroupOffsets(group, offsets)
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

/** A group that does not exist yet may be made by naming the topics it is to begin with. */
async function checkGroup(kafka: Kafka, name: string, options: ResetOptions): Promise<void> {
  const isNew = options.topic.length > 0
  const group = isNew ? await tryKnownGroup(kafka, name) : await knownGroup(kafka, name)
  if (group && group.members.length > 0) throw nonEmptyGroup(group, 'be reset')
}

async function chosenPartitions(
  kafka: Kafka,
  group: string,
  options: ResetOptions,
): Promise<TopicPartition[]> {
  if (options.topic.length === 0) {
    const committed = await kafka.admin.listGroupOffsets(group)
    if (committed.length > 0) {
      return committed.map(({ topic, partition }) => ({ topic, partition })).sort(byPlace)
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

function byPlace(a: TopicPartition, b: TopicPartition): number {
  if (a.topic !== b.topic) return a.topic < b.topic ? -1 : 1
  return a.partition - b.partition
}
