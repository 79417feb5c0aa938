/**
 * What one client compresses every other client reads: five codecs, four clients, one topic each.
 */
import { type CompressionName, Kafka } from '@ottla/client'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { base64, Confluent, plain } from '../support/confluent.ts'
import {
  type JudgedBroker,
  startJudgedBroker,
  uniqueName,
  waitUntil,
} from '../support/judged-broker.ts'
import { KAFKAJS_CODECS, kafkajs } from '../support/kafkajs.ts'
import {
  ensureConfluentKafka,
  ensureKafkajs,
  ensureKcat,
  INSTALL_TIMEOUT_MS,
} from '../support/peers.ts'
import { outputOf } from '../support/run-program.ts'

let broker: JudgedBroker
let ours: Kafka

beforeAll(async () => {
  await ensureKafkajs()
  await ensureConfluentKafka()
  await ensureKcat()
  broker = await startJudgedBroker()
  ours = new Kafka({ brokers: broker.bootstrap })
}, INSTALL_TIMEOUT_MS)
afterAll(async () => {
  await ours?.close()
  await broker?.stop()
})

const texts = Array.from({ length: 120 }, (_, i) => `${i} ${'Donaudampfschiff '.repeat(i % 9)}é`)

const WRITERS: Record<string, (topic: string, codec: CompressionName) => Promise<unknown>> = {
  ottla: async (topic, compression) => {
    await using producer = ours.producer({ compression })
    await producer.send(
      topic,
      texts.map((value) => ({ value, partition: 0 })),
    )
  },
  kafkajs: async (topic, codec) => {
    const producer = (await kafkajs(broker.bootstrap)).producer()
    await producer.connect()
    const messages = texts.map((value) => ({ value, partition: 0 }))
    await producer.send({ topic, messages, compression: KAFKAJS_CODECS[codec] })
    await producer.disconnect()
  },
  librdkafka: (topic, codec) => {
    const records = texts.map((text) => ({ value: base64(text), partition: 0 }))
    const config = { 'compression.type': codec, 'linger.ms': 100 }
    return new Confluent(broker.bootstrap).produce(topic, records, config)
  },
}

const READERS: Record<string, (topic: string) => Promise<(string | null | undefined)[]>> = {
  ottla: async (topic) => {
    const found: (string | undefined)[] = []
    await using consumer = ours.consumer({ from: 'earliest' })
    const signal = AbortSignal.timeout(30_000)
    for await (const batch of consumer.assign([{ topic, partition: 0 }], { signal })) {
      for (const record of batch) found.push(record.value?.toString())
      if (found.length >= texts.length) break
    }
    return found
  },
  kafkajs: async (topic) => {
    const found: (string | undefined)[] = []
    const kafka = await kafkajs(broker.bootstrap)
    const consumer = kafka.consumer({ groupId: uniqueName('reader'), maxWaitTimeInMs: 200 })
    await consumer.connect()
    await consumer.subscribe({ topics: [topic], fromBeginning: true })
    await consumer.run({
      eachMessage: async ({ message }) => {
        found.push(message.value?.toString())
      },
    })
    await waitUntil('all records', () => found.length >= texts.length)
    await consumer.disconnect()
    return found
  },
  librdkafka: async (topic) => {
    const read = await new Confluent(broker.bootstrap).consume(topic, texts.length)
    return read.map(({ value }) => plain(value))
  },
  kcat: async (topic) => {
    const args = `-b ${broker.bootstrap} -C -t ${topic} -p 0 -o beginning -e -q`
    return (await outputOf('kcat', args.split(' '))).trimEnd().split('\n')
  },
}

describe.each(['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const)('%s', (codec) => {
  test.each(Object.keys(WRITERS))('everybody reads what %s wrote', async (writer) => {
    const topic = uniqueName(`${codec}-${writer}`)
    await ours.admin.createTopics([{ topic, partitions: 1 }])
    await WRITERS[writer]?.(topic, codec)
    for (const [name, read] of Object.entries(READERS))
      expect(await read(topic), name).toEqual(texts)
  })

  test('a topic that asks for it gets it, whatever came', async () => {
    const topic = uniqueName(`asks-${codec}`)
    const compression = codec === 'none' ? 'uncompressed' : codec
    const configs = { 'compression.type': compression }
    await ours.admin.createTopics([{ topic, partitions: 1, configs }])
    await WRITERS['ottla']?.(topic, codec === 'gzip' ? 'zstd' : 'gzip')
    for (const [name, read] of Object.entries(READERS))
      expect(await read(topic), name).toEqual(texts)
  })
})
