/**
 * Apache Kafka's tools for share groups print the same of ottla and of Apache Kafka, and `ottla
 * group` what they print.
 */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ottla } from '../../integration/cli/run-ottla.ts'
import { runTool } from '../support/apache-tools.ts'
import { type BothBrokers, startBothBrokers } from '../support/side-by-side.ts'
import { ShareMembers } from './share-members.ts'
import { ShareTranscript } from './share-transcript.ts'

let both: BothBrokers

beforeAll(async () => {
  // The members do not beat while the tools run, and hold what they have acquired.
  both = await startBothBrokers({
    'group.share.max.session.timeout.ms': '600000',
    'group.share.session.timeout.ms': '600000',
    'group.share.max.record.lock.duration.ms': '600000',
    'group.share.record.lock.duration.ms': '600000',
  })
})
afterAll(() => both?.stop())

/** A group that has accepted three of ten records, and holds the others as long as it is open. */
async function readSome(bootstrap: string): Promise<{ close(): Promise<void> }> {
  const admin = new ShareTranscript(bootstrap)
  await admin.findCoordinators()
  await admin.createTopic('shown', 2)
  await admin.setGroup('readers', { 'share.auto.offset.reset': 'earliest' })
  await admin.produce('shown', 0, 10)
  await admin.join('readers', 'one', ['shown'], 2)
  const own = { group: 'readers', member: 'one' }
  await admin.fetch('all', { ...own, epoch: 0, partitions: ['shown-0', 'shown-1'] })
  await admin.acknowledge('some', { ...own, epoch: 1, acks: { 'shown-0': [[0, 2, 1]] } })
  const close = async () => {
    await admin.acknowledge('ends', { ...own, epoch: -1 })
    await admin.beat('leaves', 'readers', 'one', -1)
    admin.close()
  }
  return { close }
}

const rowsOf = (text: string, pattern: RegExp): string[][] =>
  [...text.matchAll(pattern)].map(([, ...cells]) => cells).sort()

