/** What ends a consumer, and whether it begins again: the package and kafkajs, side by side. */
import {
  type ConsumerConfig,
  type ConsumerCrashEvent,
  type EachMessageHandler,
  Kafka,
  logLevel,
} from '@ottla/kafkajs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startTestBroker, type TestBroker } from '../../integration/support/broker.ts'
import { uniqueName, waitFor } from '../../integration/support/topics.ts'
import { kafkajsLibrary } from '../support/kafkajs.ts'
import { INSTALL_TIMEOUT_MS } from '../support/peers.ts'

type Library = typeof import('@ottla/kafkajs')

let broker: TestBroker
let libraries: readonly Library[]

beforeAll(async () => {
  libraries = [(await kafkajsLibrary()) as Library, await import('@ottla/kafkajs')]
  broker = await startTestBroker({
    'offsets.topic.replication.factor': '1',
    'offsets.topic.num.partitions': '1',
    'group.initial.rebalance.delay.ms': '0',
  })
  // The coordinator has to be there: without retries nobody waits for it.
  const admin = new Kafka({ brokers: [broker.bootstrap], logLevel: logLevel.NOTHING }).admin()
  await admin.connect()
  await admin.fetchOffsets({ groupId: 'first', topics: [] })
  await admin.disconnect()
}, INSTALL_TIMEOUT_MS)
afterAll(() => broker.stop())

interface Case {
  readonly handler: (library: Library) => EachMessageHandler
  readonly config?: Partial<ConsumerConfig>
}

const throwing =
  (make: (library: Library) => Error): Case['handler'] =>
  (library) =>
  async () => {
    throw make(library)
  }
const wouldBeTriedAgain = (library: Library) => new library.KafkaJSError('not today')

const CASES: Readonly<Record<string, Case>> = {
  'an error of the application': { handler: throwing(() => new Error('not today')) },
  'an error that may be tried again': { handler: throwing(wouldBeTriedAgain) },
  'an error that may not': {
    handler: throwing((library) => new library.KafkaJSNonRetriableError('never')),
  },
  'an error that says so itself': {
    handler: throwing((library) => new library.KafkaJSError('never', { retriable: false })),
  },
  'a mistake in the program': { handler: throwing(() => new TypeError('no function')) },
  'retries that were spent elsewhere': {
    handler: throwing((library) => {
      const cause = wouldBeTriedAgain(library)
      const spent = { retryCount: 5, retryTime: 10 }
      return new library.KafkaJSNonRetriableError(
        new library.KafkaJSNumberOfRetriesExceeded(cause, spent),
        { cause },
      )
    }),
  },
  'an application that wants no restart': {
    handler: throwing(() => new Error('not today')),
    config: { retry: { retries: 0, restartOnFailure: async () => false } },
  },
  'an application whose answer fails': {
    handler: throwing(() => new Error('not today')),
    config: { retry: { retries: 0, restartOnFailure: () => Promise.reject(new Error('oh')) } },
  },
  // Brokers want at least six seconds.
  'a group that refuses the member': {
    handler: () => async () => {},
    config: { sessionTimeout: 1_000, heartbeatInterval: 100 },
  },
}

function shown(error: unknown): unknown {
  if (!(error instanceof Error)) return error
  const { name, message, cause } = error
  const { type, code, retriable } = error as { type?: string; code?: number; retriable?: boolean }
  // What the error of a broker says is worded differently; its type and code are not.
  const said = type === undefined ? message : undefined
  return { name, said, type, code, retriable, cause: shown(cause) }
}

/** The first crash, and whether the consumer came back after it. */
async function crashOf(library: Library, { handler, config }: Case): Promise<unknown> {
  const kafka = new library.Kafka({ brokers: [broker.bootstrap], logLevel: logLevel.NOTHING })
  const topic = uniqueName('crash')
  await produce(topic)
  const consumer = kafka.consumer({
    groupId: uniqueName('group'),
    maxWaitTimeInMs: 50,
    retry: { retries: 0, initialRetryTime: 20 },
    ...config,
  })
  const crashes: ConsumerCrashEvent['payload'][] = []
  let connects = 0
  consumer.on(consumer.events.CRASH, ({ payload }) => void crashes.push(payload))
  consumer.on(consumer.events.CONNECT, () => void connects++)
  await consumer.connect()
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  await consumer.run({ eachMessage: handler(library) })
  await waitFor('a crash', () => crashes.length > 0)
  const [first] = crashes
  if (first?.restart) await waitFor('a second crash', () => crashes.length > 1)
  await consumer.disconnect()
  return { error: shown(first?.error), restart: first?.restart, isAgain: crashes.length > 1 }
}

async function produce(topic: string): Promise<void> {
  const producer = new Kafka({ brokers: [broker.bootstrap], logLevel: logLevel.NOTHING }).producer()
  await producer.connect()
  await producer.send({ topic, messages: [{ value: 'v' }] })
  await producer.disconnect()
}

test.each(Object.entries(CASES))('as kafkajs after %s', async (_, one) => {
  const [theirs, ours] = await Promise.all(libraries.map((library) => crashOf(library, one)))
  expect(ours).toEqual(theirs)
})
