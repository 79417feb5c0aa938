import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { waitUntil } from '../support/judged-broker.ts'
import { type KafkajsConsumer, kafkajs } from '../support/kafkajs.ts'
import { ensureKafkajs, INSTALL_TIMEOUT_MS } from '../support/peers.ts'
import { type BothBrokers, startBothBrokers } from '../support/side-by-side.ts'

const FIRST_TIME = 1_700_000_000_000

let brokers: BothBrokers

beforeAll(async () => {
  await ensureKafkajs()
  brokers = await startBothBrokers()
}, INSTALL_TIMEOUT_MS)
afterAll(() => brokers?.stop())

const groups = (args: string, code = 0) =>
  brokers.same('ConsumerGroupCommand', args.split(' '), { code, mask: maskMembers })

/** Member ids end in a uuid of the broker, hosts come with or without a name. */
const maskMembers = (text: string) => text.replace(/judge-UUID/g, 'MEMBER').replace(/-{3,}/g, '---')

/** On both brokers: a topic with ten records in each partition, a minute apart. */
async function fill(topic: string, partitions = 2) {
  for (const { bootstrap } of [brokers.ottla, brokers.apache]) {
    const kafka = await kafkajs(bootstrap)
    const admin = kafka.admin()
    await admin.connect()
    await admin.createTopics({
      waitForLeaders: true,
      topics: [{ topic, numPartitions: partitions }],
    })
    await admin.disconnect()
    const producer = kafka.producer()
    await producer.connect()
    const messages = Array.from({ length: 10 * partitions }, (_, i) => ({
      value: `record ${i}`,
      partition: i % partitions,
      timestamp: String(FIRST_TIME + 60_000 * Math.floor(i / partitions)),
    }))
    await producer.send({ topic, messages })
    await producer.disconnect()
  }
}

/** Members of the same group on both brokers, one each, until `leave`. */
async function joinBoth(groupId: string, topic: string) {
  const consumers: KafkajsConsumer[] = []
  for (const { bootstrap } of [brokers.ottla, brokers.apache]) {
    const consumer = (await kafkajs(bootstrap)).consumer({ groupId, maxWaitTimeInMs: 200 })
    let count = 0
    await consumer.connect()
    await consumer.subscribe({ topics: [topic], fromBeginning: true })
    await consumer.run({
      eachMessage: async () => {
        count++
      },
    })
    await waitUntil('the member reads', () => count >= 20)
    consumers.push(consumer)
  }
  return {
    leave: async () => {
      for (const consumer of consumers) await consumer.disconnect()
    },
  }
}

describe('kafka-consumer-groups', () => {
  test('lists and describes a group with its members, then without', async () => {
    await fill('described')
    const members = await joinBoth('watched', 'described')
    expect(await groups('--list')).toContain('watched')
    await groups('--list --state')
    expect(await groups('--describe --group watched --members --verbose')).toContain('described')
    await groups('--describe --group watched --state')
    await groups('--reset-offsets --group watched --all-topics --to-earliest --execute')
    await groups('--delete --group watched')
    await members.leave()
    await groups('--describe --group watched')
    await groups('--describe --group watched --state')
    await groups('--describe --group watched --members')
    await groups('--describe --group missing')
  })

  test('moves offsets every way it knows', async () => {
    await fill('moved')
    const reset = (how: string) =>
      groups(`--reset-offsets --group mover --topic moved ${how} --execute`)
    await reset('--to-earliest')
    await reset('--to-latest')
    await reset('--shift-by -3')
    await reset('--to-offset 4')
    await reset('--to-offset 400')
    await reset(`--to-datetime ${new Date(FIRST_TIME + 90_000).toISOString().replace('Z', '')}`)
    await groups('--describe --group mover')
    await groups('--reset-offsets --group mover --topic moved:1 --to-current --dry-run')
    await groups('--reset-offsets --group mover --topic moved:1 --to-offset 7 --execute')
    await groups('--describe --group mover --offsets')
  })

  test('deletes offsets and groups', async () => {
    await fill('left')
    await groups('--reset-offsets --group leaver --topic left --to-latest --execute')
    await groups('--delete-offsets --group leaver --topic left:0')
    await groups('--describe --group leaver')
    await groups('--delete --group leaver')
    expect(await groups('--list')).not.toContain('leaver')
    await groups('--delete --group leaver')
  })
})
