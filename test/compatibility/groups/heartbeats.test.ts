/** The same heartbeats to ottla and to Apache Kafka: every answer must be the same. */
import { apis, errorName } from '@ottla/protocol'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startOttlaProcess } from '../../support/ottla-process.ts'
import { startApacheBroker } from '../support/apache-broker.ts'
import { waitUntil } from '../support/judged-broker.ts'
import { Transcript } from './transcript.ts'

/** Apache Kafka assigns later and on another thread by default; here at once, as ottla does. */
const APACHE_ONLY = {
  'group.consumer.assignment.interval.ms': '0',
  'group.consumer.assignor.offload.enable': 'false',
  'offsets.topic.num.partitions': '5',
}
const SETTINGS = {
  'group.consumer.max.size': '3',
  'group.consumer.migration.policy': 'disabled',
  'group.initial.rebalance.delay.ms': '0',
}

interface Broker {
  readonly bootstrap: string
  stop(): Promise<void>
}

let brokers: Broker[] = []

beforeAll(async () => {
  brokers = await Promise.all([
    startOttlaProcess({ settings: SETTINGS }),
    startApacheBroker({ heap: '512m', overrides: { ...SETTINGS, ...APACHE_ONLY } }),
  ])
  for (const { bootstrap } of brokers) await findCoordinator(new Transcript(bootstrap))
})
afterAll(() => Promise.all(brokers.map((broker) => broker.stop())))

/** The coordinator's topic is made by the first question for it. */
async function findCoordinator(transcript: Transcript): Promise<void> {
  await waitUntil('the coordinator is there', async () => {
    const body = { keyType: 0, coordinatorKeys: ['any'] }
    type Found = { coordinators: { errorCode: number }[] }
    const found = await transcript.send<Found>(apis.findCoordinator as never, 4, body)
    return found.coordinators[0]?.errorCode === 0
  })
  await waitUntil('it is loaded', async () => {
    const first = await transcript.join('warm up', {
      groupId: 'any',
      memberId: 'm',
      subscribedTopicNames: [],
    })
    return errorName(first.errorCode) === 'NONE'
  })
  transcript.lines.length = 0
}

/** Plays the same to both; their transcripts must be equal. */
async function same(play: (transcript: Transcript) => Promise<void>): Promise<string[]> {
  const transcripts = brokers.map(({ bootstrap }) => new Transcript(bootstrap))
  await Promise.all(transcripts.map(play))
  const [ours, theirs] = transcripts.map(({ lines }) => lines)
  expect(ours).toEqual(theirs)
  return ours as string[]
}

const names = (...topics: string[]) => ({ subscribedTopicNames: topics })

test('refuses heartbeats that are not complete', async () => {
  await same(async (t) => {
    await t.join('no group', { groupId: '', memberId: 'm', ...names('t') })
    await t.join('no member', { groupId: 'x', memberId: '', ...names('t') })
    await t.join('no instance', { groupId: 'x', memberId: 'm', instanceId: '', ...names('t') })
    await t.join('no rack', { groupId: 'x', memberId: 'm', rackId: '', ...names('t') })
    await t.join('no timeout', {
      groupId: 'x',
      memberId: 'm',
      rebalanceTimeoutMs: -1,
      ...names('t'),
    })
    await t.join('no topics', { groupId: 'x', memberId: 'm' })
    await t.join('assignor', { groupId: 'x', memberId: 'm', serverAssignor: 'best', ...names('t') })
    await t.beat('no partitions', {
      groupId: 'x',
      memberId: 'm',
      rebalanceTimeoutMs: 1,
      ...names('t'),
    })
    await t.beat('epoch -3', { groupId: 'x', memberId: 'm', memberEpoch: -3 })
    await t.beat('pause without instance', { groupId: 'x', memberId: 'm', memberEpoch: -2 })
    await t.beat('no such group', { groupId: 'x', memberId: 'm', memberEpoch: 1 })
    await t.beat('leaves no such group', { groupId: 'x', memberId: 'm', memberEpoch: -1 })
    await t.beat('v0 without member id', { groupId: 'v0', memberEpoch: 1 }, 0)
    await t.join('no topics at all', { groupId: 'none', memberId: 'm', ...names() })
    await t.beat('stays', { groupId: 'none', memberId: 'm', memberEpoch: 1 })
  })
})

