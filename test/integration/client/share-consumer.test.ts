import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import {
  Kafka,
  type ShareConsumer,
  type ShareConsumerOptions,
  type ShareRecord,
  type ShareRunOptions,
} from '@ottla/client'
import { apis } from '@ottla/protocol'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startTestBroker, type TestBroker } from '../support/broker.ts'
import { createTopic, uniqueName, waitFor } from '../support/topics.ts'

const LOCK_MS = 1_500

let broker: TestBroker
let kafka: Kafka

beforeAll(async () => {
  broker = await startTestBroker({
    'group.share.min.heartbeat.interval.ms': '100',
    'group.share.heartbeat.interval.ms': '200',
    'group.share.assignment.interval.ms': '0',
    'group.share.min.record.lock.duration.ms': '1000',
  })
  kafka = new Kafka({ brokers: broker.bootstrap })
}, 90_000)
afterAll(async () => {
  await kafka.close()
  await broker.stop()
})

/** A group that begins with the first record, and settings of its own. */
async function createGroup(settings: Readonly<Record<string, string>> = {}): Promise<string> {
  const group = uniqueName('share')
  const all = { 'share.auto.offset.reset': 'earliest', ...settings }
  const resource = { type: 'group' as const, name: group }
  const configs = Object.entries(all).map(([name, value]) => ({ name, value }))
  await kafka.admin.incrementalAlterConfigs([{ ...resource, configs }])
  await waitFor('the settings of the group', async () => {
    const [found] = await kafka.admin.describeConfigs([resource])
    return configs.every(({ name, value }) =>
      found?.configs.some((config) => config.name === name && config.value === value),
    )
  })
  return group
}

async function send(topic: string, from: number, count: number, partitions = 1): Promise<void> {
  await using producer = kafka.producer({ linger: 0 })
  const records = Array.from({ length: count }, (_, i) => ({
    value: String(from + i),
    partition: i % partitions,
  }))
  await producer.send(topic, records)
}

const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i)
const numberOf = (record: ShareRecord): number => Number(String(record.value))

/** A member at work until it is stopped. */
function runMember(
  topic: string,
  options: ShareConsumerOptions,
  parts: {
    handler?: (record: ShareRecord) => Promise<void> | void
    run?: ShareRunOptions<ShareRecord>
  } = {},
) {
  const seen: number[] = []
  const abort = new AbortController()
  const consumer: ShareConsumer = kafka.shareConsumer(options)
  const handler = async (record: ShareRecord) => {
    seen.push(numberOf(record))
    await parts.handler?.(record)
  }
  const done = consumer.run(topic, handler, { ...parts.run, signal: abort.signal })
  const stop = async () => {
    abort.abort()
    await done
  }
  return { seen, consumer, done, stop }
}

/** The first records of a new member that then gives them back, or what `use` makes of them. */
async function take(
  topic: string,
  options: ShareConsumerOptions,
  count: number,
  use: (record: ShareRecord) => void = () => {},
): Promise<ShareRecord[]> {
  await using consumer = kafka.shareConsumer(options)
  const taken: ShareRecord[] = []
  for await (const record of consumer.subscribe(topic).records()) {
    use(record)
    taken.push(record)
    if (taken.length === count) break
  }
  return taken
}

const allDone = (group: string, partitions = 1) =>
  waitFor('everything to be done', async () => {
    const offsets = await kafka.admin.listShareGroupOffsets(group)
    return offsets.length === partitions && offsets.every(({ lag }) => lag === 0n)
  })

