/**
 * Apache's MirrorMaker 2 between ottla and Apache Kafka, both ways at once: records with keys,
 * headers, times and partitions, settings of topics, and offsets of consumer groups translated
 * through checkpoints; while ottla is killed with -9 in between.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Kafka } from '@ottla/client'
import { expect, it } from 'vitest'
import { type OttlaProcess, startOttlaProcess } from '../../support/ottla-process.ts'
import { startApacheBroker } from '../support/apache-broker.ts'
import { ensureApacheKafka } from '../support/apache-jars.ts'
import { JavaProcess } from '../support/java-process.ts'
import { waitUntil } from '../support/judged-broker.ts'
import { contentOf, type StoredRecord } from '../support/topic-content.ts'

const CLUSTERS = ['ottla', 'apache'] as const
type Cluster = (typeof CLUSTERS)[number]
const otherOf = (cluster: Cluster): Cluster => (cluster === 'ottla' ? 'apache' : 'ottla')

const PARTITIONS = 3
const RECORDS = 600
const WAIT_MS = 90_000
/** Only these cross, each from its own side; what comes from the other side must not go back. */
const TOPIC: Record<Cluster, string> = { ottla: 'orders', apache: 'bills' }
const GROUP: Record<Cluster, string> = { ottla: 'shippers', apache: 'payers' }

const EVERY_SECOND = [
  'refresh.topics.interval.seconds',
  'refresh.groups.interval.seconds',
  'sync.topic.configs.interval.seconds',
  'sync.group.offsets.interval.seconds',
  'emit.checkpoints.interval.seconds',
  'emit.heartbeats.interval.seconds',
]
const ONE_REPLICA = [
  'replication.factor',
  'checkpoints.topic.replication.factor',
  'heartbeats.topic.replication.factor',
  'offset-syncs.topic.replication.factor',
  'offset.storage.replication.factor',
  'status.storage.replication.factor',
  'config.storage.replication.factor',
]

function propertiesOf(bootstrap: Readonly<Record<Cluster, string>>): string {
  const settings: Record<string, string> = {
    clusters: CLUSTERS.join(', '),
    'sync.group.offsets.enabled': 'true',
    'sync.topic.acls.enabled': 'false',
    'offset.lag.max': '0',
    'offset.flush.interval.ms': '500',
    'scheduled.rebalance.max.delay.ms': '0',
    'session.timeout.ms': '6000',
    'heartbeat.interval.ms': '1000',
  }
  for (const name of EVERY_SECOND) settings[name] = '1'
  for (const name of ONE_REPLICA) settings[name] = '1'
  for (const cluster of CLUSTERS) {
    settings[`${cluster}.bootstrap.servers`] = bootstrap[cluster]
    settings[`${cluster}->${otherOf(cluster)}.enabled`] = 'true'
    settings[`${cluster}->${otherOf(cluster)}.topics`] = '.*(orders|bills)'
  }
  return Object.entries(settings)
    .map(([key, value]) => `${key}=${value}\n`)
    .join('')
}

async function produce(kafka: Kafka, topic: string, from: number, count: number): Promise<void> {
  await using producer = kafka.producer()
  const records = Array.from({ length: count }, (_, i) => ({
    key: `key ${from + i}`,
    value: `value ${from + i} of ${topic}`,
    partition: (from + i) % PARTITIONS,
    timestamp: 1_700_000_000_000 + from + i,
    headers: { number: String(from + i), kind: topic },
  }))
  await producer.send(topic, records)
}

/**
 * Commits for a group that has read everything. A checkpoint task that has just started knows the
 * newest offset sync only, so a group far behind would rightly get no translation yet.
 */
async function commitAll(kafka: Kafka, cluster: Cluster): Promise<void> {
  const offsets = Array.from({ length: PARTITIONS }, (_, partition) => ({
    topic: TOPIC[cluster],
    partition,
    offset: RECORDS / PARTITIONS,
  }))
  await kafka.admin.alterGroupOffsets(GROUP[cluster], offsets)
}

const withoutOffsets = (records: readonly StoredRecord[]) =>
  records.map(({ offset: _, ...rest }) => rest)

/** A copy has everything in order; after a kill it may have a stretch again, never a gap. */
function expectCopy(source: readonly StoredRecord[], copy: readonly StoredRecord[]): void {
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const inPartition = (records: readonly StoredRecord[]) =>
      withoutOffsets(records.filter((record) => record.partition === partition))
    const seen = new Set<string>()
    const once = inPartition(copy).filter(({ key }) => {
      const isNew = !seen.has(String(key))
      seen.add(String(key))
      return isNew
    })
    expect(once).toEqual(inPartition(source))
  }
}

async function topicSetting(kafka: Kafka, topic: string, setting: string) {
  const [described] = await kafka.admin.describeConfigs([{ type: 'topic', name: topic }])
  return described?.configs.find(({ name }) => name === setting)?.value
}

