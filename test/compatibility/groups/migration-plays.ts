/** Groups that change between the classic and the consumer protocol while they work. */
import { apis } from '@ottla/protocol'
import type { Classic, MixedTranscript } from './classic-speaker.ts'

export type Play = (t: MixedTranscript) => Promise<void>

const classic = (group: string, name: string, instance?: string): Classic =>
  instance === undefined ? { group, name } : { group, name, instance }

export const upgrade: Play = async (t) => {
  await t.createTopic('up', 4)
  const a = classic('up', 'a')
  await t.joins('a joins', a, ['up'])
  await t.syncs('a assigns', a, [{ member: a, owned: { up: [0, 1, 2, 3] } }])
  await t.shows('classic', 'up')
  await t.modern('m joins', 'up', 'm', { topics: ['up'] })
  await t.shows('mixed', 'up')
  await t.modern('m waits', 'up', 'm', { owned: {} })
  await t.beats('a hears of it', a)
  await t.joins('a joins with all', a, ['up'], { up: [0, 1, 2, 3] })
  await t.syncs('a keeps some', a)
  await t.beats('a must give up more', a)
  await t.commits('a commits what it keeps', a, 'up', 0)
  await t.commits('a commits what it lost', a, 'up', 3)
  await t.joins('a joins with the rest', a, ['up'], { up: [0, 1] })
  await t.syncs('a is done', a)
  await t.beats('a is quiet', a)
  await t.commits('a commits', a, 'up', 0)
  await t.modern('m gets', 'up', 'm', { owned: {} })
  await t.modern('m owns', 'up', 'm', { owned: { up: [2, 3] } })
  await t.shows('shared', 'up')
  t.inGeneration(a, 1)
  await t.beats('a in an old generation', a)
  await t.syncs('a syncs in it', a)
  await t.beats('a stranger', classic('up', 'z'))
}

export const downgrade: Play = async (t) => {
  await t.createTopic('down', 2)
  const a = classic('down', 'a')
  await t.modern('m joins', 'down', 'm', { topics: ['down'] })
  await t.joins('a joins', a, ['down'])
  await t.syncs('a gets nothing', a)
  await t.modern('m hears', 'down', 'm', { owned: { down: [0, 1] } })
  await t.modern('m gave up', 'down', 'm', { owned: { down: [0] } })
  await t.beats('a may join', a)
  await t.joins('a joins again', a, ['down'])
  await t.syncs('a gets some', a)
  await t.shows('mixed', 'down')
  await t.modern('m leaves', 'down', 'm', { epoch: -1 })
  await t.shows('classic', 'down')
  await t.beats('a hears of a rebalance', a)
  await t.joins('a joins the classic group', a, ['down'], { down: [1] })
  await t.syncs('a assigns', a, [{ member: a, owned: { down: [0, 1] } }])
  await t.beats('a is quiet', a)
  await t.shows('classic again', 'down')
  await t.modern('m comes back', 'down', 'm', { topics: ['down'] })
  await t.shows('mixed again', 'down')
  await t.leaves('a leaves', a)
  await t.shows('modern', 'down')
}

export const refusals: Play = async (t) => {
  await t.createTopic('ref', 2)
  await t.modern('m joins', 'ref', 'm', { topics: ['ref'] })
  const join = {
    groupId: 'ref',
    sessionTimeoutMs: 30_000,
    rebalanceTimeoutMs: 30_000,
    memberId: 'a',
    groupInstanceId: null,
    protocolType: 'consumer',
    protocols: [
      { name: 'range', metadata: Buffer.from('00000000000100037265660000000000', 'hex') },
    ],
    reason: null,
  }
  const joins = (what: string, more: object) =>
    t.ask(what, apis.joinGroup, 9, { ...join, ...more } as never)
  await joins('other type', { protocolType: 'connect' })
  await joins('no protocols', { protocols: [] })
  await joins('bad subscription', { protocols: [{ name: 'range', metadata: Buffer.alloc(1) }] })
  await joins('unknown instance', { groupInstanceId: 'i' })
  await joins('an id of its own', {})
  await joins('no common protocol', {
    memberId: 'b',
    protocols: [{ name: 'other', metadata: join.protocols[0]?.metadata }],
  })
  await t.ask('m as a classic member', apis.heartbeat, 4, {
    groupId: 'ref',
    generationId: 2,
    memberId: 'm',
    groupInstanceId: null,
  })
  const sync = {
    groupId: 'ref',
    generationId: 3,
    memberId: 'a',
    groupInstanceId: null,
    protocolType: 'consumer',
    protocolName: 'other',
    assignments: [],
  }
  await t.ask('another protocol', apis.syncGroup, 5, sync)
  await joins('classic, unknown', { groupId: 'ref-none', memberId: 'x' })
  await joins('classic, no common protocol', { groupId: 'ref-none', memberId: '', protocols: [] })
  await joins('classic, session', { groupId: 'ref-none', memberId: '', sessionTimeoutMs: 1 })
  const worker = { ...join, groupId: 'ref-connect', memberId: '', protocolType: 'connect' }
  const first = await t.send<{ memberId: string }>('w', apis.joinGroup, 9, worker)
  const { memberId } = first
  await t.send('w', apis.joinGroup, 9, { ...worker, memberId })
  await t.modern('into a connect group', 'ref-connect', 'm', { topics: ['ref'] })
}

export const statics: Play = async (t) => {
  await t.createTopic('st', 2)
  const a = classic('st', 'a', 'i')
  await t.joins('a joins', a, ['st'])
  await t.syncs('a assigns', a, [{ member: a, owned: { st: [0, 1] } }])
  await t.modern('m takes its place', 'st', 'm', { topics: ['st'], instanceId: 'i' })
  await t.shows('modern', 'st')
  await t.beats('a is fenced', a)
  await t.modern('m owns', 'st', 'm', { owned: { st: [0, 1] }, instanceId: 'i' })
  const b = classic('st', 'b', 'i')
  await t.joins('b takes it back', b, ['st'], {})
  await t.shows('classic', 'st')
  await t.modern('m is fenced', 'st', 'm', { instanceId: 'i' })
  await t.syncs('b syncs', b)
  await t.beats('b beats', b)
  await t.modern('n joins', 'st', 'n', { topics: ['st'] })
  await t.shows('mixed', 'st')
  await t.leaves('b leaves', b)
  await t.shows('n is left', 'st')
}

export const interval: Play = async (t) => {
  await t.createTopic('int', 2)
  await t.createTopic('int2', 1)
  await t.setGroup('int', { 'consumer.assignment.interval.ms': '2000' })
  await t.modern('m joins', 'int', 'm', { topics: ['int'] })
  await t.modern('n joins too soon', 'int', 'n', { topics: ['int'] })
  await t.modern('m reads another', 'int', 'm', {
    topics: ['int2'],
    epoch: 2,
    owned: { int: [0, 1] },
  })
  await t.shows('assigning', 'int')
  await t.pause(2300)
  await t.modern('m gave up', 'int', 'm', { owned: {} })
  await t.modern('n gets', 'int', 'n', { owned: {} })
  await t.shows('assigned', 'int')
}
