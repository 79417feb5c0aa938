/** Java's KafkaShareConsumer does the same on ottla and on Apache Kafka, and tells the same. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startOttlaProcess } from '../../support/ottla-process.ts'
import { startApacheBroker } from '../support/apache-broker.ts'
import { ShareMembers } from './share-members.ts'
import { ShareTranscript } from './share-transcript.ts'

const SETTINGS = {
  'group.share.min.record.lock.duration.ms': '1000',
  'group.share.min.heartbeat.interval.ms': '500',
  'group.share.heartbeat.interval.ms': '500',
  'group.share.assignment.interval.ms': '0',
  'offsets.topic.num.partitions': '5',
}

interface Side {
  readonly broker: { readonly bootstrap: string; stop(): Promise<void> }
  readonly members: ShareMembers
}

let sides: Side[] = []

beforeAll(async () => {
  const brokers = await Promise.all([
    startOttlaProcess({ settings: SETTINGS }),
    startApacheBroker({ heap: '512m', overrides: SETTINGS }),
  ])
  sides = []
  for (const broker of brokers) {
    sides.push({ broker, members: await ShareMembers.start(broker.bootstrap) })
  }
})
afterAll(async () => {
  await Promise.all(sides.map(({ members }) => members.stop()))
  await Promise.all(sides.map(({ broker }) => broker.stop()))
})

interface Scene {
  readonly topic: string
  readonly settings?: Readonly<Record<string, string>>
  readonly records?: number
  readonly commands: readonly string[]
}

/** Plays the same to both. `+N` makes N more records. */
async function same({ topic, settings = {}, records = 6, commands }: Scene): Promise<string[]> {
  const told = await Promise.all(
    sides.map(async ({ broker, members }) => {
      const admin = new ShareTranscript(broker.bootstrap)
      const lines: string[] = []
      try {
        await admin.findCoordinators()
        await admin.createTopic(topic, 1)
        await admin.setGroup(`g-${topic}`, { 'share.auto.offset.reset': 'earliest', ...settings })
        await admin.produce(topic, 0, records)
        for (const command of commands) {
          if (command.startsWith('+')) await admin.produce(topic, 0, Number(command.slice(1)))
          else lines.push(`${command} -> ${await members.tell(command)}`)
        }
      } finally {
        admin.close()
      }
      return lines
    }),
  )
  expect(told[0]).toEqual(told[1])
  return told[0] as string[]
}

const open = (topic: string, name: string, ...settings: string[]) =>
  [`open ${name} topics=${topic} group.id=g-${topic}`, ...settings].join(' ')
const EXPLICIT = 'share.acknowledgement.mode=explicit'

test('acknowledges implicitly what was polled before', async () => {
  const lines = await same({
    topic: 'implicit',
    commands: [
      open('implicit', 'i1'),
      'poll i1 6',
      '+3',
      'poll i1 3',
      'commit i1',
      'poll i1 0',
      'close i1',
    ],
  })
  expect(lines).toContain('commit i1 -> committed 0:fine')
})

test('accepts, releases and rejects', async () => {
  const lines = await same({
    topic: 'explicit',
    commands: [
      open('explicit', 'e1', EXPLICIT),
      'poll e1 6',
      'ack e1 accept 0,1',
      'ack e1 release 2,3',
      'ack e1 reject 4,5',
      'commit e1',
      'poll e1 2',
      'ack e1 accept',
      'commit e1',
      'poll e1 0',
      'close e1',
    ],
  })
  expect(lines[6]).toMatch(/got 0:2x2=\S+ \S+ 0:3x2=/)
})

test('gives up a record after its last delivery', async () => {
  await same({
    topic: 'limit',
    settings: { 'share.delivery.count.limit': '2' },
    records: 2,
    commands: [
      open('limit', 'l1', EXPLICIT),
      'poll l1 2',
      'ack l1 release',
      'commit l1',
      'poll l1 2',
      'ack l1 release',
      'commit l1',
      'poll l1 0',
      'close l1',
    ],
  })
})

test('gives records to another when their lock has expired', async () => {
  const lines = await same({
    topic: 'expiry',
    settings: { 'share.record.lock.duration.ms': '2000' },
    commands: [
      open('expiry', 'x1', EXPLICIT),
      'poll x1 6',
      open('expiry', 'x2', EXPLICIT),
      'poll x2 6',
      'ack x1 accept',
      'commit x1',
      'ack x2 accept',
      'commit x2',
      'poll x2 0',
      'close x1',
      'close x2',
    ],
  })
  expect(lines[3]).toMatch(/0:5x2/)
  expect(lines[5]).toContain('InvalidRecordState')
})

test('keeps records whose lock is renewed', async () => {
  const lines = await same({
    topic: 'renewal',
    settings: { 'share.record.lock.duration.ms': '3500' },
    records: 1,
    commands: [
      open('renewal', 'n1', EXPLICIT),
      open('renewal', 'n2', EXPLICIT),
      'poll n1 1',
      'poll n2 0',
      'ack n1 renew',
      'commit n1',
      // The consumer gives a renewed record again before it takes another acknowledgement for it.
      'poll n1 1',
      'poll n2 0',
      'ack n1 accept',
      'commit n1',
      'poll n2 0',
      'close n1',
      'close n2',
    ],
  })
  expect(lines.slice(6, 10)).toEqual([
    'poll n1 1 -> got 0:0x1=value 0',
    'poll n2 0 -> got',
    'ack n1 accept -> accept 1',
    'commit n1 -> committed 0:fine',
  ])
})

test('releases what a member has that closes', async () => {
  const lines = await same({
    topic: 'closing',
    commands: [
      open('closing', 'c1', EXPLICIT),
      'poll c1 6',
      'ack c1 accept 0,2',
      'close c1',
      open('closing', 'c2', EXPLICIT, 'share.acquire.mode=record_limit', 'max.poll.records=3'),
      'poll c2 3',
      'ack c2 accept',
      'commit c2',
      'poll c2 1',
      'ack c2 accept',
      'commit c2',
      'poll c2 0',
      'close c2',
    ],
  })
  expect(lines[5]).toMatch(/0:1x2/)
})
