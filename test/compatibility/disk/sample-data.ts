/**
 * One load that leaves something in every kind of file a broker keeps, and one look at all of it.
 * Two brokers hold the same when `contentsOf` them is equal.
 */
import { createHash } from 'node:crypto'
import { type CompressionName, Kafka } from '@ottla/client'

const CODECS: readonly CompressionName[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd']
const FIRST_TIME = 1_700_000_000_000
/** The offsets topic is looked at through groups, not record by record. */
const INTERNAL = /^__/

export interface PartitionContents {
  readonly start: bigint
  readonly end: bigint
  readonly records: number
  /** Of offsets, timestamps, keys, values and headers. */
  readonly digest: string
}

export interface Contents {
  readonly partitions: Readonly<Record<string, PartitionContents>>
  readonly groups: Readonly<Record<string, readonly string[]>>
  readonly settings: Readonly<Record<string, Readonly<Record<string, string | null>>>>
}

export async function load(bootstrap: string): Promise<void> {
  await using kafka = new Kafka({ brokers: bootstrap })
  const topics = CODECS.map((codec) => ({ topic: `of-${codec}`, partitions: 2 }))
  await kafka.admin.createTopics([
    ...topics,
    { topic: 'rolled', partitions: 1, configs: { 'segment.bytes': 1048576 } },
    { topic: 'compacted', partitions: 1, configs: { 'cleanup.policy': 'compact' } },
    { topic: 'trimmed', partitions: 1 },
    { topic: 'deleted', partitions: 1 },
  ])
  for (const codec of CODECS) await fill(kafka, `of-${codec}`, codec, 500)
  await fill(kafka, 'rolled', 'none', 3_000, 1_000)
  await fill(kafka, 'compacted', 'none', 50)
  await fill(kafka, 'trimmed', 'none', 100)
  await fill(kafka, 'deleted', 'none', 10)
  await kafka.admin.deleteRecords([{ topic: 'trimmed', partition: 0, before: 40n }])
  await kafka.admin.deleteTopics(['deleted'])
  await kafka.admin.alterGroupOffsets('alone', [{ topic: 'of-none', partition: 0, offset: 7n }])
  await readInGroup(kafka, 'readers', 'of-gzip', 500)
  await kafka.admin.incrementalAlterConfigs([
    { type: 'topic', name: 'of-none', configs: [{ name: 'retention.bytes', value: '1234567890' }] },
  ])
}

/** Many batches of an idempotent producer, so that logs, indexes and producer state are filled. */
export async function fill(
  kafka: Kafka,
  topic: string,
  compression: CompressionName,
  count: number,
  size = 100,
): Promise<void> {
  await using producer = kafka.producer({ compression, linger: 0 })
  for (let i = 0; i < count; i += 50) {
    await producer.send(
      topic,
      Array.from({ length: Math.min(50, count - i) }, (_, j) => ({
        key: `key ${(i + j) % 17}`,
        value: (i + j) % 19 === 18 ? null : `${i + j} ${'x'.repeat(size)}`,
        headers: { number: String(i + j) },
        timestamp: FIRST_TIME + i + j,
      })),
    )
  }
}

export async function readInGroup(
  kafka: Kafka,
  group: string,
  topic: string,
  count: number,
): Promise<number> {
  await using consumer = kafka.consumer({ group, from: 'earliest' })
  let read = 0
  for await (const batch of consumer.subscribe(topic, { signal: AbortSignal.timeout(30_000) })) {
    read += batch.count
    await batch.commit()
    if (read >= count) break
  }
  return read
}

export async function contentsOf(bootstrap: string): Promise<Contents> {
  await using kafka = new Kafka({ brokers: bootstrap })
  const partitions: Record<string, PartitionContents> = {}
  const settings: Record<string, Record<string, string | null>> = {}
  const topics = (await kafka.admin.listTopics()).filter(({ name }) => !INTERNAL.test(name))
  for (const { name, partitions: all } of topics.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    for (const { partition } of all) {
      partitions[`${name}-${partition}`] = await readPartition(kafka, name, partition)
    }
    const [found] = await kafka.admin.describeConfigs([{ type: 'topic', name }])
    const own = (found?.configs ?? []).filter(({ source }) => source === 'topic')
    settings[name] = Object.fromEntries(own.map((config) => [config.name, config.value]))
  }
  return { partitions, settings, groups: await groupsOf(kafka) }
}

async function groupsOf(kafka: Kafka): Promise<Record<string, string[]>> {
  const groups: Record<string, string[]> = {}
  for (const { group, type } of await kafka.admin.listGroups()) {
    // Share groups have no committed offsets; whole-state.ts looks at what they have.
    if (type === 'share') continue
    const offsets = await kafka.admin.listGroupOffsets(group)
    groups[group] = offsets.map((o) => `${o.topic}-${o.partition} ${o.offset} ${o.metadata}`).sort()
  }
  return groups
}

async function readPartition(
  kafka: Kafka,
  topic: string,
  partition: number,
): Promise<PartitionContents> {
  const at = async (spec: 'earliest' | 'latest') => {
    const [found] = await kafka.admin.listOffsets([{ topic, partition, at: spec }])
    return found?.offset ?? -1n
  }
  const [start, end] = [await at('earliest'), await at('latest')]
  const hash = createHash('sha256')
  let records = 0
  if (start < end) {
    await using consumer = kafka.consumer({ from: 'earliest' })
    const signal = AbortSignal.timeout(30_000)
    for await (const batch of consumer.assign([{ topic, partition }], { signal })) {
      for (const { offset, timestamp, key, value, headers } of batch) {
        const head = headers.map((h) => `${h.key}=${h.value}`).join()
        hash.update(`${offset} ${timestamp} ${key} ${value} ${head}\n`)
        records++
      }
      if (batch.nextOffset >= end) break
    }
  }
  return { start, end, records, digest: hash.digest('hex') }
}
