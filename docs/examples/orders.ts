import { defineTopic, json, Kafka, string } from '@ottla/client'

const Orders = defineTopic('orders', { key: string(), value: json<{ total: number }>() })

await using kafka = new Kafka({ brokers: process.env['OTTLA_BROKERS'] ?? 'localhost:9092' })

await using producer = kafka.producer()
await producer.send(Orders, { key: 'o1', value: { total: 9 } })

await using consumer = kafka.consumer({ group: 'billing', from: 'earliest' })
for await (const record of consumer.subscribe(Orders).records()) {
  console.log(record.key, record.value.total)
  break
}
