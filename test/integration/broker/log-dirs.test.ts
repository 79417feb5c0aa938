/** Several log directories: placement, moves under load and kills, and a directory that fails. */
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Broker } from '@ottla/broker'
import { Kafka } from '@ottla/client'
import { apis, type DescribeLogDirsResponse, type MetadataResponse } from '@ottla/protocol'
import { type Fault, FaultyFileSystem, RealFileSystem } from '@ottla/storage'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ApiTranscript } from '../../compatibility/apis/api-transcript.ts'
import { waitUntil } from '../../compatibility/support/judged-broker.ts'
import { startOttlaProcess } from '../../support/ottla-process.ts'

let root: string
let dirs: [string, string]

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'ottla-log-dirs-'))
  dirs = [join(root, 'one'), join(root, 'two')]
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

const settings = () => ({ 'log.dirs': dirs.join(',') })

/** Names of the directories of a topic's partitions. */
const partitionsIn = (directory: string, topic: string): string[] =>
  readdirSync(directory)
    .filter((name) => name.startsWith(`${topic}-`))
    .sort()

async function withRequests<T>(
  bootstrap: string,
  use: (transcript: ApiTranscript) => Promise<T>,
): Promise<T> {
  const transcript = new ApiTranscript(bootstrap)
  try {
    return await use(transcript)
  } finally {
    transcript.close()
  }
}

const move = (bootstrap: string, path: string, topic: string, partitions: number[]) =>
  withRequests(bootstrap, (t) =>
    t.send(apis.alterReplicaLogDirs, 2, {
      dirs: [{ path, topics: [{ name: topic, partitions }] }],
    }),
  )

const describeDirs = (bootstrap: string) =>
  withRequests(bootstrap, (t) =>
    t.send<DescribeLogDirsResponse>(apis.describeLogDirs, 5, { topics: null }),
  )

const isMoving = async (bootstrap: string): Promise<boolean> => {
  const { results } = await describeDirs(bootstrap)
  const partitions = results.flatMap(({ topics }) => topics.flatMap((topic) => topic.partitions))
  return partitions.some(({ isFutureKey }) => isFutureKey)
}

async function produce(kafka: Kafka, topic: string, count: number): Promise<void> {
  await using producer = kafka.producer({ linger: 0 })
  for (let i = 0; i < count; i += 20) {
    const records = Array.from({ length: 20 }, (_, j) => ({ value: `${i + j} ${'x'.repeat(500)}` }))
    await producer.send(topic, records)
  }
}

async function endOf(kafka: Kafka, topic: string): Promise<bigint> {
  const [found] = await kafka.admin.listOffsets([{ topic, partition: 0, at: 'latest' }])
  return found?.offset as bigint
}

test('places partitions where the fewest are', async () => {
  await using broker = await Broker.start({
    dataDir: root,
    settings: { ...settings(), listeners: 'PLAINTEXT://127.0.0.1:0' },
  })
  await using kafka = new Kafka({ brokers: broker.address })
  await kafka.admin.createTopics([{ topic: 'spread', partitions: 5 }])
  const counts = dirs.map((directory) => partitionsIn(directory, 'spread').length)
  // The metadata log is in the first.
  expect(counts).toEqual([2, 3])
  const { results } = await describeDirs(broker.address)
  expect(results.map(({ logDir }) => logDir)).toEqual(dirs)
})

test('moves a partition that is written to, and finds it after a kill', async () => {
  const broker = await startOttlaProcess({ dataDir: root, settings: settings() })
  const kafka = new Kafka({ brokers: broker.bootstrap })
  await kafka.admin.createTopics([
    { topic: 'first', partitions: 1 },
    { topic: 'busy', partitions: 1, configs: { 'segment.bytes': 1_048_576 } },
  ])
  const [from, to] = partitionsIn(dirs[0], 'busy').length > 0 ? dirs : [...dirs].reverse()
  await produce(kafka, 'busy', 8_000)
  const load = produce(kafka, 'busy', 4_000)
  await move(broker.bootstrap, to as string, 'busy', [0])
  await load
  await waitUntil('the partition has moved', async () => !(await isMoving(broker.bootstrap)))
  expect(partitionsIn(to as string, 'busy')).toEqual(['busy-0'])
  expect(existsSync(join(from as string, 'busy-0'))).toBe(false)
  expect(await endOf(kafka, 'busy')).toBe(12_000n)
  await kafka.close()
  await broker.kill9()
  await using again = await startOttlaProcess({ dataDir: root, settings: settings() })
  await using reader = new Kafka({ brokers: again.bootstrap })
  expect(await endOf(reader, 'busy')).toBe(12_000n)
  await produce(reader, 'busy', 20)
  expect(await endOf(reader, 'busy')).toBe(12_020n)
  expect(partitionsIn(to as string, 'busy')).toEqual(['busy-0'])
})

