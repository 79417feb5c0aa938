/** A record there and back again, through a topic that exists only for that. */
import { randomBytes } from 'node:crypto'
import { messageOf, OttlaError } from '@ottla/base'
import type { Kafka } from '@ottla/client'
import type { CheckResult } from './checks.ts'

const TIMEOUT_MS = 15_000

export async function roundTrip(kafka: Kafka): Promise<CheckResult> {
  const topic = `ottla-doctor-${randomBytes(4).toString('hex')}`
  let step = 'creating a temporary topic'
  let isCreated = false
  try {
    await kafka.admin.createTopics([{ topic, partitions: 1 }])
    isCreated = true
    step = 'producing a record'
    const payload = randomBytes(16)
    const producer = kafka.producer({ linger: 0, deliveryTimeoutMs: TIMEOUT_MS })
    const startMs = performance.now()
    await producer.send(topic, { key: 'doctor', value: payload })
    const producedMs = performance.now()
    step = 'consuming it'
    await consumeOne(kafka, topic, payload)
    const consumedMs = performance.now()
    step = 'deleting the temporary topic'
    await producer.close()
    await kafka.admin.deleteTopics([topic])
    isCreated = false
    const there = (producedMs - startMs).toFixed(1)
    const back = (consumedMs - producedMs).toFixed(1)
    return {
      name: 'round trip',
      ok: true,
      detail: `a record was acknowledged after ${there} ms and read after another ${back} ms`,
    }
  } catch (error) {
    const left = isCreated ? await removed(kafka, topic) : ''
    const hint = error instanceof OttlaError ? error.hint : undefined
    const skip = 'Without a temporary topic: ottla doctor --no-round-trip'
    return {
      name: 'round trip',
      ok: false,
      detail: `${step} failed${left}`,
      why: messageOf(error),
      mend: hint ?? skip,
    }
  }
}

async function consumeOne(kafka: Kafka, topic: string, payload: Buffer): Promise<void> {
  const signal = AbortSignal.timeout(TIMEOUT_MS)
  const consumer = kafka.consumer({ from: 'earliest' })
  for await (const batch of consumer.assign([{ topic, partition: 0, offset: 0 }], { signal })) {
    for (const record of batch) {
      if (record.valueBytes?.equals(payload)) return
      throw new Error('the record came back with other bytes than were sent')
    }
  }
  throw new Error(`nothing came back within ${TIMEOUT_MS / 1_000} s`)
}

/** After a failure: takes the topic away again, or says that it is still there. */
async function removed(kafka: Kafka, topic: string): Promise<string> {
  try {
    await kafka.admin.deleteTopics([topic])
    return ''
  } catch (error) {
    return `, and topic ${topic} could not be deleted (${messageOf(error)})`
  }
}