test('assigns, reconciles and lets go as members come and leave', async () => {
  const lines = await same(async (t) => {
    await t.createTopic('shared', 4)
    const g = { groupId: 'life' }
    await t.join('one joins', { ...g, memberId: 'one', ...names('shared') })
    await t.beat('one owns all', {
      ...g,
      memberId: 'one',
      memberEpoch: 2,
      held: { shared: [0, 1, 2, 3] },
    })
    await t.join('two joins', { ...g, memberId: 'two', ...names('shared') })
    await t.beat('one hears', { ...g, memberId: 'one', memberEpoch: 2 })
    await t.beat('two waits', { ...g, memberId: 'two', memberEpoch: 3, held: {} })
    await t.beat('one still owns', {
      ...g,
      memberId: 'one',
      memberEpoch: 2,
      held: { shared: [0, 1, 2, 3] },
    })
    await t.beat('one revoked', { ...g, memberId: 'one', memberEpoch: 2, held: { shared: [0, 1] } })
    await t.beat('one again, answer lost', {
      ...g,
      memberId: 'one',
      memberEpoch: 2,
      held: { shared: [0, 1] },
    })
    await t.beat('one claims too much', {
      ...g,
      memberId: 'one',
      memberEpoch: 2,
      held: { shared: [0, 1, 2] },
    })
    await t.beat('one from the future', { ...g, memberId: 'one', memberEpoch: 9 })
    await t.beat('two gets', { ...g, memberId: 'two', memberEpoch: 3 })
    await t.beat('two owns', { ...g, memberId: 'two', memberEpoch: 3, held: { shared: [2, 3] } })
    await t.join('three joins', { ...g, memberId: 'three', ...names('shared') })
    await t.join('four is too many', { ...g, memberId: 'four', ...names('shared') })
    await t.beat('two leaves', { ...g, memberId: 'two', memberEpoch: -1 })
    await t.beat('two is gone', { ...g, memberId: 'two', memberEpoch: 3 })
    await t.beat('one goes on', { ...g, memberId: 'one', memberEpoch: 3 })
    await t.join('one starts again', { ...g, memberId: 'one', ...names('shared') })
    await t.beat('three leaves', { ...g, memberId: 'three', memberEpoch: -1 })
    await t.beat('one has other topics', {
      ...g,
      memberId: 'one',
      memberEpoch: 5,
      ...names('other'),
    })
    await t.beat('one leaves', { ...g, memberId: 'one', memberEpoch: -1 })
  })
  expect(lines[0]).toContain('shared[0,1,2,3]')
})

test('keeps the place of static members', async () => {
  await same(async (t) => {
    await t.createTopic('kept', 4)
    const g = { groupId: 'static' }
    const a = { ...g, instanceId: 'a' }
    await t.join('a joins', { ...a, memberId: 'a1', ...names('kept') })
    await t.join('b joins', { ...g, instanceId: 'b', memberId: 'b1', ...names('kept') })
    await t.beat('a revoked', { ...a, memberId: 'a1', memberEpoch: 2, held: { kept: [0, 1] } })
    await t.beat('b gets', { ...g, memberId: 'b1', instanceId: 'b', memberEpoch: 3 })
    await t.join('a is in use', { ...a, memberId: 'a2', ...names('kept') })
    await t.beat('a is another', { ...a, memberId: 'a2', memberEpoch: 3 })
    await t.beat('c is unknown', { ...g, instanceId: 'c', memberId: 'c1', memberEpoch: 3 })
    await t.beat('a pauses', { ...a, memberId: 'a1', memberEpoch: -2 })
    await t.beat('a beats though paused', { ...a, memberId: 'a1', memberEpoch: 3 })
    await t.beat('b goes on', { ...g, memberId: 'b1', instanceId: 'b', memberEpoch: 3 })
    await t.join('a returns', { ...a, memberId: 'a2', ...names('kept') })
    await t.beat('old a is fenced', { ...a, memberId: 'a1', memberEpoch: 3 })
    await t.beat('a goes on', { ...a, memberId: 'a2', memberEpoch: 3, held: { kept: [0, 1] } })
    await t.beat('old a leaves', { ...a, memberId: 'a1', memberEpoch: -1 })
    await t.beat('a leaves', { ...a, memberId: 'a2', memberEpoch: -1 })
    await t.beat('b goes on', { ...g, memberId: 'b1', instanceId: 'b', memberEpoch: 3 })
  })
})

