/** Codecs that applications have registered for kafkajs, and the package's own: each reads each. */
import { CompressionCodecs, CompressionTypes, Kafka, logLevel } from '@ottla/kafkajs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startTestBroker, type TestBroker } from '../../integration/support/broker.ts'
import { uniqueName, waitFor } from '../../integration/support/topics.ts'
import { type Kafkajs, kafkajs, kafkajsLibrary, registerCodecs } from '../support/kafkajs.ts'
import { INSTALL_TIMEOUT_MS } from '../support/peers.ts'

let broker: TestBroker
let ours: Kafka

beforeAll(async () => {
  broker = await startTestBroker({
    'offsets.topic.replication.factor': '1',
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.min.isr': '1',
    'group.initial.rebalance.delay.ms': '0',
  })
  ours = new Kafka({ brokers: [broker.bootstrap], logLevel: logLevel.NOTHING })
}, INSTALL_TIMEOUT_MS)
afterAll(() => broker.stop())

const CODECS = Object.entries(CompressionTypes).filter(([name]) => name !== 'None')
const values = Array.from({ length: 50 }, (_, i) => `${i} ${'Donaudampfschiff '.repeat(i % 9)}`)
const messages = values.map((value) => ({ value }))

async function send(client: Kafkajs, topic: string, compression: number): Promise<void> {
  const producer = client.producer()
  await producer.connect()
  await producer.send({ topic, compression, messages })
  await producer.disconnect()
}

async function read(client: Kafkajs, topic: string, count: number): Promise<string[]> {
  const found: string[] = []
  const consumer = client.consumer({ groupId: uniqueName('reader'), maxWaitTimeInMs: 100 })
  await consumer.connect()
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  await consumer.run({ eachMessage: async ({ message }) => void found.push(`${message.value}`) })
  await waitFor(`${count} messages`, () => found.length >= count)
  await consumer.disconnect()
  return found
}

async function createTopic(): Promise<string> {
  const topic = uniqueName('codec')
  const admin = ours.admin()
  await admin.connect()
  await admin.createTopics({ topics: [{ topic, numPartitions: 1 }] })
  await admin.disconnect()
  return topic
}

test.each(CODECS)('%s of the package is that of the registered codecs', async (_, type) => {
  const own = CompressionCodecs[type as 1]()
  const library = (await kafkajsLibrary()) as typeof import('@ottla/kafkajs')
  const registered: Record<number, () => typeof own> = { ...library.CompressionCodecs }
  await registerCodecs(registered)
  const other = registered[type]?.()
  const bytes = Buffer.from(values.join())
  expect(await own.decompress(await other.compress({ buffer: bytes }))).toEqual(bytes)
  expect(Buffer.from(await other.decompress(await own.compress({ buffer: bytes })))).toEqual(bytes)
})

test.each(CODECS)('with registered codecs, %s goes both ways', async (_, type) => {
  await registerCodecs(CompressionCodecs)
  const clients = [ours as unknown as Kafkajs, await kafkajs(broker.bootstrap)]
  for (const [writer, reader] of [clients, [...clients].reverse()]) {
    const topic = await createTopic()
    await send(writer as Kafkajs, topic, type)
    expect(await read(reader as Kafkajs, topic, values.length)).toEqual(values)
  }
})

test('a transaction with all codecs is read by kafkajs', async () => {
  const topic = await createTopic()
  const producer = ours.producer({ transactionalId: uniqueName('tx') })
  await producer.connect()
  const tx = await producer.transaction()
  for (const compression of Object.values(CompressionTypes)) {
    await tx.send({ topic, compression, messages })
  }
  await tx.commit()
  await producer.disconnect()
  const theirs = await kafkajs(broker.bootstrap)
  const wanted = Object.values(CompressionTypes).flatMap(() => values)
  expect(await read(theirs, topic, wanted.length)).toEqual(wanted)
})
