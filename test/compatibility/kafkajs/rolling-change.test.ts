/**
 * An application with several instances goes from kafkajs to the package one instance at a time:
 * members of both are in one group meanwhile, each leads it once, and no record is left out.
 */
import { Kafka, logLevel } from '@ottla/kafkajs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startTestBroker, type TestBroker } from '../../integration/support/broker.ts'
import { uniqueName, waitFor } from '../../integration/support/topics.ts'
import { type KafkajsConsumer, kafkajs } from '../support/kafkajs.ts'

let broker: TestBroker

beforeAll(async () => {
  broker = await startTestBroker({
    'offsets.topic.replication.factor': '1',
    'group.initial.rebalance.delay.ms': '0',
  })
})
afterAll(() => broker.stop())

const PARTITIONS = 4

test('members of kafkajs and of the package share a group during a rolling change', async () => {
  const mine = new Kafka({ brokers: [broker.bootstrap], logLevel: logLevel.NOTHING })
  const theirs = await kafkajs(broker.bootstrap)
  const topic = uniqueName('rolling')
  const groupId = uniqueName('group')
  const admin = mine.admin()
  await admin.connect()
  await admin.createTopics({ topics: [{ topic, numPartitions: PARTITIONS }] })
  const options = { groupId, heartbeatInterval: 200, sessionTimeout: 10_000, maxWaitTimeInMs: 100 }
  const seen = new Map<string, Set<string>>()
  const held = new Map<string, number[]>()
  const leaders = new Set<string>()

  const start = async (name: string) => {
    const isOld = name.startsWith('old')
    const member = (isOld ? theirs : mine).consumer(options) as unknown as KafkajsConsumer
    member.on('consumer.group_join', ({ payload }) => {
      const { memberAssignment, isLeader } = payload as {
        memberAssignment: Record<string, number[]>
        isLeader: boolean
      }
      held.set(name, memberAssignment[topic] ?? [])
      if (isLeader) leaders.add(isOld ? 'old' : 'new')
    })
    await member.connect()
    await member.subscribe({ topics: [topic], fromBeginning: true })
    await member.run({
      eachMessage: async ({ message }) => {
        const value = String(message.value)
        seen.set(value, (seen.get(value) ?? new Set()).add(isOld ? 'old' : 'new'))
      },
    })
    return async () => {
      await member.disconnect()
      held.delete(name)
    }
  }

  const producer = mine.producer()
  await producer.connect()
  let sent = 0
  const produce = async () => {
    const messages = Array.from({ length: 20 }, (_, i) => ({
      value: `v${sent + i}`,
      partition: i % PARTITIONS,
    }))
    sent += messages.length
    await producer.send({ topic, messages })
  }
  const settle = async (names: readonly string[]) => {
    await waitFor(
      `partitions of ${names}`,
      () => {
        const all = names.flatMap((name) => held.get(name) ?? [])
        return names.every((name) => held.get(name)?.length) && all.sort().join() === '0,1,2,3'
      },
      60_000,
    )
    await produce()
    await waitFor(`records for ${names}`, () => seen.size === sent, 60_000)
  }

  const stopOld1 = await start('old1')
  const stopOld2 = await start('old2')
  await settle(['old1', 'old2'])
  const stopNew1 = await start('new1')
  await settle(['old1', 'old2', 'new1'])
  const { groups } = await admin.describeGroups([groupId])
  expect([groups[0]?.protocol, groups[0]?.members.length]).toEqual(['RoundRobinAssigner', 3])
  await stopOld1()
  await settle(['old2', 'new1'])
  const stopNew2 = await start('new2')
  await stopOld2()
  await settle(['new1', 'new2'])
  // And back again, should the change have to be undone.
  const stopOld3 = await start('old3')
  await stopNew1()
  await settle(['new2', 'old3'])
  expect([...leaders].sort()).toEqual(['new', 'old'])
  const both = new Set([...seen.values()].flatMap((kinds) => [...kinds]))
  expect([...both].sort()).toEqual(['new', 'old'])
  await Promise.all([stopNew2(), stopOld3()])
  await producer.disconnect()
  await admin.disconnect()
})
