/** `ottla topic …`: what topics there are, and making, changing and removing them. */
import type { Kafka, TopicDescription } from '@ottla/client'
import type { Command } from 'commander'
import { UsageError } from '../cli-error.ts'
import { addConnectionOptions, type ConnectionOptions, withKafka } from '../connection.ts'
import { knownTopics } from '../known-topics.ts'
import { printDone, printJson, printRows } from '../printer.ts'
import {
  checkDeletedSettings,
  collectSettings,
  describeSetting,
  explainSetting,
} from '../setting-text.ts'
import { terminal } from '../terminal.ts'
import { formatBytes, formatCount, parseCount } from '../text/quantity.ts'

interface CreateOptions extends ConnectionOptions {
  readonly partitions?: string
  readonly replicas?: string
  readonly config: Record<string, string>
  readonly ifNotExists?: boolean
}

interface AlterOptions extends ConnectionOptions {
  readonly partitions?: string
  readonly config: Record<string, string>
  readonly delete: readonly string[]
}

export function defineTopic(command: Command): void {
  addConnectionOptions(command.command('list').alias('ls').summary('list topics'))
    .description('Lists topics with their records and bytes.')
    .option('--internal', "show Kafka's own topics as well")
    .action(list)
  addConnectionOptions(command.command('describe <topics...>').summary('show topics in detail'))
    .description('Shows partitions with their offsets, and the settings that differ from defaults.')
    .action(describe)
  addConnectionOptions(command.command('create <topics...>').summary('create topics'))
    .description('Creates topics.')
    .option('-p, --partitions <count>', "number of partitions (default: the broker's)")
    .option('-r, --replicas <count>', "replicas of each partition (default: the broker's)")
    .option('-c, --config <name=value>', 'a setting; can be repeated', collectSettings, {})
    .option('--if-not-exists', 'leave topics alone that exist')
    .action(create)
  addConnectionOptions(command.command('alter <topic>').summary('change partitions and settings'))
    .description('Adds partitions to a topic and changes its settings.')
    .option('-p, --partitions <count>', 'new total number of partitions; can only grow')
    .option('-c, --config <name=value>', 'a setting; can be repeated', collectSettings, {})
    .option('-d, --delete <name>', 'back to the default; can be repeated', gather, [])
    .action(alter)
  addConnectionOptions(command.command('delete <topics...>').alias('rm').summary('delete topics'))
    .description('Deletes topics and all their records.')
    .option('--if-exists', 'say nothing about topics that do not exist')
    .action(remove)
}

const gather = (text: string, before: readonly string[]): string[] => [...before, text]

interface ListedTopic {
  readonly topic: string
  readonly partitions: number
  readonly replicas: number
  /** Offsets between log start and log end: an upper bound where records have been compacted. */
  readonly records: bigint
  /** Bytes on the disks of all brokers; null where they do not say. */
  readonly bytes: bigint | null
  readonly internal: boolean
}

async function list(options: ConnectionOptions & { internal?: boolean }): Promise<void> {
  const rows = await withKafka(options, async (kafka) => {
    const topics = await kafka.admin.listTopics({ includeInternal: options.internal === true })
    const [ranges, sizes] = await Promise.all([offsetRanges(kafka, topics), sizesOf(kafka)])
    return topics.map(
      (topic): ListedTopic => ({
        topic: topic.name,
        partitions: topic.partitions.length,
        replicas: topic.partitions[0]?.replicas.length ?? 0,
        records: topic.partitions.reduce((sum, { partition }) => {
          const range = ranges.get(`${topic.name}:${partition}`)
          return sum + (range ? range.end - range.start : 0n)
        }, 0n),
        bytes: sizes ? (sizes.get(topic.name) ?? 0n) : null,
        internal: topic.isInternal,
      }),
    )
  })
  const out = terminal()
  const show = (n: bigint) => (out.isInteractive ? formatCount(n) : String(n))
  await printRows(out, options.output, rows, [
    { title: 'TOPIC', value: (row) => row.topic, isFlexible: true },
    { title: 'PARTITIONS', value: (row) => row.partitions, align: 'right' },
    { title: 'REPLICAS', value: (row) => row.replicas, align: 'right' },
    { title: 'RECORDS', value: (row) => show(row.records), align: 'right' },
    {
      title: out.isInteractive ? 'SIZE' : 'BYTES',
      value: ({ bytes }) => (bytes !== null && out.isInteractive ? formatBytes(bytes) : bytes),
      align: 'right',
    },
  ])
}

