import { FencedError, Kafka } from '@ottla/client'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startTestBroker, type TestBroker } from '../support/broker.ts'
import { createTopic, uniqueName, waitFor } from '../support/topics.ts'

let broker: TestBroker
let kafka: Kafka

beforeAll(async () => {
  broker = await startTestBroker({
    'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
    'super.users': 'User:ANONYMOUS',
    'allow.everyone.if.no.acl.found': 'true',
    'offsets.topic.replication.factor': '1',
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.min.isr': '1',
  })
  kafka = new Kafka({ brokers: broker.bootstrap })
}, 90_000)
afterAll(async () => {
  await kafka.close()
  await broker.stop()
})

describe('security', () => {
  test('ACLs are created, found by filters, and deleted', async () => {
    const name = uniqueName('acl')
    await kafka.admin.createAcls([
      { resourceType: 'topic', resourceName: name, principal: 'User:alice', operation: 'read' },
      {
        ...{ resourceType: 'topic', resourceName: name.slice(0, 5), patternType: 'prefixed' },
        ...{ principal: 'User:bob', operation: 'write', permission: 'deny', host: '10.0.0.1' },
      },
      { resourceType: 'group', resourceName: name, principal: 'User:alice', operation: 'all' },
    ])
    const alice = () => kafka.admin.describeAcls({ principal: 'User:alice' })
    await waitFor('both of alice', async () => (await alice()).length === 2)
    const onTopic = await kafka.admin.describeAcls({
      ...{ resourceType: 'topic', resourceName: name, patternType: 'match' },
    })
    expect(onTopic.map(({ principal, permission, host }) => [principal, permission, host])).toEqual(
      expect.arrayContaining([
        ['User:alice', 'allow', '*'],
        ['User:bob', 'deny', '10.0.0.1'],
      ]),
    )
    const deleted = await kafka.admin.deleteAcls([{ principal: 'User:alice' }])
    expect(deleted.map(({ resourceType }) => resourceType).sort()).toEqual(['group', 'topic'])
    await waitFor('none of alice', async () => (await alice()).length === 0)
  })

  test('SCRAM users are added, listed and deleted', async () => {
    const user = uniqueName('user')
    await kafka.admin.upsertScramUser({ user, password: 'secret' })
    await kafka.admin.upsertScramUser({
      ...{ user, password: 'secret', mechanism: 'SCRAM-SHA-256', iterations: 4096 },
    })
    const found = async () => {
      const list = await kafka.admin.describeScramUsers([user])
      return list.map(({ mechanism, iterations }) => `${mechanism} ${iterations}`).sort()
    }
    await waitFor('both', async () => (await found()).length === 2)
    expect(await found()).toEqual(['SCRAM-SHA-256 4096', 'SCRAM-SHA-512 8192'])
    await kafka.admin.deleteScramUser({ user, mechanism: 'SCRAM-SHA-512' })
    await waitFor('one', async () => (await found()).length === 1)
    await expect(
      kafka.admin.deleteScramUser({ user, mechanism: 'SCRAM-SHA-512' }),
    ).rejects.toMatchObject({ code: 'RESOURCE_NOT_FOUND' })
  })

  test('client quotas are set and taken away', async () => {
    const user = uniqueName('user')
    const entity = { user, 'client-id': null }
    await kafka.admin.alterClientQuotas([
      { entity, values: { producer_byte_rate: 1000, consumer_byte_rate: 2000 } },
    ])
    const found = () => kafka.admin.describeClientQuotas({ user })
    await waitFor('the quota', async () => (await found()).length === 1)
    expect(await found()).toEqual([
      { entity, values: { producer_byte_rate: 1000, consumer_byte_rate: 2000 } },
    ])
    expect(await kafka.admin.describeClientQuotas({ user }, { strict: true })).toEqual([])
    await kafka.admin.alterClientQuotas([{ entity, values: { producer_byte_rate: null } }])
    await waitFor('one value', async () => {
      const [quota] = await found()
      return Object.keys(quota?.values ?? {}).join() === 'consumer_byte_rate'
    })
    await expect(
      kafka.admin.alterClientQuotas([{ entity, values: { none_such: 1 } }]),
    ).rejects.toMatchObject({ code: 'INVALID_REQUEST' })
  })
})

describe('transactions', () => {
  test('are listed and described, and their producers fenced', async () => {
    const topic = await createTopic(kafka, 2)
    const transactionalId = uniqueName('tx')
    await using producer = kafka.producer({ transactionalId })
    const late = producer.transaction(async (tx) => {
      await tx.send(topic, { value: 'x', partition: 1 })
      const [described] = await kafka.admin.describeTransactions([transactionalId])
      expect(described).toMatchObject({
        ...{ transactionalId, state: 'Ongoing', partitions: [{ topic, partition: 1 }] },
      })
      expect(described?.startTime?.getTime()).toBeGreaterThan(Date.now() - 60_000)
      const listed = await kafka.admin.listTransactions({ states: ['Ongoing'] })
      expect(listed.map((found) => found.transactionalId)).toContain(transactionalId)
      const [partition] = await kafka.admin.describeProducers([{ topic, partition: 1 }])
      expect(partition?.producers).toMatchObject([
        { producerId: described?.producerId, transactionStartOffset: 0n },
      ])
      await kafka.admin.fenceProducers([transactionalId])
    })
    await expect(late).rejects.toBeInstanceOf(FencedError)
    // What has not begun counts as older than any.
    await waitFor('the idle transaction', async () => {
      const listed = await kafka.admin.listTransactions({ states: ['Empty'], openForMs: 3_600_000 })
      return listed.some((found) => found.transactionalId === transactionalId)
    })
    await expect(kafka.admin.describeTransactions([uniqueName('none')])).rejects.toMatchObject({
      code: 'TRANSACTIONAL_ID_NOT_FOUND',
    })
    await expect(kafka.admin.describeProducers([{ topic, partition: 7 }])).rejects.toMatchObject({
      code: 'UNKNOWN_TOPIC_OR_PARTITION',
    })
  })

  test('that hang are aborted', async () => {
    const topic = await createTopic(kafka)
    const transactionalId = uniqueName('tx')
    await using producer = kafka.producer({ transactionalId })
    let go = () => {}
    const held = new Promise<void>((resolve) => {
      go = resolve
    })
    let isWritten = false
    const run = producer.transaction(async (tx) => {
      await tx.send(topic, { value: 'x' })
      isWritten = true
      await held
    })
    await waitFor('the record', () => isWritten)
    const producers = async () => {
      const [found] = await kafka.admin.describeProducers([{ topic, partition: 0 }])
      return found?.producers ?? []
    }
    const [open] = await producers()
    if (!open) throw new Error('the producer is not there')
    // The next epoch, as a coordinator writes markers with transactions V2.
    const { producerId, producerEpoch } = open
    await kafka.admin.abortTransaction({
      ...{ topic, partition: 0, producerId, producerEpoch: producerEpoch + 1 },
      coordinatorEpoch: 0,
    })
    expect((await producers())[0]?.transactionStartOffset).toBe(undefined)
    go()
    await run.catch(() => undefined)
  })
})