async function expectMirrored(kafkas: Record<Cluster, Kafka>, from: Cluster): Promise<void> {
  const source = kafkas[from]
  const target = kafkas[otherOf(from)]
  const mirrored = `${from}.${TOPIC[from]}`
  const wanted = await contentOf(source, TOPIC[from])
  await waitUntil(
    `${mirrored} is complete`,
    async () => {
      const names = (await target.admin.listTopics()).map(({ name }) => name)
      if (!names.includes(mirrored)) return false
      const keys = new Set((await contentOf(target, mirrored)).map(({ key }) => key))
      return keys.size >= wanted.length
    },
    WAIT_MS,
  )
  expectCopy(wanted, await contentOf(target, mirrored))
  await waitUntil(
    'settings cross',
    async () => (await topicSetting(target, mirrored, 'max.message.bytes')) === '654321',
    WAIT_MS,
  )
}

/** Translated offsets never skip a record. */
async function expectTranslated(kafkas: Record<Cluster, Kafka>, from: Cluster): Promise<void> {
  const target = kafkas[otherOf(from)]
  const mirrored = `${from}.${TOPIC[from]}`
  await waitUntil(
    `offsets of ${GROUP[from]} cross`,
    async () => {
      const offsets = await target.admin.listGroupOffsets(GROUP[from])
      const ours = offsets.filter(({ topic }) => topic === mirrored)
      return ours.length === PARTITIONS && ours.every(({ offset }) => offset > 0n)
    },
    WAIT_MS,
  )
  for (const { topic, offset } of await target.admin.listGroupOffsets(GROUP[from])) {
    expect(topic).toBe(mirrored)
    expect(offset).toBeLessThanOrEqual(BigInt(RECORDS / PARTITIONS))
  }
}

/** What crossed does not come back, and the internal topics are compacted ones. */
async function expectTopics(kafka: Kafka, cluster: Cluster): Promise<void> {
  const names = (await kafka.admin.listTopics()).map(({ name }) => name)
  const from = otherOf(cluster)
  expect(names).toEqual(
    expect.arrayContaining([
      TOPIC[cluster],
      `${from}.${TOPIC[from]}`,
      `${from}.checkpoints.internal`,
      `mm2-offset-syncs.${from}.internal`,
      `mm2-configs.${from}.internal`,
      'heartbeats',
    ]),
  )
  expect(names.filter((name) => /\..*\.(orders|bills)/.test(name))).toEqual([])
  const policy = await topicSetting(kafka, `${from}.checkpoints.internal`, 'cleanup.policy')
  expect(policy).toBe('compact')
}

async function prepare(kafka: Kafka, cluster: Cluster): Promise<void> {
  const configs = { 'max.message.bytes': '654321' }
  await kafka.admin.createTopics([{ topic: TOPIC[cluster], partitions: PARTITIONS, configs }])
  await produce(kafka, TOPIC[cluster], 0, RECORDS)
  await commitAll(kafka, cluster)
}

it('mirrors records, settings and group offsets both ways', async () => {
  const { toolClasspath: classpath } = await ensureApacheKafka()
  const folder = mkdtempSync(join(tmpdir(), 'ottla-mirror-'))
  const dataDir = join(folder, 'data')
  let ottla: OttlaProcess = await startOttlaProcess({ dataDir })
  await using apache = await startApacheBroker({ heap: '512m' })
  const bootstrap = { ottla: ottla.bootstrap, apache: apache.bootstrap }
  await using ottlaKafka = new Kafka({ brokers: bootstrap.ottla })
  await using apacheKafka = new Kafka({ brokers: bootstrap.apache })
  const kafkas = { ottla: ottlaKafka, apache: apacheKafka }
  const file = join(folder, 'mm2.properties')
  writeFileSync(file, propertiesOf(bootstrap))
  for (const cluster of CLUSTERS) await prepare(kafkas[cluster], cluster)
  await using mirrorMaker = new JavaProcess({
    classpath,
    main: 'org.apache.kafka.connect.mirror.MirrorMaker',
    args: [file],
    heap: '512m',
  })
  try {
    for (const cluster of CLUSTERS) await expectMirrored(kafkas, cluster)
    for (const cluster of CLUSTERS) await expectTranslated(kafkas, cluster)

    for (const cluster of CLUSTERS) await produce(kafkas[cluster], TOPIC[cluster], RECORDS, 300)
    await ottla.kill9()
    ottla = await startOttlaProcess({ dataDir, port: ottla.port })
    for (const cluster of CLUSTERS) {
      await produce(kafkas[cluster], TOPIC[cluster], RECORDS + 300, 300)
    }
    for (const cluster of CLUSTERS) await expectMirrored(kafkas, cluster)
    for (const cluster of CLUSTERS) await expectTopics(kafkas[cluster], cluster)
  } catch (error) {
    throw new Error(`${String(error)}\n${mirrorMaker.output.slice(-8_000)}`, { cause: error })
  } finally {
    await ottla.kill9()
    rmSync(folder, { recursive: true, force: true })
  }
}, 240_000)
