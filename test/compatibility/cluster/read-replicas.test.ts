/** Where the cluster names the nearest replica, a consumer reads there (KIP-392). */
import { Kafka } from '@ottla/client'
import { expect, test } from 'vitest'
import { ApacheCluster, NODE_IDS, type NodeId } from '../support/apache-cluster.ts'
import { waitUntil } from '../support/judged-broker.ts'

const FETCH = 1
const WAIT_MS = 120_000
const settingsOf = (id: NodeId) => ({
  'replica.selector.class': 'org.apache.kafka.common.replica.RackAwareReplicaSelector',
  'broker.rack': `rack-${id}`,
})

test('a consumer reads from the replica in its rack, and from the leader when that is gone', {
  timeout: 400_000,
}, async () => {
  await using cluster = await ApacheCluster.start(settingsOf)
  await using kafka = new Kafka({ brokers: cluster.bootstrap, requestTimeoutMs: 5_000 })
  const allHere = async () => (await kafka.admin.describeCluster()).brokers.length === 3
  await waitUntil('three nodes', allHere, WAIT_MS)
  await kafka.admin.createTopics([{ topic: 'near', partitions: 1, replicationFactor: 3 }])
  const partition = async () => (await kafka.admin.describeTopics(['near']))[0]?.partitions[0]
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
  await send(50)
  await waitUntil('the records of the leader', () => seen === 150, WAIT_MS)
  expect(read.get(leader)).toBeGreaterThan(10 * value.length)
  stop.abort()
  await run
})
