import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { BufferPool } from '@ottla/base'
import { Kafka } from '@ottla/client'
import { ATTRIBUTES_POSITION, apis } from '@ottla/protocol'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { RecordWriter, sealBatch } from '../../../packages/client/src/producer/record-writer.ts'
import { readAll } from '../../integration/support/read-all.ts'
import { createTopic, uniqueName, waitFor } from '../../integration/support/topics.ts'
import { type ApacheBroker, startApacheBroker } from '../support/apache-broker.ts'
import { runTool } from '../support/apache-tools.ts'

let broker: ApacheBroker
let kafka: Kafka

beforeAll(async () => {
  broker = await startApacheBroker({ heap: '512m' })
  kafka = new Kafka({ brokers: broker.bootstrap })
})
afterAll(async () => {
  await kafka.close()
  await broker.stop()
})

describe('what our producer sends', () => {
  test.each(['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const)(
    '%s is read by the Java consumer and the dump tool',
    async (compression) => {
      const topic = await createTopic(kafka)
      await using producer = kafka.producer({ compression })
      const values = Array.from({ length: 200 }, (_, i) => `value ${i} grün ${'x'.repeat(i)}`)
      await producer.send(
        topic,
        values.map((value, i) => ({ key: `k${i}`, value, headers: { n: String(i) } })),
      )
      const consumed = await runTool('ConsoleConsumer', [
        ...['--bootstrap-server', broker.bootstrap, '--topic', topic, '--from-beginning'],
        ...['--max-messages', '200', '--timeout-ms', '20000'],
      ])
      expect(consumed.stdout.trimEnd().split('\n'), consumed.stderr).toEqual(values)
      const folder = join(broker.dataDir, 'data', `${topic}-0`)
      const log = (await readdir(folder)).find((name) => name.endsWith('.log')) as string
      const files = ['--files', join(folder, log)]
      const dump = await runTool('DumpLogSegments', ['--deep-iteration', ...files])
      expect(dump.stdout).toContain('isvalid: true')
      expect(dump.stdout).toContain(`compresscodec: ${compression}`)
      expect(dump.stdout).not.toContain('isvalid: false')
    },
  )

  test('goes to the partitions the Java producer would choose', async () => {
    const topic = await createTopic(kafka, 7)
    const keys = Array.from({ length: 60 }, (_, i) => `schlüssel-${i}`)
    await using producer = kafka.producer()
    await producer.send(
      topic,
      keys.map((key) => ({ key, value: 'ours' })),
    )
    const produced = await runTool(
      'ConsoleProducer',
      [
        ...['--bootstrap-server', broker.bootstrap, '--topic', topic],
        ...['--reader-property', 'parse.key=true', '--reader-property', 'key.separator=:'],
      ],
      { input: keys.map((key) => `${key}:theirs\n`).join('') },
    )
    expect(produced.code, produced.stderr).toBe(0)
    const records = await readAll(kafka, topic, 120)
    const partitionOf = (key: string, value: string) =>
      records.find((r) => String(r.key) === key && String(r.value) === value)?.partition
    for (const key of keys) expect(partitionOf(key, 'ours')).toBe(partitionOf(key, 'theirs'))
  })
})

describe('what the Java producer sends', () => {
  test.each(['none', 'gzip', 'snappy', 'lz4', 'zstd'])('%s is read by us', async (codec) => {
    const topic = await createTopic(kafka)
    const lines = Array.from({ length: 500 }, (_, i) => `line ${i} ${'ab'.repeat(i % 40)}`)
    const produced = await runTool(
      'ConsoleProducer',
      [
        ...['--bootstrap-server', broker.bootstrap, '--topic', topic],
        ...['--compression-codec', codec],
      ],
      { input: `${lines.join('\n')}\n` },
    )
    expect(produced.code, produced.stderr).toBe(0)
    const records = await readAll(kafka, topic, 500)
    expect(records.map((r) => String(r.value))).toEqual(lines)
  })
})

describe('a group of Java members and ours', () => {
  test.each(['range', 'cooperative-sticky'] as const)('shares partitions by %s', async (name) => {
    const topic = await createTopic(kafka, 4)
    const group = uniqueName('mixed')
    const strategy =
      name === 'range'
        ? 'org.apache.kafka.clients.consumer.RangeAssignor'
        : 'org.apache.kafka.clients.consumer.CooperativeStickyAssignor'
    const abort = new AbortController()
    await using consumer = kafka.consumer({
      group,
      from: 'earliest',
      assignors: [name],
      heartbeatIntervalMs: 200,
    })
    let seen = 0
    const done = (async () => {
      for await (const batch of consumer.subscribe(topic, { signal: abort.signal })) {
        seen += batch.count
      }
    })()
    await waitFor('all partitions', () => consumer.assignment.length === 4)
    const java = runTool('ConsoleConsumer', [
      ...['--bootstrap-server', broker.bootstrap, '--topic', topic, '--group', group],
      ...['--command-property', `partition.assignment.strategy=${strategy}`],
      ...['--max-messages', '20', '--timeout-ms', '30000'],
    ])
    await waitFor('two each', () => consumer.assignment.length === 2, 30_000)
    const held = new Set(consumer.assignment.map(({ partition }) => partition))
    const [described] = await kafka.admin.describeGroups([group])
    expect(described?.members).toHaveLength(2)
    await using producer = kafka.producer()
    const others = [0, 1, 2, 3].filter((partition) => !held.has(partition))
    await producer.send(
      topic,
      [...others, ...held].flatMap((partition) =>
        Array.from({ length: 10 }, (_, i) => ({ partition, value: `${partition}:${i}` })),
      ),
    )
    const { stdout, stderr } = await java
    expect(stdout.trimEnd().split('\n').length, stderr).toBe(20)
    await waitFor('ours', () => seen >= 20)
    await waitFor('all partitions again', () => consumer.assignment.length === 4, 30_000)
    abort.abort()
    await done
  })
})

describe('transactions of others', () => {
  /** One transaction of one record, by hand: our producer has none yet. */
  async function transaction(topic: string, value: string, isCommit: boolean): Promise<void> {
    const transactionalId = uniqueName('tx')
    // Asking for the coordinator makes Kafka create the topic that transactions are kept in.
    await waitFor('the transaction coordinator', async () => {
      const key = { key: transactionalId, keyType: 1, coordinatorKeys: [transactionalId] }
      const { coordinators } = await kafka.request(apis.findCoordinator, key)
      return coordinators[0]?.errorCode === 0
    })
    const { producerId, producerEpoch } = await retryCoordinator(() =>
      kafka.request(apis.initProducerId, { transactionalId, transactionTimeoutMs: 60_000 }),
    )
    const identity = { producerId, producerEpoch, transactionalId }
    await retryCoordinator(() =>
      kafka.request(
        apis.addPartitionsToTxn,
        {
          v3AndBelowTransactionalId: transactionalId,
          v3AndBelowProducerId: producerId,
          v3AndBelowProducerEpoch: producerEpoch,
          v3AndBelowTopics: [{ name: topic, partitions: [0] }],
        },
        { versionMax: 3 },
      ),
    )
    const writer = new RecordWriter(new BufferPool(), 1_000)
    writer.append(null, value, null, 1)
    const batch = writer.finish(0, undefined)
    batch.writeInt16BE(0x10, ATTRIBUTES_POSITION)
    sealBatch(batch, producerId, producerEpoch, 0)
    const partitionData = [{ index: 0, records: Buffer.from(batch) }]
    const sent = await kafka.request(
      apis.produce,
      { transactionalId, acks: -1, timeoutMs: 10_000, topicData: [{ name: topic, partitionData }] },
      { versionMax: 11 },
    )
    expect(sent.responses[0]?.partitionResponses[0]?.errorCode).toBe(0)
    await retryCoordinator(() =>
      kafka.request(apis.endTxn, { ...identity, committed: isCommit }, { versionMax: 4 }),
    )
  }

  async function retryCoordinator<T extends { errorCode?: number }>(
    attempt: () => Promise<T>,
  ): Promise<T> {
    let answer: T | undefined
    await waitFor('the coordinator', async () => {
      answer = await attempt()
      return (answer.errorCode ?? 0) === 0
    })
    return answer as T
  }

  test('read_committed shows what was committed and nothing else', async () => {
    const topic = await createTopic(kafka)
    await transaction(topic, 'aborted 1', false)
    await transaction(topic, 'committed 1', true)
    await using producer = kafka.producer()
    await producer.send(topic, { value: 'plain' })
    await transaction(topic, 'aborted 2', false)
    await transaction(topic, 'committed 2', true)
    const read = async (isolationLevel: 'read_committed' | 'read_uncommitted', count: number) =>
      (await readAll(kafka, topic, count, { isolationLevel })).map((r) => String(r.value))
    await waitFor('the last marker', async () => {
      const at = { topic, partition: 0, at: 'latest' as const }
      const options = { isolationLevel: 'read_committed' as const }
      return (await kafka.admin.listOffsets([at], options))[0]?.offset === 9n
    })
    expect(await read('read_committed', 3)).toEqual(['committed 1', 'plain', 'committed 2'])
    expect(await read('read_uncommitted', 5)).toHaveLength(5)
  })
})
