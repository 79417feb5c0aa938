/**
 * Apache Kafka's tools for streams groups print the same of ottla and of Apache Kafka, and `ottla
 * group` what they print.
 */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { apis } from '@ottla/protocol'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ottla } from '../../integration/cli/run-ottla.ts'
import { runTool } from '../support/apache-tools.ts'
import { type BothBrokers, startBothBrokers } from '../support/side-by-side.ts'
import { owned, StreamsTranscript, subtopology, topic, topology } from './streams-transcript.ts'

const BEAT_MS = 2_000

let both: BothBrokers

beforeAll(async () => {
  both = await startBothBrokers()
})
afterAll(() => both?.stop())

const SHAPE = topology(
  subtopology('0', ['shown'], { repartitionSinkTopics: ['app-r-repartition'] }),
  subtopology('1', [], {
    repartitionSourceTopics: [topic('app-r-repartition')],
    stateChangelogTopics: [topic('app-c-changelog', 0, { 'cleanup.policy': 'compact' })],
  }),
)

/** Two members that have committed some, and beat as long as they are open. */
async function work(bootstrap: string): Promise<{ close(): Promise<void> }> {
  const t = new StreamsTranscript(bootstrap)
  await t.findCoordinators()
  await t.createTopic('shown', 2)
  await t.produce('shown', 0, 10)
  await t.produce('shown', 1, 4)
  const a = { groupId: 'app', memberId: 'a', processId: 'p' }
  const b = { groupId: 'app', memberId: 'b', processId: 'q' }
  await t.joins('a', a, SHAPE, { userEndpoint: { host: 'left', port: 1 }, rackId: 'east' })
  await t.waitForTopics('app-r-repartition', 'app-c-changelog')
  await t.joins('b', b, SHAPE)
  const all = { 0: [0, 1], 1: [0, 1] }
  const told = await t.says('a gets', a, owned({ active: all }))
  const kept = { activeTasks: told.activeTasks, standbyTasks: [], warmupTasks: [] }
  await t.says('a gave up', a, told.activeTasks ? kept : owned({}))
  await t.says('b gets', b)
  const commit = async (memberId: string, partitionIndex: number, committedOffset: number) => {
    const epoch = t.epochOf({ groupId: 'app', memberId })
    const partitions = [{ partitionIndex, committedOffset, committedMetadata: '' }]
    await t.ask('commit', apis.offsetCommit, 9, {
      groupId: 'app',
      memberId,
      generationIdOrMemberEpoch: epoch,
      groupInstanceId: null,
      retentionTimeMs: -1,
      topics: [{ name: 'shown', partitions }],
    })
  }
  await commit('a', 0, 3)
  await commit('b', 1, 4)
  const beats = setInterval(() => {
    for (const one of [a, b]) t.says('beats', one).catch(() => undefined)
  }, BEAT_MS)
  const close = async () => {
    clearInterval(beats)
    await t.leaves('a leaves', a)
    await t.leaves('b leaves', b)
    t.close()
  }
  return { close }
}

const rowsOf = (text: string, pattern: RegExp): string[][] =>
  [...text.matchAll(pattern)].map(([, ...cells]) => cells).sort()

interface Shown {
  readonly group: string
  readonly type: string
  readonly state: string
  readonly lag: number
  /** A count in the list. */
  readonly members: number | { memberId: string; processId: string; clientId: string }[]
  readonly partitions: {
    readonly topic: string
    readonly partition: number
    readonly lag: number | null
    readonly member: string | null
  }[]
}