/** Bytes by topic, or undefined where the cluster does not tell (not allowed, or not supported). */
async function sizesOf(kafka: Kafka): Promise<Map<string, bigint> | undefined> {
  const sizes = new Map<string, bigint>()
  try {
    for (const directory of await kafka.admin.describeLogDirs()) {
      for (const { topic, size } of directory.partitions) {
        sizes.set(topic, (sizes.get(topic) ?? 0n) + size)
      }
    }
    return sizes
  } catch {
    // A listing without sizes is worth more than none; the column shows that they are unknown.
    return undefined
  }
}

interface OffsetRange {
  readonly start: bigint
  readonly end: bigint
}

/** Log start and log end offsets of partitions that have a leader, by `topic:partition`. */
async function offsetRanges(
  kafka: Kafka,
  topics: readonly TopicDescription[],
): Promise<Map<string, OffsetRange>> {
  const led = topics.flatMap((topic) =>
    topic.partitions
      .filter(({ leader }) => leader >= 0)
      .map(({ partition }) => ({ topic: topic.name, partition })),
  )
  const at = (place: 'earliest' | 'latest') =>
    kafka.admin.listOffsets(led.map((partition) => ({ ...partition, at: place })))
  const [starts, ends] = await Promise.all([at('earliest'), at('latest')])
  const startOf = new Map(starts.map((s) => [`${s.topic}:${s.partition}`, s.offset]))
  return new Map(
    ends.map((end) => {
      const key = `${end.topic}:${end.partition}`
      return [key, { start: startOf.get(key) ?? 0n, end: end.offset }]
    }),
  )
}

async function describe(names: string[], options: ConnectionOptions): Promise<void> {
  const found = await withKafka(options, async (kafka) => {
    const topics = await knownTopics(kafka, names)
    const resources = topics.map(({ name }) => ({ type: 'topic' as const, name }))
    const [ranges, configs] = await Promise.all([
      offsetRanges(kafka, topics),
      kafka.admin.describeConfigs(resources),
    ])
    return topics.map((topic, i) => ({
      topic: topic.name,
      id: topic.id,
      internal: topic.isInternal,
      settings: Object.fromEntries(
        (configs[i]?.configs ?? [])
          .filter(({ source }) => source === 'topic')
          .map(({ name, value }) => [name, value]),
      ),
      partitions: topic.partitions.map((p) => {
        const range = ranges.get(`${topic.name}:${p.partition}`)
        const { partition, leader, replicas, isr } = p
        const logStartOffset = range?.start ?? null
        return {
          partition,
          leader,
          replicas,
          isr,
          logStartOffset,
          logEndOffset: range?.end ?? null,
        }
      }),
    }))
  })
  const out = terminal()
  if (options.output === 'json') return printJson(out, found, 'json')
  for (const topic of found) {
    if (options.output === 'jsonl') await printJson(out, topic, 'jsonl')
    else {
      await out.line(`${out.style('bold', topic.topic)}   id ${topic.id}`)
      for (const [name, value] of Object.entries(topic.settings)) {
        await out.line(`  ${name}=${describeSetting(name, value)}`)
      }
      await printRows(out, 'table', topic.partitions, PARTITION_COLUMNS)
    }
  }
}

interface DescribedPartition {
  readonly partition: number
  readonly leader: number
  readonly replicas: readonly number[]
  readonly isr: readonly number[]
  readonly logStartOffset: bigint | null
  readonly logEndOffset: bigint | null
}

const PARTITION_COLUMNS = [
  { title: 'PARTITION', value: (p: DescribedPartition) => p.partition, align: 'right' as const },
  { title: 'LEADER', value: (p: DescribedPartition) => (p.leader < 0 ? 'none' : p.leader) },
  { title: 'REPLICAS', value: (p: DescribedPartition) => p.replicas.join(',') },
  { title: 'IN SYNC', value: (p: DescribedPartition) => p.isr.join(',') },
  { title: 'START', value: (p: DescribedPartition) => p.logStartOffset, align: 'right' as const },
  { title: 'END', value: (p: DescribedPartition) => p.logEndOffset, align: 'right' as const },
]

