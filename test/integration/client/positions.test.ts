/** Where a running loop goes on from: places it is sent to, and partitions it has lost. */
import { Kafka, type RebalanceListener, type TopicPartition } from '@ottla/client'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startTestBroker, type TestBroker } from '../support/broker.ts'
import { runMember } from '../support/members.ts'
import { createTopic, uniqueName, waitFor } from '../support/topics.ts'

const COUNT = 10
/** Records are this far apart, in milliseconds. */
const STEP_MS = 1_000
const START_MS = Date.UTC(2026, 0, 1)

let broker: TestBroker
let kafka: Kafka

beforeAll(async () => {
  broker = await startTestBroker()
  kafka = new Kafka({ brokers: broker.bootstrap })
}, 90_000)
afterAll(async () => {
  await kafka.close()
  await broker.stop()
})

async function fill(topic: string): Promise<void> {
  await using producer = kafka.producer()
  const records = Array.from({ length: COUNT }, (_, i) => ({
    value: String(i),
    timestamp: START_MS + i * STEP_MS,
  }))
  await producer.send(topic, records)
}

test('seeks to a time, to the beginning and to the end while the loop runs', async () => {
  const topic = await createTopic(kafka)
  await fill(topic)
  const at = { topic, partition: 0 }
  const { seen, consumer, stop } = runMember(kafka, topic, {})
  const offsetsBehind = async (count: number, more: number) => {
    await waitFor(`${more} records more`, () => seen.length === count + more)
    return seen.slice(count).map(({ offset }) => Number(offset))
  }
  expect(await offsetsBehind(0, COUNT)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])

  // A time between two records: the later one is the first.
  consumer.seek(at, new Date(START_MS + 6.5 * STEP_MS))
  expect(await offsetsBehind(COUNT, 3)).toEqual([7, 8, 9])

  consumer.seek(at, 'earliest')
  expect((await offsetsBehind(COUNT + 3, COUNT))[0]).toBe(0)

  consumer.seek(at, 1n)
  consumer.seek(at, 'latest')
  await waitFor('the end', () => consumer.position(at) === BigInt(COUNT))
  await fill(topic)
  const behind = await offsetsBehind(2 * COUNT + 3, COUNT)
  expect(behind).toEqual([10, 11, 12, 13, 14, 15, 16, 17, 18, 19])
  await stop()
})

test('partitions of a member that was removed are lost, then assigned anew', async () => {
  const topic = await createTopic(kafka, 2)
  const group = uniqueName('group')
  const told: string[] = []
  const note = (what: string): RebalanceListener => {
    const numbers = (partitions: readonly TopicPartition[]) =>
      partitions.map(({ partition }) => partition).sort()
    return (partitions) => void told.push(`${what} ${numbers(partitions)}`)
  }
  const { seen, stop } = runMember(kafka, topic, {
    ...{ group, heartbeatIntervalMs: 100 },
    onPartitionsAssigned: note('assigned'),
    onPartitionsRevoked: note('revoked'),
    onPartitionsLost: note('lost'),
  })
  await waitFor('the partitions', () => told.length === 1)
  await kafka.admin.removeMembers(group)
  await waitFor('the partitions again', () => told.length === 3)
  expect(told).toEqual(['assigned 0,1', 'lost 0,1', 'assigned 0,1'])
  await fill(topic)
  await waitFor('the records', () => seen.length === COUNT)
  await stop()
  expect(told.slice(3)).toEqual(['revoked 0,1'])
})