test('goes on moving what a kill interrupted', { timeout: 120_000 }, async () => {
  const first = await startOttlaProcess({ dataDir: root, settings: settings() })
  const kafka = new Kafka({ brokers: first.bootstrap })
  await kafka.admin.createTopics([{ topic: 'moved', partitions: 1 }])
  await produce(kafka, 'moved', 6_000)
  await kafka.close()
  let { bootstrap } = first
  let kill = first.kill9
  for (let round = 0; round < 6; round++) {
    const here = partitionsIn(dirs[0], 'moved').includes('moved-0') ? 0 : 1
    await move(bootstrap, dirs[1 - here] as string, 'moved', [0])
    await new Promise((resolve) => setTimeout(resolve, round * 2))
    await kill()
    const next = await startOttlaProcess({ dataDir: root, settings: settings() })
    bootstrap = next.bootstrap
    kill = next.kill9
    await using look = new Kafka({ brokers: bootstrap })
    expect(await endOf(look, 'moved')).toBe(6_000n)
    await waitUntil('nothing moves any more', async () => !(await isMoving(bootstrap)))
    const all = dirs.flatMap((directory) => partitionsIn(directory, 'moved'))
    expect(all.filter((name) => !name.endsWith('-delete'))).toEqual(['moved-0'])
    expect(await endOf(look, 'moved')).toBe(6_000n)
  }
  await kill()
})

test('serves the others when a directory fails', async () => {
  const fileSystem = new FaultyFileSystem(new RealFileSystem())
  const fatal: Error[] = []
  const options = {
    dataDir: root,
    settings: { ...settings(), listeners: 'PLAINTEXT://127.0.0.1:0' },
    onFatal: (error: Error) => void fatal.push(error),
  }
  const broker = await Broker.start({ ...options, fileSystem })
  const kafka = new Kafka({ brokers: broker.address })
  await kafka.admin.createTopics([{ topic: 'split', partitions: 4 }])
  const lost = partitionsIn(dirs[1], 'split').map((name) => Number(name.split('-')[1]))
  expect(lost.length).toBe(2)
  const kept = [0, 1, 2, 3].filter((partition) => !lost.includes(partition))
  const producer = kafka.producer({ linger: 0, deliveryTimeoutMs: 1_000, requestTimeoutMs: 500 })
  const sendTo = (partition: number) => producer.send('split', [{ value: 'x', partition }])
  for (const partition of [0, 1, 2, 3]) await sendTo(partition)
  fileSystem.decide = (call, path): Fault =>
    call === 'sync' && path.startsWith(`${dirs[1]}/split`)
      ? { kind: 'error', code: 'EIO' }
      : undefined
  await expect(sendTo(lost[0] as number)).rejects.toThrow()
  for (const partition of kept) await sendTo(partition)
  expect(fatal).toEqual([])
  await withRequests(broker.address, async (t) => {
    const asked = { topics: [{ name: 'split' }], allowAutoTopicCreation: false }
    const { topics } = await t.send<MetadataResponse>(apis.metadata, 12, asked)
    const leaderless = topics[0]?.partitions.filter(({ leaderId }) => leaderId === -1)
    expect(leaderless?.map(({ partitionIndex }) => partitionIndex)).toEqual(lost)
  })
  const { results } = await describeDirs(broker.address)
  expect(results.map(({ errorCode }) => errorCode)).toEqual([0, 56])
  await producer.close().catch(() => undefined)
  await kafka.close()
  fileSystem.decide = () => undefined
  await broker.stop()
  await using again = await Broker.start(options)
  await using reader = new Kafka({ brokers: again.address })
  const ends = await reader.admin.listOffsets(
    [0, 1, 2, 3].map((partition) => ({ topic: 'split', partition, at: 'latest' as const })),
  )
  for (const { partition, offset } of ends) {
    expect(Number(offset)).toBeGreaterThanOrEqual(kept.includes(partition) ? 2 : 1)
  }
})
