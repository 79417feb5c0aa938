/** The Java client and librdkafka as members of consumer groups (group.protocol=consumer). */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startOttlaProcess } from '../../support/ottla-process.ts'
import { freePort } from '../support/apache-broker.ts'
import { runTool } from '../support/apache-tools.ts'
import { base64, Confluent, plain } from '../support/confluent.ts'
import {
  isApache,
  type JudgedBroker,
  startJudgedBroker,
  uniqueName,
} from '../support/judged-broker.ts'
import { GroupMembers } from './group-members.ts'

let broker: JudgedBroker
let members: GroupMembers

beforeAll(async () => {
  broker = await startJudgedBroker()
  members = await GroupMembers.start(broker.bootstrap)
})
afterAll(async () => {
  await members?.stop()
  await broker?.stop()
})

const tool = async (bootstrap: string, name: string, ...args: string[]) => {
  const { stdout, stderr, code } = await runTool(name, ['--bootstrap-server', bootstrap, ...args])
  expect(code, stderr).toBe(0)
  return stdout
}

async function newTopic(bootstrap: string, partitions: number): Promise<string> {
  const topic = uniqueName('topic')
  await tool(
    bootstrap,
    'TopicCommand',
    '--create',
    '--topic',
    topic,
    '--partitions',
    `${partitions}`,
  )
  return topic
}

async function feed(bootstrap: string, topic: string, label: string): Promise<string[]> {
  const values = Array.from({ length: 20 }, (_, i) => `${label}-${i}`)
  const records = values.map((value, i) => ({ value: base64(value), partition: i % 4 }))
  await new Confluent(bootstrap).produce(topic, records)
  return values
}

test('shares partitions among Java members that come and go', async () => {
  const { bootstrap } = broker
  const topic = await newTopic(bootstrap, 4)
  const group = uniqueName('group')
  members.join('one', group, `topics=${topic}`)
  await members.share({ one: 4 })
  members.join('two', group, `topics=${topic}`)
  await members.share({ one: 2, two: 2 })
  const values = await feed(bootstrap, topic, 'first')
  await members.read(values)
  const read = members.records.map(({ value }) => value)
  expect(read.sort()).toEqual([...values].sort())

  const state = await tool(
    bootstrap,
    'ConsumerGroupCommand',
    '--describe',
    '--group',
    group,
    '--state',
  )
  expect(state).toMatch(/uniform\s+Stable\s+2/)
  const described = await tool(bootstrap, 'ConsumerGroupCommand', '--describe', '--group', group)
  expect(described.match(/ 0 +\S+ +\/127\.0\.0\.1/g)).toHaveLength(4)
  const listed = await tool(bootstrap, 'GroupsCommand', '--list')
  expect(listed).toMatch(new RegExp(`${group}\\s+Consumer\\s+consumer`))

  await tool(bootstrap, 'TopicCommand', '--alter', '--topic', topic, '--partitions', '6')
  await members.share({ one: 3, two: 3 })
  await members.closed('one')
  await members.share({ two: 6 })
  await members.closed('two')
  expect(members.failures).toEqual([])
})

test('keeps the place of a static member that is away', async () => {
  const topic = await newTopic(broker.bootstrap, 4)
  const group = uniqueName('group')
  members.join('left', group, `topics=${topic} group.instance.id=left`)
  members.join('right', group, `topics=${topic} group.instance.id=right`)
  await members.share({ left: 2, right: 2 })
  const before = members.owned.get('left')
  await members.closed('left', 'stay')
  members.join('back', group, `topics=${topic} group.instance.id=left`)
  await members.share({ back: 2, right: 2 })
  expect(members.owned.get('back')).toEqual(before)
  await members.closed('back', 'leave')
  await members.share({ right: 4 })
  await members.closed('right', 'leave')
})

test('follows a pattern to topics that come later', async () => {
  const group = uniqueName('group')
  const first = await newTopic(broker.bootstrap, 1)
  const prefix = first.slice(0, first.lastIndexOf('-'))
  members.join('watcher', group, `pattern=${first}|${prefix}-late-.*`)
  await members.share({ watcher: 1 })
  await tool(broker.bootstrap, 'TopicCommand', '--create', '--topic', `${prefix}-late-1`)
  await expect.poll(() => members.owned.get('watcher')?.length, { timeout: 30_000 }).toBe(5)
  await members.closed('watcher')
})

test('serves librdkafka with the consumer protocol', async () => {
  const { bootstrap } = broker
  const topic = await newTopic(bootstrap, 4)
  const values = await feed(bootstrap, topic, 'python')
  const config = { 'group.protocol': 'consumer' }
  const group = uniqueName('group')
  const confluent = new Confluent(bootstrap)
  const first = await confluent.consume(topic, 20, { group, commit: true, config })
  expect(first.map(({ value }) => plain(value)).sort()).toEqual([...values].sort())
  const more = await feed(bootstrap, topic, 'again')
  const second = await confluent.consume(topic, 20, { group, commit: true, config })
  expect(second.map(({ value }) => plain(value)).sort()).toEqual([...more].sort())
})

// How a broker of ours comes back is ours to show: Apache Kafka has no part in it.
test.skipIf(isApache)('goes on after the broker was killed', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'ottla-groups-'))
  const port = await freePort()
  const first = await startOttlaProcess({ dataDir, port })
  const java = await GroupMembers.start(first.bootstrap)
  const topic = await newTopic(first.bootstrap, 4)
  java.join('one', 'survivor', `topics=${topic}`)
  java.join('two', 'survivor', `topics=${topic}`)
  await java.share({ one: 2, two: 2 })
  await java.read(await feed(first.bootstrap, topic, 'before'))
  const before = new Map(java.owned)
  await first.kill9()
  const second = await startOttlaProcess({ dataDir, port })
  const values = await feed(second.bootstrap, topic, 'after')
  await java.read([...values, ...values])
  expect(new Set(java.records.map(({ value }) => value)).size).toBe(40)
  expect(java.owned).toEqual(before)
  const state = await tool(
    second.bootstrap,
    'ConsumerGroupCommand',
    '--describe',
    '--group',
    'survivor',
    '--state',
  )
  expect(state).toMatch(/uniform\s+Stable\s+2/)
  await java.stop()
  await second.stop()
  rmSync(dataDir, { recursive: true, force: true })
})