/** The same as `ottla group` shows it, in the words of Apache's tool. */
async function shownByOttla(bootstrap: string, name: string) {
  const json = async (...args: string[]) => {
    const { out, err } = await ottla(['group', ...args, '-b', bootstrap, '-o', 'json'])
    expect(err).toBe('')
    return JSON.parse(out) as Shown[]
  }
  const [[found], listed] = await Promise.all([json('describe', name), json('list')])
  if (!found || typeof found.members === 'number') throw new Error(`no members of ${name}`)
  const text = (value: number | null) => String(value ?? '-')
  return {
    offsets: found.partitions
      .map((p) => [p.topic, text(p.partition), text(p.startOffset), text(p.lag)])
      .sort(),
    members: found.members.map((member) => [
      ...[member.memberId, member.host.replace(/^\//, ''), member.clientId],
    ]),
    listed: listed
      .filter((one) => one.group === name)
      .flatMap(({ group, state, members, lag }) => [group, state, String(members), String(lag)]),
  }
}

interface Shown {
  readonly group: string
  readonly state: string
  readonly lag: number
  /** A count in the list. */
  readonly members: number | { memberId: string; host: string; clientId: string }[]
  readonly partitions: {
    readonly topic: string
    readonly partition: number
    readonly startOffset: number | null
    readonly lag: number | null
  }[]
}

test('kafka-share-groups and kafka-groups', async () => {
  const sides = [both.ottla, both.apache].map(({ bootstrap }) => bootstrap)
  const readers = await Promise.all(sides.map(readSome))
  const group = (...args: string[]) => both.same('ShareGroupCommand', args)
  expect(await group('--list')).toContain('readers')
  await group('--list', '--state')
  await both.same('GroupsCommand', ['--list', '--share'])
  const offsets = await group('--describe', '--group', 'readers', '--offsets')
  expect(offsets).toMatch(/readers +shown +0 +0 +7/)
  for (const bootstrap of sides) {
    const shown = await shownByOttla(bootstrap, 'readers')
    const { stdout } = await runTool('ShareGroupCommand', [
      ...['--bootstrap-server', bootstrap, '--describe', '--group', 'readers', '--offsets'],
    ])
    expect(shown.offsets).toEqual(rowsOf(stdout, /^readers +(shown) +(\d+) +(\d+|-) +(\d+|-)/gm))
    const members = await runTool('ShareGroupCommand', [
      ...['--bootstrap-server', bootstrap, '--describe', '--group', 'readers', '--members'],
    ])
    const pattern = /^readers +(\S+) +\/?(\S+) +(\S+)/gm
    expect(shown.members).toEqual(rowsOf(members.stdout, pattern))
    expect(shown.members).toHaveLength(1)
    expect(shown.listed).toEqual(['readers', 'Stable', '1', '7'])
  }
  await group('--describe', '--group', 'readers', '--offsets', '--verbose')
  await group('--describe', '--group', 'readers', '--members')
  await group('--describe', '--group', 'readers', '--members', '--verbose')
  expect(await group('--describe', '--group', 'readers', '--state')).toContain('Stable')
  await group('--describe', '--all-groups')
  const move = ['--reset-offsets', '--group', 'readers', '--topic', 'shown']
  await both.both('ShareGroupCommand', [...move, '--to-earliest', '--execute'])
  await Promise.all(readers.map(({ close }) => close()))
  expect(await group('--describe', '--group', 'readers', '--state')).toContain('Empty')
  await group(...move, '--to-latest', '--dry-run')
  await group(...move, '--to-earliest', '--execute')
  await group('--describe', '--group', 'readers', '--offsets')
  await group(...move, '--to-latest', '--execute')
  await group('--describe', '--group', 'readers')
  await group('--delete-offsets', '--group', 'readers', '--topic', 'shown')
  await group('--describe', '--group', 'readers')
  await group('--delete', '--group', 'readers')
  expect(await group('--list')).not.toContain('readers')
})

test('kafka-console-share-consumer', async () => {
  const printed = await Promise.all(
    [both.ottla, both.apache].map(async ({ bootstrap }) => {
      const admin = new ShareTranscript(bootstrap)
      await admin.findCoordinators()
      await admin.createTopic('printed', 1)
      await admin.setGroup('printers', { 'share.auto.offset.reset': 'earliest' })
      await admin.produce('printed', 0, 5)
      admin.close()
      const { stdout, stderr } = await runTool(
        'org.apache.kafka.tools.consumer.ConsoleShareConsumer',
        [
          ...['--bootstrap-server', bootstrap, '--topic', 'printed', '--group', 'printers'],
          ...[
            '--max-messages',
            '5',
            '--timeout-ms',
            '30000',
            '--formatter-property',
            'print.delivery=true',
          ],
        ],
      )
      expect(stderr).toContain('Processed a total of 5 messages')
      return stdout
    }),
  )
  expect(printed[0]).toContain('value 4')
  expect(printed[0]).toEqual(printed[1])
})

test('kafka-dump-log reads the records of share groups', async () => {
  const { ottla } = both
  const members = await ShareMembers.start(ottla.bootstrap)
  const admin = new ShareTranscript(ottla.bootstrap)
  try {
    await admin.createTopic('dumped', 1)
    await admin.setGroup('g-dumped', { 'share.auto.offset.reset': 'earliest' })
    await admin.produce('dumped', 0, 4)
    const mode = 'share.acknowledgement.mode=explicit'
    await members.tell(`open d1 topics=dumped group.id=g-dumped ${mode}`)
    await members.tell('poll d1 4')
    await members.tell('ack d1 accept 0,3')
    await members.tell('ack d1 release 1')
    await members.tell('ack d1 reject 2')
    expect(await members.tell('commit d1')).toBe('committed 0:fine')
  } finally {
    admin.close()
    await members.stop()
  }
  const dump = async (topic: string, decoder: string) => {
    const log = join(ottla.dataDir, 'log')
    const files = readdirSync(log)
      .filter((name) => name.startsWith(topic))
      .map((name) => join(log, name, '00000000000000000000.log'))
    const args = ['--files', files.join(','), decoder]
    const { stdout, stderr, code } = await runTool('DumpLogSegments', args)
    expect(code, stderr).toBe(0)
    return stdout
  }
  const states = await dump('__share_group_state-', '--share-group-state-decoder')
  expect(states).toMatch(/"groupId":"g-dumped".*"partition":0/)
  expect(states).toMatch(/"firstOffset":2,"lastOffset":2,"deliveryState":4,"deliveryCount":1/)
  const groups = await dump('__consumer_offsets-', '--offsets-decoder')
  expect(groups).toMatch(/"subscribedTopicNames":\["dumped"\]/)
  expect(groups).toMatch(/"initializedTopics":\[\{"topicId":"[\w-]+","topicName":"dumped"/)
})
