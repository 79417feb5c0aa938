import { setMaxListeners } from 'node:events'
import { Kafka } from '@ottla/client'
import { startBroker } from '@ottla/testing'
import { expect, test } from 'vitest'
import { createTopic, waitFor } from '../support/topics.ts'

const CONSUMERS = 20

test('many consumers that wait for records are nothing to warn of', async () => {
  const warnings: string[] = []
  const onWarning = ({ name }: Error) => warnings.push(name)
  process.on('warning', onWarning)
  await using broker = await startBroker()
  await using kafka = new Kafka({ brokers: broker.address })
  const topic = await createTopic(kafka)
  const abort = new AbortController()
  setMaxListeners(0, abort.signal)
  let seen = 0
  const consumers = Array.from({ length: CONSUMERS }, async () => {
    await using consumer = kafka.consumer({ from: 'earliest', fetchMaxWaitMs: 5_000 })
    for await (const batch of consumer.subscribe(topic, { signal: abort.signal })) {
      seen += batch.count
    }
  })
  await using producer = kafka.producer()
  // All have a fetch that waits, and are woken by the next record.
  for (const round of [1, 2]) {
    await producer.send(topic, { value: `${round}` })
    await waitFor('everybody', () => seen === round * CONSUMERS, 30_000)
  }
  abort.abort()
  await Promise.all(consumers)
  process.off('warning', onWarning)
  expect(warnings).toEqual([])
})
