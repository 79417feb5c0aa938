/**
 * A group changes from kafkajs, which speaks the classic protocol, to Java members of the consumer
 * protocol and back, one member at a time, while records come in. Every record is processed, and
 * committed, by exactly one member; nobody is given what another still holds.
 */
import { Kafka } from '@ottla/client'
import { expect, test } from 'vitest'
import { runTool } from '../support/apache-tools.ts'
import { startJudgedBroker, uniqueName, waitUntil } from '../support/judged-broker.ts'
import { type KafkajsConsumer, kafkajs } from '../support/kafkajs.ts'
import { GroupMembers } from './group-members.ts'

const PARTITIONS = 6
const RECORDS_PER_STEP = 60
const STEP_MS = 60_000
const SETTINGS = {
  'group.consumer.min.heartbeat.interval.ms': '300',
  'group.consumer.heartbeat.interval.ms': '500',
  'group.consumer.assignment.interval.ms': '0',
}

/** Classic members, each of which commits a record before it counts as processed. */
class ClassicMembers {
  readonly processed: string[] = []
  private readonly consumers = new Map<string, KafkajsConsumer>()
  private readonly bootstrap: string
  private readonly topic: string
  private readonly group: string

  constructor(bootstrap: string, topic: string, group: string) {
    this.bootstrap = bootstrap
    this.topic = topic
    this.group = group
  }

  async join(name: string): Promise<void> {
    const kafka = await kafkajs(this.bootstrap, name)
    const consumer = kafka.consumer({
      groupId: this.group,
      sessionTimeout: 10_000,
      heartbeatInterval: 300,
    })
    await consumer.connect()
    await consumer.subscribe({ topics: [this.topic], fromBeginning: true })
    await consumer.run({
      autoCommit: false,
      eachMessage: async ({ topic, partition, message }) => {
        const offset = String(Number(message.offset) + 1)
        await consumer.commitOffsets([{ topic, partition, offset }])
        this.processed.push(String(message.value))
      },
    })
    this.consumers.set(name, consumer)
  }

  async leave(name: string): Promise<void> {
    await this.consumers.get(name)?.disconnect()
    this.consumers.delete(name)
  }

  async stop(): Promise<void> {
    for (const name of [...this.consumers.keys()]) await this.leave(name)
  }
}

test('a rolling change loses nothing and gives nothing twice', { timeout: 420_000 }, async () => {
  const broker = await startJudgedBroker(SETTINGS)
  const { bootstrap } = broker
  const topic = uniqueName('rolling')
  const group = uniqueName('change')
  const classic = new ClassicMembers(bootstrap, topic, group)
  const modern = await GroupMembers.start(bootstrap)
  let written = 0
  try {
    await using kafka = new Kafka({ brokers: bootstrap })
    await kafka.admin.createTopics([{ topic, partitions: PARTITIONS }])
    await using producer = kafka.producer()
    const seen = () => [...classic.processed, ...modern.records.map(({ value }) => value)]
    /** More records come, and all have been processed once before the next step. */
    const goesOn = async (what: string) => {
      const records = Array.from({ length: RECORDS_PER_STEP }, () => ({
        partition: written % PARTITIONS,
        value: String(written++),
      }))
      await producer.send(topic, records)
      const isDone = () => new Set(seen()).size >= written
      await waitUntil(`all is processed: ${what}`, isDone, STEP_MS).catch((cause) => {
        const told = `${seen().length} of ${written}, ${modern.failures.join()}`
        throw new Error(`${what}: processed ${told}`, { cause })
      })
    }
    const kind = async () => {
      const args = ['--bootstrap-server', bootstrap, '--list']
      const { stdout } = await runTool('GroupsCommand', args)
      return new RegExp(`${group}\\s+(\\w+)`).exec(stdout)?.[1]
    }
    await classic.join('k1')
    await classic.join('k2')
    await goesOn('two classic members')
    expect(await kind()).toBe('Classic')
    const steps: (readonly [string, () => Promise<void> | void])[] = [
      ['a first modern member', () => modern.join('j1', group, `topics=${topic}`)],
      ['the first classic one leaves', () => classic.leave('k1')],
      ['a second modern member', () => modern.join('j2', group, `topics=${topic}`)],
      ['the last classic one leaves', () => classic.leave('k2')],
      ['a classic member comes', () => classic.join('k3')],
      ['a modern one leaves', () => modern.closed('j1')],
      ['another classic member comes', () => classic.join('k4')],
      ['the last modern one leaves', () => modern.closed('j2')],
    ]
    for (const [i, [what, step]] of steps.entries()) {
      await step()
      await goesOn(what)
      if (i === 3) expect(await kind()).toBe('Consumer')
    }
    expect(await kind()).toBe('Classic')
    const values = seen().map(Number)
    expect(values.sort((a, b) => a - b)).toEqual(Array.from({ length: written }, (_, i) => i))
    expect(modern.failures).toEqual([])
  } finally {
    await classic.stop()
    await modern.stop()
    await broker.stop()
  }
})
