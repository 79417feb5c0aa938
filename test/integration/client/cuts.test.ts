/**
 * The connection ends after each possible number of bytes of a request or of its answer, for every
 * API that producers, consumers and members of groups live on. Each cut has a client, and where
 * it matters a group or a transactional id, of its own; whatever the cut did, what the client was
 * asked for has to be done afterwards, once.
 *
 * `CUT_STRIDE=1 npx vitest run test/integration/client/cuts.test.ts` takes every byte of every
 * frame; without it the larger frames are cut at every third or at every seventh.
 */
import { Kafka } from '@ottla/client'
import type { AnyApi } from '@ottla/network'
import { apis } from '@ottla/protocol'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { contentOf } from '../../compatibility/support/topic-content.ts'
import { WireProxy } from '../../support/wire-proxy.ts'
import { isApache, startTestBroker, type TestBroker } from '../support/broker.ts'
import { CutPlan } from '../support/cut-plan.ts'
import { createTopic, waitFor } from '../support/topics.ts'

const RECORDS = 3
/** Hundreds of clients, each of which may have to wait for a session to end. */
const TIMEOUT_MS = 240_000
const PARTITIONS = 4
const GROUP_OPTIONS = {
  from: 'earliest' as const,
  sessionTimeoutMs: 3_000,
  heartbeatIntervalMs: 500,
  fetchMaxWaitMs: 100,
  maxPollRecords: 1,
}

let proxy: WireProxy
let broker: TestBroker
let kafka: Kafka
let source: string
let plan: CutPlan