const PATTERNS = [
  '.*',
  'a.*|b+?',
  '[a-z',
  'a(b',
  'a)b',
  '*a',
  'a**',
  'a{2,1}',
  'a{1001}',
  '(?=a)',
  '(?!a)',
  '(?<=a)b',
  '(a)\\1',
  '(?i)abc',
  '(?P<n>a)',
  '(?<n>a)',
  '\\Qa.b\\E',
  '[[:alpha:]]+',
  '[[:none:]]',
  '\\pL+',
  '\\p{Greek}',
  '\\p{Nope}',
  '[b-a]',
  '\\d+\\w\\S',
  '\\y',
  'a{,2}',
  'a{2}',
  'x{2}{3}',
  '(?i:a)b',
  '(?z)a',
  '^a$',
  '\\Aa\\z',
  '\\bword\\B',
  '\\x41',
  '\\x{1F600}',
  '[^]]',
  '[]a]',
  'a|',
  '||',
  '()',
  '(?:)',
  'a{',
  '\\',
  '[\\d-z]',
  'a+*',
  '\\_',
  '\\.',
  '\\C',
  '\\01',
  '\\8',
  'é',
  '[[:^digit:]]',
  '(?s).',
  '(?-i)a',
  '(?)',
  'a??',
  'a{0}',
  'a{999}{2}',
]

test('accepts and refuses the same regular expressions', async () => {
  await same(async (t) => {
    for (const [i, subscribedTopicRegex] of PATTERNS.entries()) {
      const answer = await t.send<{ errorCode: number }>(apis.consumerGroupHeartbeat as never, 1, {
        groupId: `pattern-${i}`,
        memberId: 'm',
        memberEpoch: 0,
        rebalanceTimeoutMs: 1000,
        subscribedTopicRegex,
        topicPartitions: [],
      })
      t.note(`${subscribedTopicRegex} ${errorName(answer.errorCode)}`)
    }
  })
})

test('answers offset requests of members by their epochs', async () => {
  await same(async (t) => {
    await t.createTopic('committed', 4)
    const g = { groupId: 'commits' }
    await t.join('one joins', { ...g, memberId: 'one', ...names('committed') })
    await t.commit('too old', g, { memberId: 'one', epoch: 2 }, 8)
    await t.commit('current', g, { memberId: 'one', epoch: 2 }, 9)
    await t.commit('with topic id', g, { memberId: 'one', epoch: 2 }, 10)
    await t.commit('stale', g, { memberId: 'one', epoch: 1 }, 9)
    await t.commit('ahead', g, { memberId: 'one', epoch: 3 }, 9)
    await t.commit('unknown', g, { memberId: 'two', epoch: 2 }, 9)
    await t.commit('unnamed', g, { memberId: '', epoch: -1 }, 9)
    await t.commit('no group', { groupId: 'nowhere' }, { memberId: 'one', epoch: 2 }, 9)
    await t.fetch('current', g, { memberId: 'one', epoch: 2 })
    await t.fetch('stale', g, { memberId: 'one', epoch: 1 })
    await t.fetch('unknown', g, { memberId: 'two', epoch: 1 })
    await t.fetch('a tool', g, { memberId: null, epoch: -1 })
    await t.fetch('no group', { groupId: 'nowhere' }, { memberId: 'one', epoch: 2 })
    await t.join('two joins', { ...g, memberId: 'two', ...names('committed') })
    await t.beat('one hears', { ...g, memberId: 'one', memberEpoch: 2 })
    await t.commit('while revoking', g, { memberId: 'one', epoch: 2, partition: 3 }, 9)
    await t.beat('one revoked', {
      ...g,
      memberId: 'one',
      memberEpoch: 2,
      held: { committed: [0, 1] },
    })
    await t.commit('kept, epoch behind', g, { memberId: 'one', epoch: 2, partition: 0 }, 9)
    await t.commit('lost, epoch behind', g, { memberId: 'one', epoch: 2, partition: 3 }, 9)
    await t.delete('while in use', g)
    await t.beat('one leaves', { ...g, memberId: 'one', memberEpoch: -1 })
    await t.beat('two leaves', { ...g, memberId: 'two', memberEpoch: -1 })
    await t.commit('a tool, when empty', g, { memberId: '', epoch: -1 }, 9)
    await t.delete('when empty', g)
    await t.delete('again', g)
  })
})

