// A service with NestJS's Kafka transport, and a client that asks it and tells it things.
require('reflect-metadata')
const { Controller, Module } = require('@nestjs/common')
const { NestFactory } = require('@nestjs/core')
const {
  ClientKafka,
  EventPattern,
  MessagePattern,
  Payload,
  Transport,
} = require('@nestjs/microservices')
const { firstValueFrom } = require('rxjs')

const [, , bootstrap, suffix] = process.argv
const [ASK, TELL] = [`ask.${suffix}`, `tell.${suffix}`]
const told = []

class Orders {
  total(order) {
    return { total: order.items.reduce((sum, item) => sum + item, 0) }
  }

  placed(order) {
    told.push(order.id)
  }
}
const decorate = (name, decorator) => {
  decorator(Orders.prototype, name, Object.getOwnPropertyDescriptor(Orders.prototype, name))
  Payload()(Orders.prototype, name, 0)
}
decorate('total', MessagePattern(ASK))
decorate('placed', EventPattern(TELL))
Controller()(Orders)
class Shop {}
Module({ controllers: [Orders] })(Shop)

async function main() {
  const admin = new (require('kafkajs').Kafka)({ brokers: [bootstrap], logLevel: 0 }).admin()
  await admin.connect()
  const topics = [ASK, `${ASK}.reply`, TELL].map((topic) => ({ topic, numPartitions: 2 }))
  await admin.createTopics({ topics })
  await admin.disconnect()

  const options = (groupId) => ({
    client: { clientId: 'nest', brokers: [bootstrap], logLevel: 0 },
    consumer: { groupId, maxWaitTimeInMs: 100 },
    subscribe: { fromBeginning: true },
  })
  const service = await NestFactory.createMicroservice(Shop, {
    transport: Transport.KAFKA,
    options: options(`service-${suffix}`),
    logger: false,
  })
  await service.listen()
  const client = new ClientKafka(options(`client-${suffix}`))
  client.subscribeToResponseOf(ASK)
  await client.connect()
  const answers = []
  for (const items of [[1, 2], [3, 4], [5]]) {
    answers.push((await firstValueFrom(client.send(ASK, { items }))).total)
  }
  for (const id of ['o1', 'o2', 'o3']) await firstValueFrom(client.emit(TELL, { id }))
  for (let i = 0; i < 300 && told.length < 3; i++) await new Promise((r) => setTimeout(r, 50))
  await client.close()
  await service.close()
  process.stdout.write(`${JSON.stringify({ answers, told: told.sort() })}\n`)
  process.exit(0)
}
main()