async function create(names: string[], options: CreateOptions): Promise<void> {
  const out = terminal()
  const numbers = {
    ...(options.partitions === undefined
      ? {}
      : { partitions: positive(options.partitions, '--partitions') }),
    ...(options.replicas === undefined
      ? {}
      : { replicationFactor: positive(options.replicas, '--replicas') }),
  }
  await withKafka(options, async (kafka) => {
    for (const topic of names) {
      if (options.ifNotExists) {
        const all = await kafka.admin.listTopics({ includeInternal: true })
        if (all.some(({ name }) => name === topic)) {
          await printDone(out, options.output, { topic, created: false }, `${topic} exists already`)
          continue
        }
      }
      const [made] = await kafka.admin
        .createTopics([{ topic, configs: options.config, ...numbers }])
        .catch(async (error: unknown) => {
          throw await explainSetting(error, Object.keys(options.config))
        })
      const done = {
        topic,
        created: true,
        id: made?.id,
        partitions: made?.partitions,
        replicas: made?.replicationFactor,
        settings: options.config,
      }
      const settings = Object.entries(options.config).map(
        ([k, v]) => `${k}=${describeSetting(k, v)}`,
      )
      const parts = [`${done.partitions} partition${done.partitions === 1 ? '' : 's'}`, ...settings]
      await printDone(out, options.output, done, `created ${topic}   ${parts.join(' · ')}`)
    }
  })
}

function positive(text: string, option: string): number {
  const count = parseCount(text, option)
  if (count < 1) throw new UsageError(`${option} must be at least 1`)
  return count
}

async function alter(topic: string, options: AlterOptions): Promise<void> {
  const out = terminal()
  const names = [...Object.keys(options.config), ...options.delete]
  if (names.length === 0 && options.partitions === undefined) {
    throw new UsageError('Nothing to change', `ottla topic alter ${topic} -c retention.ms=7d`)
  }
  await withKafka(options, async (kafka) => {
    const [found] = await knownTopics(kafka, [topic])
    const before = found?.partitions.length ?? 0
    await checkDeletedSettings(kafka, topic, options.delete)
    if (options.partitions !== undefined) {
      const partitions = positive(options.partitions, '--partitions')
      if (partitions < before) {
        throw new UsageError(
          `${topic} has ${before} partitions; a topic cannot have fewer than before`,
          'Create another topic with fewer partitions and copy the records.',
        )
      }
      if (partitions > before) await kafka.admin.createPartitions([{ topic, partitions }])
    }
    if (names.length > 0) {
      const configs = [
        ...Object.entries(options.config).map(([name, value]) => ({ name, value })),
        ...options.delete.map((name) => ({ name, operation: 'delete' as const })),
      ]
      await kafka.admin
        .incrementalAlterConfigs([{ type: 'topic', name: topic, configs }])
        .catch(async (error: unknown) => {
          throw await explainSetting(error, names)
        })
    }
    const [after] = await knownTopics(kafka, [topic])
    const partitions = after?.partitions.length ?? before
    const done = { topic, partitions, set: options.config, deleted: options.delete }
    const parts = [
      ...(partitions === before ? [] : [`partitions ${before} → ${partitions}`]),
      ...Object.entries(options.config).map(([k, v]) => `${k}=${describeSetting(k, v)}`),
      ...options.delete.map((name) => `${name} back to its default`),
    ]
    const what = parts.length > 0 ? parts.join(' · ') : 'is as asked for already'
    await printDone(out, options.output, done, `altered ${topic}   ${what}`)
  })
}

async function remove(
  names: string[],
  options: ConnectionOptions & { readonly ifExists?: boolean },
): Promise<void> {
  const out = terminal()
  await withKafka(options, async (kafka) => {
    const all = await kafka.admin.listTopics({ includeInternal: true })
    const isThere = (name: string) => all.some((topic) => topic.name === name)
    // All names are checked first, so that a slip in the last does not leave half of it done.
    if (!options.ifExists) await knownTopics(kafka, names)
    const there = names.filter(isThere)
    if (there.length > 0) await kafka.admin.deleteTopics(there)
    for (const topic of names) {
      const deleted = isThere(topic)
      const sentence = deleted ? `deleted ${topic}` : `${topic} does not exist`
      await printDone(out, options.output, { topic, deleted }, sentence)
    }
  })
}