test('keeps classic and consumer groups apart', async () => {
  await same(async (t) => {
    await t.createTopic('apart', 2)
    const g = { groupId: 'kinds' }
    await t.join('one joins', { ...g, memberId: 'one', ...names('apart') })
    await t.classicJoin('of type connect', g, 'connect')
    await t.classic('classic requests', g, 'one')
    await t.beat('one leaves', { ...g, memberId: 'one', memberEpoch: -1 })
    const memberId = await t.classicJoin('of an empty group', g, 'consumer')
    await t.classicJoin('with its id', g, 'consumer', memberId)
    await t.join('one is of the wrong kind', { ...g, memberId: 'one', ...names('apart') })
    await t.beat('one beats', { ...g, memberId: 'one', memberEpoch: 2 })
    await t.leaveByAdmin('classic member', g, { memberId, groupInstanceId: null })
    await t.join('one joins again', { ...g, memberId: 'one', instanceId: 'i', ...names('apart') })
    await t.leaveByAdmin('wrong id', g, { memberId: 'two', groupInstanceId: 'i' })
    await t.leaveByAdmin('unknown', g, { memberId: 'two', groupInstanceId: null })
    await t.leaveByAdmin('by instance', g, { memberId: '', groupInstanceId: 'i' })
    await t.beat('one was removed', { ...g, memberId: 'one', memberEpoch: 2 })
  })
})

test('assigns what a pattern stands for, and what comes later', async () => {
  await same(async (t) => {
    await t.createTopic('orders.eu', 2)
    await t.createTopic('ordersXus', 2)
    const g = { groupId: 'patterns' }
    await t.join('joins', { ...g, memberId: 'p', subscribedTopicRegex: 'orders\\..*' })
    // Apache Kafka matches patterns on another thread and tells with a later answer.
    t.lines.length = 0
    await t.settle('by pattern', { ...g, memberId: 'p' }, { 'orders.eu': 2 })
    await t.settle(
      'everything',
      { ...g, memberId: 'p', subscribedTopicRegex: 'orders.*' },
      {
        'orders.eu': 2,
        ordersXus: 2,
      },
    )
    await t.settle(
      'by name too',
      { ...g, memberId: 'p', subscribedTopicRegex: '', ...names('grows') },
      {},
    )
    await t.createTopic('grows', 1)
    await t.settle('a topic came', { ...g, memberId: 'p' }, { grows: 1 })
    await t.grow('grows', 3)
    await t.settle('it grew', { ...g, memberId: 'p' }, { grows: 3 })
  })
})

test('describes groups', async () => {
  await same(async (t) => {
    await t.createTopic('told', 3)
    const g = { groupId: 'described' }
    await t.describe('no group', 'nothing of this name')
    await t.join('one joins', {
      ...g,
      memberId: 'one',
      rackId: 'r',
      instanceId: 'i',
      ...names('told'),
    })
    await t.describe('with one', 'described')
    await t.join('two joins', { ...g, memberId: 'two', serverAssignor: 'range', ...names('told') })
    await t.describe('with two', 'described')
    await t.beat('one leaves', { ...g, memberId: 'one', instanceId: 'i', memberEpoch: -1 })
    await t.describe('assigning', 'described')
    await t.beat('two leaves', { ...g, memberId: 'two', memberEpoch: -1 })
    await t.describe('empty', 'described')
  })
})
