import { Kafka } from '@ottla/client'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { WireProxy } from '../../support/wire-proxy.ts'
import { startTestBroker, type TestBroker } from '../support/broker.ts'
import { createTopic, uniqueName, waitFor } from '../support/topics.ts'

let proxy: WireProxy
let broker: TestBroker
let kafka: Kafka

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

beforeAll(async () => {
  proxy = await WireProxy.start()
  broker = await startTestBroker({
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${proxy.port}`,
    'group.share.min.heartbeat.interval.ms': '100',
    'group.share.heartbeat.interval.ms': '200',
    'group.share.assignment.interval.ms': '0',
    'group.share.min.record.lock.duration.ms': '1000',
  })
  proxy.target = Number(broker.bootstrap.split(':')[1])
  kafka = new Kafka({ brokers: `127.0.0.1:${proxy.port}`, requestTimeoutMs: 2_000 })
}, 90_000)
afterAll(async () => {
  await kafka.close()
  await broker.stop()
  await proxy.stop()
})

async function createGroup(settings: Readonly<Record<string, string>>): Promise<string> {
  const group = uniqueName('share')
  const configs = Object.entries({ 'share.auto.offset.reset': 'earliest', ...settings }).map(
    ([name, value]) => ({ name, value }),
  )
  const resource = { type: 'group' as const, name: group }
  await kafka.admin.incrementalAlterConfigs([{ ...resource, configs }])
  await waitFor('the settings of the group', async () => {
    const [found] = await kafka.admin.describeConfigs([resource])
    return configs.every(({ name, value }) =>
      found?.configs.some((config) => config.name === name && config.value === value),
    )
  })
  return group
}

const send = async (topic: string, count: number, partitions: number) => {
  await using producer = kafka.producer()
  await producer.send(
    topic,
    Array.from({ length: count }, (_, i) => ({ value: String(i), partition: i % partitions })),
  )
}

test('a lost session takes what was held with it, says so, and is followed by another', async () => {
  const topic = await createTopic(kafka)
  const group = await createGroup({})
  await send(topic, 3, 1)
  await using consumer = kafka.shareConsumer({ group, acknowledgement: 'explicit' })
  let rounds = 0
  for await (const batch of consumer.subscribe(topic)) {
    rounds++
    if (rounds === 1) {
      proxy.cutAll()
      await pause(200)
      batch.accept()
      expect(await consumer.commit()).toMatchObject([
        { topic, partition: 0, error: { code: 'SHARE_SESSION_NOT_FOUND' } },
      ])
      continue
    }
    expect([...batch].map(({ deliveryCount }) => deliveryCount)).not.toContain(0)
    batch.accept()
    if ((await consumer.commit()).every(({ error }) => error === undefined)) break
  }
  await waitFor('everything to be done', async () => {
    const [found] = await kafka.admin.listShareGroupOffsets(group)
    return found?.lag === 0n
  })
}, 60_000)

test('members lose no record while connections are cut again and again', async () => {
  const topic = await createTopic(kafka, 2)
  const group = await createGroup({
    'share.record.lock.duration.ms': '1000',
    'share.delivery.count.limit': '10',
  })
  const abort = new AbortController()
  const accepted = new Set<string>()
  const options = { group, maxRecords: 10 }
  const members = [1, 2].map(() =>
    kafka.shareConsumer(options).run(
      topic,
      async ({ partition, offset }) => {
        await pause(1)
        accepted.add(`${partition}-${offset}`)
      },
      { concurrency: 3, signal: abort.signal },
    ),
  )
  await send(topic, 400, 2)
  for (let i = 0; i < 6; i++) {
    await pause(150)
    proxy.cutAll()
  }
  const isDone = async () => {
    const offsets = await kafka.admin.listShareGroupOffsets(group)
    return offsets.length === 2 && offsets.every(({ lag }) => lag === 0n)
  }
  await waitFor('everything to be done', isDone, 40_000)
  abort.abort()
  await Promise.all(members)
  expect(accepted.size).toBe(400)
}, 90_000)
