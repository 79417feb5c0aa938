/**
 * A share consumer on two nodes of Apache Kafka while the leaders of its partitions move between
 * them, by the client's own admin calls.
 */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Kafka, type KafkaError } from '@ottla/client'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { uniqueName, waitFor } from '../../integration/support/topics.ts'
import { type ApacheBroker, freePort, startApacheBroker } from '../support/apache-broker.ts'

const MOVES = 4
const RECORDS_PER_MOVE = 100
const HEAP = '384m'
const SETTINGS = {
  'group.share.min.heartbeat.interval.ms': '100',
  'group.share.heartbeat.interval.ms': '200',
  'group.share.assignment.interval.ms': '0',
}

let first: ApacheBroker
let second: ApacheBroker
let secondDir: string
let kafka: Kafka

/** A directory that belongs to the cluster of the first node, for a second one. */
async function joinDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'ottla-apache-second-'))
  const mine = await readFile(join(first.dataDir, 'data', 'meta.properties'), 'utf8')
  const clusterId = /^cluster\.id=(.*)$/m.exec(mine)?.[1] ?? ''
  await mkdir(join(directory, 'data'))
  const meta = `version=1\ncluster.id=${clusterId}\nnode.id=2\n`
  await writeFile(join(directory, 'data', 'meta.properties'), meta)
  return directory
}

beforeAll(async () => {
  first = await startApacheBroker({ heap: HEAP, overrides: SETTINGS })
  const properties = await readFile(join(first.dataDir, 'server.properties'), 'utf8')
  const voters = /^controller\.quorum\.voters=(.*)$/m.exec(properties)?.[1] ?? ''
  secondDir = await joinDirectory()
  const port = await freePort()
  second = await startApacheBroker({
    dataDir: secondDir,
    port,
    heap: HEAP,
    overrides: {
      ...SETTINGS,
      'process.roles': 'broker',
      'node.id': '2',
      'controller.quorum.voters': voters,
      listeners: `PLAINTEXT://127.0.0.1:${port}`,
    },
  })
  kafka = new Kafka({ brokers: first.bootstrap })
})
afterAll(async () => {
  await kafka?.close()
  await second?.stop()
  await first?.stop()
  await rm(secondDir, { recursive: true, force: true })
})

/** None while the node that is asked has not heard of the topic yet. */
const leadersOf = async (topic: string): Promise<number[]> => {
  const [found] = await kafka.admin.describeTopics([topic]).catch((error: unknown) => {
    if ((error as KafkaError).code !== 'UNKNOWN_TOPIC_OR_PARTITION') throw error
    return []
  })
  return found?.partitions.map(({ leader }) => leader) ?? []
}

/** The replicas stay, in another order, and the first of them becomes the leader. */
async function moveLeaders(topic: string, leaders: readonly number[]): Promise<void> {
  const partitions = leaders.map((_, partition) => ({ topic, partition }))
  const moved = await kafka.admin.alterPartitionReassignments(
    leaders.map((leader, partition) => ({ topic, partition, replicas: [leader, 3 - leader] })),
  )
  expect(moved.map(({ error }) => error)).toEqual(leaders.map(() => undefined))
  await waitFor('no move to be under way', async () => {
    return (await kafka.admin.listPartitionReassignments(partitions)).length === 0
  })
  await kafka.admin.electLeaders('preferred', partitions)
  await waitFor('the leaders', async () => String(await leadersOf(topic)) === String(leaders))
}

describe.each(['batch-optimized', 'record-limit'] as const)('share members, %s', (acquireMode) => {
  test('follow the leaders and lose no record', async () => {
    const topic = uniqueName('moving')
    const group = uniqueName('share')
    const assignments = [1, 2].map((leader) => [leader, 3 - leader])
    await kafka.admin.createTopics([{ topic, assignments }])
    await waitFor('a leader on each node', async () => String(await leadersOf(topic)) === '1,2')
    const configs = [{ name: 'share.auto.offset.reset', value: 'earliest' }]
    await kafka.admin.incrementalAlterConfigs([{ type: 'group', name: group, configs }])
    const abort = new AbortController()
    const accepted = new Map<string, number>()
    const consumer = kafka.shareConsumer({ group, acquireMode, maxRecords: 20 })
    const done = consumer.run(
      topic,
      ({ partition, offset }) => {
        const at = `${partition}@${offset}`
        accepted.set(at, (accepted.get(at) ?? 0) + 1)
      },
      { concurrency: 4, signal: abort.signal },
    )
    await using producer = kafka.producer()
    for (let move = 0; move < MOVES; move++) {
      const records = Array.from({ length: RECORDS_PER_MOVE }, (_, i) => ({
        value: `${move}-${i}`,
        partition: i % 2,
      }))
      const sent = producer.send(topic, records)
      await moveLeaders(topic, move % 2 === 0 ? [2, 1] : [1, 2])
      await sent
    }
    await waitFor('all records', () => accepted.size === MOVES * RECORDS_PER_MOVE, 60_000)
    await waitFor(
      'everything to be done',
      async () => {
        const offsets = await kafka.admin.listShareGroupOffsets(group)
        return offsets.length === 2 && offsets.every(({ lag }) => lag === 0n)
      },
      60_000,
    )
    abort.abort()
    await done
    const again = [...accepted.values()].filter((count) => count > 1).length
    process.stdout.write(`leader moves, ${acquireMode}: ${again} records came again\n`)
  })
})