/** Checks what `ottla group` shows of the group against Apache's tool. */
async function checkShown(bootstrap: string): Promise<void> {
  const json = async (...args: string[]) => {
    const { out, err } = await ottla(['group', ...args, '-b', bootstrap, '-o', 'json'])
    expect(err).toBe('')
    return JSON.parse(out) as Shown[]
  }
  const printed = async (what: string) => {
    const at = ['--bootstrap-server', bootstrap, '--describe', '--group', 'app', what]
    return (await runTool('StreamsGroupCommand', at)).stdout
  }
  const [[found], listed] = await Promise.all([json('describe', 'app'), json('list')])
  if (!found || typeof found.members === 'number') throw new Error('no members of app')
  const committed = found.partitions.filter(({ lag }) => lag !== null)
  expect(committed.map((p) => [p.topic, String(p.partition), String(p.lag)])).toEqual(
    rowsOf(await printed('--offsets'), /^app +(shown) +(\d+) .*?(\d+) *$/gm),
  )
  const members = found.members.map((one) => [one.memberId, one.processId, one.clientId])
  const shown = await printed('--members')
  expect(members.sort()).toEqual(rowsOf(shown, /^app +(\S+) +(\S+) +(\S+) /gm))
  expect(members).toHaveLength(2)
  expect(listed.find(({ group }) => group === 'app')).toMatchObject({
    ...{ type: 'streams', state: 'Stable', members: 2, lag: 7 },
  })
  // Both partitions of the topic and of the internal one are read by somebody.
  const read = found.partitions.map(({ topic: name, partition, member }) => {
    return `${name}-${partition} ${member === null ? 'nobody' : 'somebody'}`
  })
  expect(read).toEqual(
    ['app-r-repartition', 'shown'].flatMap((name) => [0, 1].map((p) => `${name}-${p} somebody`)),
  )
}

test('kafka-streams-groups and kafka-groups', async () => {
  const sides = await Promise.all([both.ottla, both.apache].map((side) => work(side.bootstrap)))
  const group = (...args: string[]) => both.same('StreamsGroupCommand', args)
  const app = ['--group', 'app']
  expect(await group('--list')).toContain('app')
  await group('--list', '--state')
  await group('--list', '--state', 'Stable')
  await both.same('GroupsCommand', ['--list', '--streams'])
  expect(await group('--describe', ...app)).toMatch(/app +shown +0 +0 +7|shown/)
  for (const { bootstrap } of [both.ottla, both.apache]) await checkShown(bootstrap)
  await group('--describe', ...app, '--verbose')
  expect(await group('--describe', ...app, '--state')).toContain('Stable')
  await group('--describe', ...app, '--state', '--verbose')
  expect(await group('--describe', ...app, '--members')).toContain('ACTIVE')
  await group('--describe', ...app, '--members', '--verbose')
  await group('--describe', '--all-groups')
  const move = ['--reset-offsets', ...app, '--input-topic', 'shown']
  await both.both('StreamsGroupCommand', [...move, '--to-earliest', '--execute'])
  await Promise.all(sides.map(({ close }) => close()))
  expect(await group('--describe', ...app, '--state')).toContain('Empty')
  await group(...move, '--to-latest', '--dry-run')
  await group(...move, '--to-offset', '2', '--execute')
  await group('--describe', ...app)
  await group('--reset-offsets', ...app, '--all-input-topics', '--shift-by', '1', '--dry-run')
  await group('--delete-offsets', ...app, '--input-topic', 'shown')
  await group('--describe', ...app)
  await group('--delete', ...app, '--delete-all-internal-topics')
  expect(await group('--list')).not.toContain('app')
  await both.same('TopicCommand', ['--list'], { mask: withoutInternal })
})

const withoutInternal = (text: string) => text.replace(/^__.*$/gm, '')

test('kafka-dump-log reads the records of streams groups', async () => {
  const { ottla } = both
  const t = new StreamsTranscript(ottla.bootstrap)
  await t.findCoordinators()
  await t.createTopic('dumped', 1)
  const a = { groupId: 'dump', memberId: 'a', processId: 'p' }
  const userEndpoint = { host: 'left', port: 1 }
  await t.joins('a', a, topology(subtopology('0', ['dumped'])), { userEndpoint })
  await t.leaves('a leaves', a)
  t.close()
  const log = join(ottla.dataDir, 'log')
  const files = readdirSync(log)
    .filter((name) => name.startsWith('__consumer_offsets'))
    .map((name) => join(log, name, '00000000000000000000.log'))
  const args = ['--files', files.join(','), '--offsets-decoder']
  const { stdout, stderr, code } = await runTool('DumpLogSegments', args)
  expect(code, stderr).toBe(0)
  const types = [17, 19, 20, 21, 22, 23]
  const missing = types.filter((type) => !new RegExp(`"type":"?${type}"?,`).test(stdout))
  expect(missing, stdout.slice(0, 4000)).toEqual([])
  expect(stdout).toContain('"host":"left"')
})
