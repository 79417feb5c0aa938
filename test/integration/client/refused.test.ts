import { Kafka } from '@ottla/client'
import { expect, test } from 'vitest'
import { startTestBroker } from '../support/broker.ts'
import { readAll } from '../support/read-all.ts'
import { createTopic } from '../support/topics.ts'

test.each([true, false])('a refused batch fails alone (idempotence %s)', async (idempotence) => {
  await using broker = await startTestBroker()
  await using kafka = new Kafka({ brokers: broker.bootstrap })
  const topic = await createTopic(kafka, 1, { 'cleanup.policy': 'compact' })
  await using producer = kafka.producer({ idempotence, linger: 0, batchSize: 50 })
  await producer.send(topic, { key: 'first', value: '-1' })
  const sends: Promise<unknown>[] = []
  // Every fifth record lacks the key that a compacted topic asks for.
  for (let i = 0; i < 200; i++) {
    const record = i % 5 === 2 ? { value: String(i) } : { key: `k${i}`, value: String(i) }
    const sent = producer.send(topic, record)
    sent.catch(() => {
      // Looked at below, with all the others.
    })
    sends.push(sent)
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  const settled = await Promise.allSettled(sends)
  const stored = settled.flatMap(({ status }, i) => (status === 'fulfilled' ? [i] : []))
  for (const result of settled) {
    if (result.status === 'rejected')
      expect(result.reason).toMatchObject({ code: 'INVALID_RECORD' })
  }
  expect(stored.length).toBeGreaterThan(5)
  expect(stored.length).toBeLessThan(161)
  const records = await readAll(kafka, topic, stored.length + 1)
  expect(records.map((r) => Number(r.value))).toEqual([-1, ...stored])
  expect((await producer.send(topic, { key: 'k', value: 'after' })).offset).toBeGreaterThan(0n)
})