beforeAll(async () => {
  proxy = await WireProxy.start()
  broker = await startTestBroker({
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${proxy.port}`,
    'group.min.session.timeout.ms': '1000',
    'group.consumer.min.heartbeat.interval.ms': '50',
    'group.consumer.heartbeat.interval.ms': '200',
  })
  proxy.target = Number(broker.bootstrap.split(':')[1])
  plan = new CutPlan(proxy, { strideMin: isApache ? 11 : 1 })
  kafka = new Kafka({ brokers: proxy.address, clientId: 'judge' })
  source = await createTopic(kafka)
  await using producer = kafka.producer()
  for (let i = 0; i < RECORDS; i++) await producer.send(source, { value: `${i}` })
}, 90_000)
afterAll(async () => {
  process.stdout.write(`${plan.cuts} cuts\n`)
  await kafka.close()
  await broker.stop()
  await proxy.stop()
})

const numbers = Array.from({ length: RECORDS }, (_, i) => i)

/** Values `<name>:<number>` by name, in the order of their partition. */
async function storedBy(topic: string): Promise<Map<string, number[]>> {
  const byName = new Map<string, number[]>()
  for (const { value } of await contentOf(kafka, topic, 'read_committed')) {
    const [name = '', number] = (value ?? '').split(':')
    byName.set(name, [...(byName.get(name) ?? []), Number(number)])
  }
  return byName
}

async function committedOffset(group: string): Promise<bigint | undefined> {
  const [offset] = await kafka.admin.listGroupOffsets(group)
  return offset?.offset
}

describe('a cut anywhere', { timeout: TIMEOUT_MS }, () => {
  const producing: [string, AnyApi][] = [
    ['Produce', apis.produce],
    ['InitProducerId', apis.initProducerId],
    ['Metadata', apis.metadata],
    ['ApiVersions', apis.apiVersions],
  ]
  test.each(producing)('of %s: records are stored once and in order', async (_, api) => {
    const topic = await createTopic(kafka, PARTITIONS)
    const names = await plan.run(api, async (client, name, index) => {
      await using producer = client.producer({ linger: 0 })
      const partition = index % PARTITIONS
      const sends: Promise<unknown>[] = []
      for (const number of numbers) {
        sends.push(producer.send(topic, { value: `${name}:${number}`, partition }))
        await new Promise((resolve) => setImmediate(resolve))
      }
      await Promise.all(sends)
    })
    const stored = await storedBy(topic)
    for (const name of names) expect([name, stored.get(name)]).toEqual([name, numbers])
  })

  const reading: [string, AnyApi][] = [
    ['Fetch', apis.fetch],
    ['ListOffsets', apis.listOffsets],
  ]
  test.each(reading)('of %s: records are read once and in order', async (_, api) => {
    await plan.run(api, async (client, name) => {
      await using consumer = client.consumer({ from: 'earliest', maxPollRecords: 1 })
      const seen: number[] = []
      const signal = AbortSignal.timeout(60_000)
      for await (const batch of consumer.subscribe(source, { signal })) {
        for (const { value } of batch) seen.push(Number(value))
        if (seen.length >= RECORDS) break
      }
      expect([name, seen]).toEqual([name, numbers])
    })
  })

  const inGroups: ['classic' | 'consumer', string, AnyApi][] = [
    ['classic', 'FindCoordinator', apis.findCoordinator],
    ['classic', 'JoinGroup', apis.joinGroup],
    ['classic', 'SyncGroup', apis.syncGroup],
    ['classic', 'Heartbeat', apis.heartbeat],
    ['classic', 'OffsetFetch', apis.offsetFetch],
    ['classic', 'OffsetCommit', apis.offsetCommit],
    ['classic', 'LeaveGroup', apis.leaveGroup],
    ['consumer', 'ConsumerGroupHeartbeat', apis.consumerGroupHeartbeat],
    ['consumer', 'OffsetCommit', apis.offsetCommit],
  ]
  test.each(inGroups)('in a %s group of %s: read once, committed', async (protocol, _, api) => {
    const isHeartbeat = api === apis.heartbeat
    const names = await plan.run(api, async (client, name) => {
      await using consumer = client.consumer({
        ...GROUP_OPTIONS,
        group: name,
        groupProtocol: protocol,
        heartbeatIntervalMs: isHeartbeat ? 20 : GROUP_OPTIONS.heartbeatIntervalMs,
      })
      const seen: number[] = []
      const signal = AbortSignal.timeout(60_000)
      for await (const batch of consumer.subscribe(source, { signal })) {
        for (const { value } of batch) seen.push(Number(value))
        if (seen.length < RECORDS) continue
        // Two heartbeats more than the one that was cut: the membership has outlived it.
        if (isHeartbeat) await waitFor('heartbeats', () => plan.seen(name, api) >= 3, 60_000)
        await batch.commit()
        break
      }
      expect([name, seen]).toEqual([name, numbers])
    })
    for (const name of names) {
      expect([name, await committedOffset(name)]).toEqual([name, BigInt(RECORDS)])
    }
  })

  const inTransactions: [string, AnyApi][] = [
    ['InitProducerId', apis.initProducerId],
    ['Produce', apis.produce],
    ['TxnOffsetCommit', apis.txnOffsetCommit],
    ['EndTxn', apis.endTxn],
  ]
  test.each(inTransactions)('in transactions of %s: copied exactly once', async (_, api) => {
    const topic = await createTopic(kafka, PARTITIONS)
    const names = await plan.run(api, async (client, name, index) => {
      await using producer = client.producer({ transactionalId: name, linger: 0 })
      await using consumer = client.consumer({
        ...GROUP_OPTIONS,
        group: name,
        autoCommit: false,
        isolationLevel: 'read_committed',
      })
      const partition = index % PARTITIONS
      const stop = new AbortController()
      const signal = AbortSignal.any([stop.signal, AbortSignal.timeout(60_000)])
      await producer.transform(
        consumer,
        source,
        async (batch, tx) => {
          for (const { value } of batch) {
            void tx.send(topic, { value: `${name}:${String(value)}`, partition })
          }
          if (batch.nextOffset >= BigInt(RECORDS)) stop.abort()
        },
        { signal },
      )
    })
    const stored = await storedBy(topic)
    for (const name of names) {
      expect([name, stored.get(name)]).toEqual([name, numbers])
      expect([name, await committedOffset(name)]).toEqual([name, BigInt(RECORDS)])
    }
  })
})
