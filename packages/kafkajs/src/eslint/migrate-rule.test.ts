import { RuleTester } from 'eslint'
import tseslint from 'typescript-eslint'
import { describe, expect, it, test } from 'vitest'
import { migrateRule } from './migrate-rule.ts'

RuleTester.describe = describe
RuleTester.it = it
RuleTester.itOnly = it

const script = new RuleTester({ languageOptions: { ecmaVersion: 2024, sourceType: 'module' } })
const typed = new RuleTester({ languageOptions: { parser: tseslint.parser } })

/** What is reported, by the name that each report begins with, in the order of the source. */
const reports = (...names: readonly string[]) =>
  names.map((name) => ({
    message: new RegExp(`^${name.replaceAll(/[()]/g, '\\$&')} of kafkajs, in @ottla/client: \\S`),
  }))

/** One name for another, with the suggestion that writes it. */
const renames = (name: string, rename: string, before: string, after: string) => ({
  code: before,
  errors: [
    ...reports('Kafka'),
    {
      messageId: 'moves',
      suggestions: [{ messageId: 'rename', data: { name, rename }, output: after }],
    },
  ],
})

const IMPORT = "import { Kafka } from 'kafkajs'; "
const CLIENT = `${IMPORT}const kafka = new Kafka({ brokers: ['a:1'] }); `

script.run('names from elsewhere', migrateRule, {
  valid: [
    "import { Kafka } from '@ottla/client'; new Kafka({ brokers: 'a:1', ssl: true })",
    "import { Kafka } from 'node-rdkafka'; new Kafka({ ssl: true }).producer({ idempotent: true })",
    "import { connect } from 'amqplib'; const c = await connect(); c.subscribe({ topic: 'a' })",
    'const consumer = bus.consumer({ groupId: 1 }); consumer.run({ eachMessage: () => 1 })',
    'function f(Kafka) { return new Kafka({ ssl: true }) }',
    'const kafkajs = require("./kafkajs"); new kafkajs.Kafka({ ssl: true })',
    'const a = b; var b = a; a.run({ eachMessage() {} })',
    'class A { x = this.x; y() { this.x.send({ acks: 1 }); this.#z.run({ eachBatch: 1 }) } #z }',
    'admin.disconnect(); producer.send({ messages: [{ timestamp: 1 }] })',
  ],
  invalid: [],
})

script.run('forms of loading', migrateRule, {
  valid: [],
  invalid: [
    { code: `${IMPORT}new Kafka({ brokers: ['a:1'], clientId: 'a' })`, errors: reports('Kafka') },
    {
      code: "import { Kafka as K } from '@ottla/kafkajs'; new K({ logLevel: 1 })",
      errors: reports('Kafka', 'logLevel'),
    },
    {
      code: "import * as k from 'kafkajs'; new k.Kafka({ logLevel: k.logLevel.INFO })",
      errors: reports('Kafka', 'logLevel', 'logLevel'),
    },
    {
      code: "import k from 'kafkajs'; new k.Kafka({ socketFactory })",
      errors: reports('Kafka', 'socketFactory'),
    },
    {
      code: "const { Kafka, CompressionTypes: c } = require('kafkajs'); new Kafka({ retry: {} })",
      errors: reports('Kafka', 'CompressionTypes', 'retry'),
    },
    {
      code: "const k = require('kafkajs'); const { Kafka } = k; new Kafka({ logCreator })",
      errors: reports('Kafka', 'logCreator'),
    },
    {
      code: "const { Kafka } = await import('kafkajs'); new Kafka({ logCreator })",
      errors: reports('Kafka', 'logCreator'),
    },
    {
      code: "new (require('kafkajs').Kafka)({ logLevel: 1 })",
      errors: reports('Kafka', 'logLevel'),
    },
    { code: "export { Kafka, logLevel } from 'kafkajs'", errors: reports('Kafka', 'logLevel') },
    {
      code: "import { KafkaJSNumberOfRetriesExceeded as E } from 'kafkajs'",
      errors: reports('KafkaJSNumberOfRetriesExceeded'),
    },
  ],
})

script.run('options', migrateRule, {
  valid: [],
  invalid: [
    renames(
      ...(['ssl', 'tls'] as const),
      `${IMPORT}new Kafka({ brokers, ssl: true })`,
      `${IMPORT}new Kafka({ brokers, tls: true })`,
    ),
    renames(
      ...(['idempotent', 'idempotence'] as const),
      `${CLIENT}kafka.producer({ idempotent })`,
      `${CLIENT}kafka.producer({ idempotence: idempotent })`,
    ),
    renames(
      ...(['transactionTimeout', 'transactionTimeoutMs'] as const),
      `${CLIENT}kafka.producer({ 'transactionTimeout': 9 })`,
      `${CLIENT}kafka.producer({ 'transactionTimeoutMs': 9 })`,
    ),
    renames(
      ...(['disconnect', 'close'] as const),
      `${CLIENT}const p = kafka.producer(); await p.disconnect()`,
      `${CLIENT}const p = kafka.producer(); await p.close()`,
    ),
    {
      code: `${IMPORT}new Kafka({ brokers: async () => [], sasl: { mechanism: 'plain', username } })`,
      errors: reports('Kafka', 'brokers', 'sasl', 'mechanism'),
    },
    {
      code: `${IMPORT}const options = { retry: { retries: 3 } }; new Kafka(options)`,
      errors: reports('Kafka', 'retry', 'retries'),
    },
    {
      code: `${CLIENT}kafka.consumer(dev ? { readUncommitted: true } : { retry: { factor: 1 } })`,
      errors: reports('Kafka', 'consumer', 'readUncommitted', 'retry', 'factor'),
    },
    {
      code: `${CLIENT}const a = kafka.admin({ retry: {} }); await a.fetchOffsets({ groupId: 'a' })`,
      errors: reports('Kafka', 'admin', 'retry', 'fetchOffsets'),
    },
  ],
})