describe('a share group', () => {
  test('shares the records of one partition among members, each to one of them', async () => {
    const topic = await createTopic(kafka)
    const group = await createGroup()
    const options = { group, maxRecords: 5, acquireMode: 'record-limit' } as const
    const pause = () => new Promise<void>((resolve) => setTimeout(resolve, 5))
    const members = [1, 2, 3].map(() => runMember(topic, options, { handler: pause }))
    await waitFor('all of them members', async () => {
      const [found] = await kafka.admin.describeShareGroups([group]).catch(() => [])
      return found?.members.length === 3 && found.members.every((m) => m.partitions.length === 1)
    })
    await send(topic, 0, 120)
    const total = () => members.reduce((sum, { seen }) => sum + seen.length, 0)
    await waitFor('all records', () => total() >= 120)
    for (const member of members) await member.stop()
    const values = members.flatMap(({ seen }) => seen)
    expect(values.sort((a, b) => a - b)).toEqual(numbers(120))
    expect(members.filter(({ seen }) => seen.length > 0).length).toBeGreaterThan(1)
    await allDone(group)
  }, 60_000)

  test('ends a loop over records behind the one in hand, and gives the others back', async () => {
    const topic = await createTopic(kafka)
    const group = await createGroup()
    await send(topic, 0, 5)
    const stop = new AbortController()
    const seen: number[] = []
    await using consumer = kafka.shareConsumer({ group })
    for await (const record of consumer.subscribe(topic, { signal: stop.signal }).records()) {
      if (seen.push(numberOf(record)) === 2) stop.abort()
    }
    expect(seen).toEqual([0, 1])
    const others = await take(topic, { group }, 3)
    expect(others.map(numberOf)).toEqual([2, 3, 4])
  })

  test('accepts what the loop has got when it asks for more', async () => {
    const topic = await createTopic(kafka, 2)
    const group = await createGroup()
    await send(topic, 0, 20, 2)
    await using consumer = kafka.shareConsumer({ group })
    const seen: number[] = []
    for await (const batch of consumer.subscribe(topic)) {
      for (const record of batch) seen.push(numberOf(record))
      if (seen.length < 20) continue
      batch.accept()
      const results = await consumer.commit()
      expect(results.map(({ error }) => error)).toEqual(results.map(() => undefined))
      expect(consumer.acquisitionLockTimeoutMs).toBe(30_000)
      expect(consumer.assignment).toHaveLength(2)
      break
    }
    expect(seen.sort((a, b) => a - b)).toEqual(numbers(20))
    await allDone(group, 2)
  })

  test('gives back what the loop has not processed when it ends', async () => {
    const topic = await createTopic(kafka)
    const group = await createGroup()
    await send(topic, 0, 10)
    const first = await take(topic, { group }, 4)
    expect(first.map(numberOf)).toEqual([0, 1, 2, 3])
    // The record in hand at the break was not processed.
    const second = await take(topic, { group }, 7)
    expect(second.map(numberOf)).toEqual([3, 4, 5, 6, 7, 8, 9])
  })
})

describe('acknowledgements', () => {
  test('say of each record what became of it', async () => {
    const topic = await createTopic(kafka)
    const group = await createGroup()
    const options = { group, acknowledgement: 'explicit' } as const
    await send(topic, 0, 6)
    await using consumer = kafka.shareConsumer(options)
    const deliveries: [value: number, count: number][] = []
    for await (const batch of consumer.subscribe(topic)) {
      for (const record of batch) {
        deliveries.push([numberOf(record), record.deliveryCount])
        if (record.deliveryCount > 1 || numberOf(record) % 3 === 0) record.accept()
        else if (numberOf(record) % 3 === 1) record.release()
        else record.reject()
      }
      expect(await consumer.commit()).toEqual([{ topic, partition: 0, error: undefined }])
      if (deliveries.length === 8) break
    }
    expect(deliveries.slice(0, 6)).toEqual(numbers(6).map((value) => [value, 1]))
    expect(deliveries.slice(6)).toEqual([
      [1, 2],
      [4, 2],
    ])
    await allDone(group)
  })

  test('explicit ones hold records across batches until each has its answer', async () => {
    const topic = await createTopic(kafka)
    const group = await createGroup()
    await send(topic, 0, 3)
    await using consumer = kafka.shareConsumer({ group, acknowledgement: 'explicit' })
    const held: ShareRecord[] = []
    for await (const batch of consumer.subscribe(topic)) {
      held.push(...batch)
      if (held.length === 3) await send(topic, 3, 2)
      if (held.length < 5) continue
      held[1]?.accept()
      held[4]?.accept()
      expect(await consumer.commit()).toEqual([{ topic, partition: 0, error: undefined }])
      break
    }
    expect(held.map(numberOf)).toEqual(numbers(5))
    const again = await take(topic, { group }, 3)
    expect(again.map(numberOf)).toEqual([0, 2, 3])
  })

  test('are errors of their partition once the lock has run out', async () => {
    const topic = await createTopic(kafka)
    const group = await createGroup({ 'share.record.lock.duration.ms': String(LOCK_MS) })
    await send(topic, 0, 2)
    const told: unknown[] = []
    await using consumer = kafka.shareConsumer({
      group,
      acknowledgement: 'explicit',
      onAcknowledged: (result) => told.push(result),
    })
    for await (const batch of consumer.subscribe(topic)) {
      expect(consumer.acquisitionLockTimeoutMs).toBe(LOCK_MS)
      await new Promise((resolve) => setTimeout(resolve, LOCK_MS + 1_000))
      batch.accept()
      const [result] = await consumer.commit()
      expect(result).toMatchObject({ topic, partition: 0, error: { code: 'INVALID_RECORD_STATE' } })
      expect(told).toEqual([result])
      break
    }
    const again = await take(topic, { group }, 2)
    expect(again.map((r) => r.deliveryCount)).toEqual([2, 2])
  })

  test('renewals keep records longer than their lock', async () => {
    const topic = await createTopic(kafka)
    const group = await createGroup({ 'share.record.lock.duration.ms': String(LOCK_MS) })
    await send(topic, 0, 2)
    await using consumer = kafka.shareConsumer({ group, acknowledgement: 'explicit' })
    for await (const batch of consumer.subscribe(topic)) {
      for (let i = 0; i < 4; i++) {
        await new Promise((resolve) => setTimeout(resolve, LOCK_MS / 2))
        batch.renew()
        expect(await consumer.commit()).toMatchObject([{ error: undefined }])
      }
      batch.accept()
      expect(await consumer.commit()).toMatchObject([{ error: undefined }])
      break
    }
    await allDone(group)
  })
})

