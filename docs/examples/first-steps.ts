import { defineTopic, json, Kafka, string } from '@ottla/client'

interface Payment {
  readonly order: number
  readonly amount: number
}

const payments = defineTopic('payments', { key: string(), value: json<Payment>() })

const kafka = new Kafka({ brokers: process.env['OTTLA_BROKERS'] ?? '127.0.0.1:9092' })

const producer = kafka.producer()
const stored = await producer.send(payments, { key: '42', value: { order: 42, amount: 9 } })
console.log(`stored as offset ${stored.offset} of partition ${stored.partition}`)

const consumer = kafka.consumer({ group: 'accounting', from: 'earliest' })
for await (const record of consumer.subscribe(payments).records()) {
  console.log(`order ${record.value.order}: ${record.value.amount}`)
  if (record.offset === stored.offset) break
}

await kafka.close()
