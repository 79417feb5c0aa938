import { Kafka } from '@ottla/client'
import { expect, test } from 'vitest'
import { startTestBroker } from '../support/broker.ts'
import { createTopic } from '../support/topics.ts'

test('a compacted topic refuses records without a key, and goes on', async () => {
  await using broker = await startTestBroker()
  const kafka = new Kafka({ brokers: broker.bootstrap })
  const topic = await createTopic(kafka, 1, { 'cleanup.policy': 'compact' })
  const producer = kafka.producer({ deliveryTimeoutMs: 10_000, idempotence: false })
  await expect(producer.send(topic, { value: 'no key' })).rejects.toMatchObject({
    code: 'INVALID_RECORD',
  })
  expect(await producer.send(topic, { key: 'k', value: 'v' })).toMatchObject({ offset: 0n })
  await producer.close()
  await kafka.close()
})