describe('run', () => {
  test('works on several records at a time and gives back what a handler throws on', async () => {
    const topic = await createTopic(kafka)
    const group = await createGroup({ 'share.delivery.count.limit': '3' })
    await send(topic, 0, 12)
    let atWork = 0
    let atWorkMax = 0
    const failures: [value: number, count: number][] = []
    const member = runMember(
      topic,
      { group },
      {
        handler: async (record) => {
          atWorkMax = Math.max(atWorkMax, ++atWork)
          await new Promise((resolve) => setTimeout(resolve, 10))
          atWork--
          if (numberOf(record) === 5) throw new Error('poison')
          if (numberOf(record) === 7 && record.deliveryCount === 1) throw new Error('not now')
        },
        run: {
          concurrency: 4,
          onError: (_error, record) => failures.push([numberOf(record), record.deliveryCount]),
        },
      },
    )
    await allDone(group)
    await member.stop()
    expect(atWorkMax).toBe(4)
    expect(failures.sort()).toEqual([
      [5, 1],
      [5, 2],
      [5, 3],
      [7, 1],
    ])
    expect(member.seen).toHaveLength(12 + 3)
  })

  test('lets the handlers at work return when its signal fires', async () => {
    const topic = await createTopic(kafka)
    const group = await createGroup()
    await send(topic, 0, 5)
    let finish = () => {}
    const member = runMember(
      topic,
      { group },
      {
        handler: () =>
          new Promise<void>((resolve) => {
            finish = resolve
          }),
      },
    )
    await waitFor('the first record', () => member.seen.length === 1)
    const stopped = member.stop()
    setTimeout(finish, 100)
    await stopped
    expect(member.seen).toEqual([0])
    const rest = await take(topic, { group }, 4)
    expect(rest.map(numberOf)).toEqual([1, 2, 3, 4])
  })
})

