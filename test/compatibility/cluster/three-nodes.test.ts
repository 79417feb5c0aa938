/**
 * Three nodes of Apache Kafka, of which one is gone for clients or for all: what admin calls that
 * ask every broker say, and where a consumer reads (KIP-392).
 */
import { Kafka } from '@ottla/client'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ApacheCluster, NODE_IDS, type NodeId } from '../support/apache-cluster.ts'
import { waitUntil } from '../support/judged-broker.ts'

const FETCH = 1
const WAIT_MS = 120_000
const TEST_MS = 400_000
const settingsOf = (id: NodeId) => ({
  'replica.selector.class': 'org.apache.kafka.common.replica.RackAwareReplicaSelector',
  'broker.rack': `rack-${id}`,
})

let cluster: ApacheCluster

beforeAll(async () => {
  cluster = await ApacheCluster.start(settingsOf)
}, TEST_MS)
afterAll(() => cluster?.stop())

const areAllHere = async (kafka: Kafka) =>
  (await kafka.admin.describeCluster()).brokers.length === NODE_IDS.length

test('admin calls tell of a node that clients cannot reach, and what the others say', {
  timeout: TEST_MS,
}, async () => {
  await using kafka = new Kafka({ brokers: cluster.bootstrap, requestTimeoutMs: 2_000 })
  const { admin } = kafka
  await waitUntil('three nodes', () => areAllHere(kafka), WAIT_MS)
  await admin.createTopics([{ topic: 'read', partitions: 1, replicationFactor: 3 }])
  const names = Array.from({ length: 12 }, (_, i) => `group-${10 + i}`)
  const at = [{ topic: 'read', partition: 0, offset: 0 }]
  for (const name of names) {
    // A coordinator may hear of a new topic a little later than the one that was asked to make it.
    const isSet = async () => {
      const options = { perItem: true, timeoutMs: WAIT_MS } as const
      return (await admin.alterGroupOffsets(name, at, options))[0]?.error === undefined
    }
    await waitUntil(`offsets of ${name}`, isSet, WAIT_MS)
  }
  const listed = async () => {
    const found = await admin.listGroups({ timeoutMs: WAIT_MS })
    return found.filter(({ group }) => names.includes(group))
  }
  await waitUntil('all groups', async () => (await listed()).length === names.length, WAIT_MS)
  const gone = (await listed())[0]?.coordinator as NodeId

  // The cluster goes on listing a node that clients alone cannot reach.
  cluster.proxy(gone).isStalled = true
  const perItem = { perItem: true, timeoutMs: 6_000 } as const
  const [groups, dirs] = await Promise.all([
    admin.listGroups(perItem),
    admin.describeLogDirs(perItem),
  ])
  expect(groups.filter(({ coordinator }) => coordinator === gone)).toMatchObject([
    { coordinator: gone, error: { code: 'TIMEOUT' } },
  ])
  expect(groups.length).toBeGreaterThan(1)
  expect(dirs.filter(({ error }) => !error).map(({ broker }) => broker)).toEqual(
    NODE_IDS.filter((id) => id !== gone),
  )
  expect(dirs.at(-1)).toMatchObject({ broker: gone, path: undefined, error: { code: 'TIMEOUT' } })
  const message = expect.stringContaining(`listGroups of broker ${gone}`)
  await expect(admin.listGroups({ timeoutMs: 3_000 })).rejects.toMatchObject({ message })
  cluster.proxy(gone).isStalled = false
})

test('a consumer reads from the replica in its rack, and from the leader when that is gone', {
  timeout: TEST_MS,
}, async () => {
  await using kafka = new Kafka({ brokers: cluster.bootstrap, requestTimeoutMs: 5_000 })
  await waitUntil('three nodes', () => areAllHere(kafka), WAIT_MS)
  await kafka.admin.createTopics([{ topic: 'near', partitions: 1, replicationFactor: 3 }])
  const partition = async () => {
    const [found] = await kafka.admin.describeTopics(['near'], { perItem: true })
    // A node may hear of a new topic a little later than the one that was asked to make it.
    return found?.error ? undefined : found?.partitions[0]
  }
  await waitUntil('all replicas', async () => (await partition())?.isr.length === 3, WAIT_MS)
  const leader = (await partition())?.leader as NodeId
  const [near] = NODE_IDS.filter((id) => id !== leader) as [NodeId]

  // Bytes of records by the node that gave them.
  const read = new Map<NodeId, number>()
  for (const id of NODE_IDS) {
    cluster.proxy(id).onRequest = () => undefined
    cluster.proxy(id).onResponse = ({ apiKey }, bytes) => {
      if (apiKey === FETCH) read.set(id, (read.get(id) ?? 0) + bytes)
    }
  }
  const stop = new AbortController()
  let seen = 0
  const consumer = kafka.consumer({ group: 'readers', from: 'earliest', rack: `rack-${near}` })
  const run = consumer.run('near', () => void seen++, { signal: stop.signal })
  await using producer = kafka.producer()
  const value = 'x'.repeat(10_000)
  const send = async (count: number) => {
    for (let i = 0; i < count; i++) await producer.send('near', { value })
  }
  await send(50)
  await waitUntil('the first records', () => seen === 50, WAIT_MS)
  // The leader gives at most what came before it named the replica.
  read.clear()
  await send(50)
  await waitUntil('the next records', () => seen === 100, WAIT_MS)
  expect(read.get(near)).toBeGreaterThan(50 * value.length)
  expect(read.get(leader) ?? 0).toBeLessThan(value.length)

  await cluster.kill9(near)
  // The cluster lists a node that has died for a few seconds; a call that asks every node waits.
  const isListed = async () => {
    const groups = await kafka.admin.listGroups({ timeoutMs: WAIT_MS })
    return groups.some(({ group, coordinator }) => group === 'readers' && coordinator !== near)
  }
  await waitUntil('the group at a node that lives', isListed, WAIT_MS)
  await send(50)
  await waitUntil('the records of the leader', () => seen === 150, WAIT_MS)
  expect(read.get(leader)).toBeGreaterThan(10 * value.length)
  stop.abort()
  await run
})