script.run('producers', migrateRule, {
  valid: [],
  invalid: [
    {
      code: `${CLIENT}const p = kafka.producer()
        const [{ baseOffset }] = await p.send({ topic, acks: 1, messages: [{ key, timestamp }] })`,
      errors: reports('Kafka', 'baseOffset', 'send', 'topic', 'acks', 'messages', 'timestamp'),
    },
    {
      code: `${CLIENT}let p; async function start() { p = kafka.producer(); await p.connect() }
        export const send = () =>
          p.sendBatch({ topicMessages: [{ topic, messages: all.map((x) => ({ timestamp })) }] })`,
      errors: reports(
        ...['Kafka', 'connect', 'sendBatch', 'topicMessages', 'topic', 'messages', 'timestamp'],
      ),
    },
    {
      code: `${CLIENT}const tx = await kafka.producer({ transactionalId: 'a' }).transaction()
        await tx.sendOffsets({ consumerGroupId, topics }); await tx.commit(); if (tx.isActive()) 1`,
      errors: reports('Kafka', 'transaction', 'sendOffsets', 'commit', 'isActive'),
    },
    {
      code: `${CLIENT}const p = kafka.producer(); p.on(p.events.REQUEST_TIMEOUT, f); p['send']({})`,
      errors: reports('Kafka', 'on', 'REQUEST_TIMEOUT', 'send'),
    },
    {
      code: `import { Kafka } from 'kafkajs'
        class Shop {
          stop() { return this.producer.send({ timeout: 1 }) }
          #consumer = this.kafka.consumer()
          run() { return this.#consumer.stop() }
          constructor() { this.kafka = new Kafka({}); this.producer = this.kafka.producer() }
        }`,
      errors: reports('Kafka', 'send', 'timeout', 'consumer', 'stop'),
    },
  ],
})

const CONSUMER = `${CLIENT}const c = kafka.consumer(); `
script.run('consumers', migrateRule, {
  valid: [],
  invalid: [
    {
      code: `${CONSUMER}await c.subscribe({ topics: ['a'], fromBeginning: true })
        await c.run({ partitionsConsumedConcurrently: 3, autoCommit: false,
          eachMessage: async ({ topic, message: { value, headers }, heartbeat }) => {} })`,
      errors: reports(
        ...['Kafka', 'consumer', 'subscribe', 'topics', 'fromBeginning', 'run'],
        ...['partitionsConsumedConcurrently', 'autoCommit', 'eachMessage'],
        ...['topic', 'message', 'headers', 'heartbeat'],
      ),
    },
    {
      code: `${CONSUMER}c.run({ async eachBatch({ batch, resolveOffset }) {
          for (const m of batch.messages) { use(m.value); resolveOffset(m.offset) }
          batch.messages.forEach(({ timestamp }) => use(timestamp, batch.messages[0].headers))
        } })`,
      errors: reports(
        ...['Kafka', 'consumer', 'run', 'eachBatch', 'batch', 'resolveOffset', 'messages'],
        ...['offset', 'messages', 'timestamp', 'messages', 'headers'],
      ),
    },
    {
      code: `${CONSUMER}function handle(m) { return use(m.message.offset, m.topic) }
        const options = { eachMessage: handle }; c.run(options)`,
      errors: reports(...['Kafka', 'consumer', 'offset', 'topic', 'eachMessage', 'run']),
    },
    {
      code: `${CONSUMER}const { CRASH } = c.events; c.on(CRASH, f); c.commitOffsets(c.paused())`,
      errors: reports(...['Kafka', 'consumer', 'CRASH', 'events', 'on', 'commitOffsets', 'paused']),
    },
  ],
})

typed.run('TypeScript', migrateRule, {
  valid: [
    "import type { Consumer } from './own'; export const stop = (c: Consumer) => c.stop()",
    "import type { TopicPartition } from 'kafkajs'; export const at = (p: TopicPartition) => p.topic",
  ],
  invalid: [
    {
      code: `import type { Consumer, EachMessagePayload } from 'kafkajs'
        class Shop {
          constructor(private readonly consumer: Consumer) {}
          run() { return this.consumer.run({ eachMessage: this.handle }) }
          handle = async ({ message }: EachMessagePayload) => message!.headers
        }`,
      errors: reports(
        ...['Consumer', 'EachMessagePayload', 'run', 'eachMessage', 'message', 'headers'],
      ),
    },
    {
      code: `import { type KafkaConfig, type Producer } from 'kafkajs'
        export const config: KafkaConfig = { brokers: [], logLevel: 1 }
        export const other = { brokers: [], retry: {} } satisfies KafkaConfig
        export class A { private p?: Producer; f() { return this.p?.sendBatch({}) } }`,
      errors: reports('KafkaConfig', 'Producer', 'logLevel', 'retry', 'sendBatch'),
    },
    {
      code: "import kafka = require('kafkajs'); new kafka.Kafka({ enforceRequestTimeout: true })",
      errors: reports('Kafka', 'enforceRequestTimeout'),
    },
  ],
})

test('nothing is changed without being asked', () => {
  expect(migrateRule.meta?.fixable).toBeUndefined()
})