describe('fetching', () => {
  test('a record limit is kept to inside one batch of the log', async () => {
    const topic = await createTopic(kafka)
    const group = await createGroup()
    await send(topic, 0, 10)
    const options = { group, maxRecords: 4, acquireMode: 'record-limit' } as const
    await using consumer = kafka.shareConsumer(options)
    const counts: number[] = []
    for await (const batch of consumer.subscribe(topic)) {
      counts.push(batch.count)
      if (counts.reduce((a, b) => a + b, 0) === 10) break
    }
    expect(counts).toEqual([4, 4, 2])
  })

  test('records of aborted transactions are not seen where the group says so', async () => {
    const topic = await createTopic(kafka)
    const group = await createGroup({ 'share.isolation.level': 'read_committed' })
    await using producer = kafka.producer({ transactionalId: uniqueName('tx') })
    await producer.transaction(async (tx) => void tx.send(topic, { value: '0' }))
    const failure = new Error('abort')
    await expect(
      producer.transaction(async (tx) => {
        await tx.send(topic, { value: '1' })
        throw failure
      }),
    ).rejects.toBe(failure)
    await producer.transaction(async (tx) => void tx.send(topic, { value: '2' }))
    const member = runMember(topic, { group })
    await allDone(group)
    await member.stop()
    expect(member.seen).toEqual([0, 2])
  })

  test('compressed batches come in part', async () => {
    const topic = await createTopic(kafka)
    const group = await createGroup()
    await using producer = kafka.producer({ compression: 'zstd' })
    await producer.send(
      topic,
      numbers(50).map((n) => ({ value: String(n) })),
    )
    const options = { group, maxRecords: 20, acquireMode: 'record-limit' } as const
    const taken = await take(topic, options, 50)
    expect(taken.map(numberOf)).toEqual(numbers(50))
  })
})

describe('membership', () => {
  test('a member that was thrown out joins again', async () => {
    const topic = await createTopic(kafka)
    const group = await createGroup()
    const member = runMember(topic, { group })
    await send(topic, 0, 1)
    await waitFor('the first record', () => member.seen.length === 1)
    const [before] = await kafka.admin.describeShareGroups([group])
    const memberId = before?.members[0]?.memberId ?? ''
    await kafka.request(
      apis.shareGroupHeartbeat,
      { groupId: group, memberId, memberEpoch: -1 },
      { broker: before?.coordinator ?? 'any' },
    )
    await waitFor('it to be back', async () => {
      const [after] = await kafka.admin.describeShareGroups([group])
      return (
        after?.members[0]?.memberId === memberId && after.groupEpoch > (before?.groupEpoch ?? 0)
      )
    })
    await send(topic, 1, 1)
    await waitFor('the second record', () => member.seen.length === 2)
    await member.stop()
    await waitFor('nobody', async () => {
      const [after] = await kafka.admin.describeShareGroups([group])
      return after?.state === 'Empty'
    })
  })

  test('new topics of a pattern are read', async () => {
    const prefix = uniqueName('pattern')
    const group = await createGroup()
    const quick = new Kafka({ brokers: broker.bootstrap, metadataMaxAgeMs: 200 })
    await using consumer = quick.shareConsumer({ group })
    const abort = new AbortController()
    const seen: string[] = []
    const done = consumer.run(new RegExp(`^${prefix}`), (record) => void seen.push(record.topic), {
      signal: abort.signal,
    })
    for (const name of ['a', 'b']) {
      const topic = `${prefix}-${name}`
      await kafka.admin.createTopics([{ topic, partitions: 1 }])
      await send(topic, 0, 1)
      await waitFor(topic, () => seen.includes(topic))
    }
    abort.abort()
    await done
    await quick.close()
  })

  test('what happens is published for metrics and traces', async () => {
    const topic = await createTopic(kafka)
    const group = await createGroup()
    await send(topic, 0, 3)
    const events: [name: string, message: unknown][] = []
    const channels = ['assigned', 'acquired', 'acknowledged'].map((name) => ({
      name: `ottla:share-consumer:${name}`,
      listener: (message: unknown) => {
        if ((message as { group: string }).group === group) events.push([name, message])
      },
    }))
    for (const { name, listener } of channels) subscribe(name, listener)
    await take(topic, { group }, 3)
    for (const { name, listener } of channels) unsubscribe(name, listener)
    const of = (what: string) => events.find(([name]) => name.endsWith(what))?.[1]
    expect(events.filter(([name]) => name.endsWith('assigned')).at(-1)?.[1]).toMatchObject({
      ...{ group, partitions: [{ topic, partition: 0 }] },
    })
    expect(of('acquired')).toMatchObject({ group, topic, partition: 0, count: 3 })
    expect(of('acknowledged')).toMatchObject({ group, topic, partition: 0, error: undefined })
  })
})
