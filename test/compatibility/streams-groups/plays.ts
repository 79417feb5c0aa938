/** What members of streams groups do, to be played to two brokers whose answers are compared. */
import { apis } from '@ottla/protocol'
import {
  type Member,
  owned,
  type StreamsTranscript,
  subtopology,
  topic,
  topology,
} from './streams-transcript.ts'

export type Play = (t: StreamsTranscript) => Promise<void>

const member = (groupId: string, memberId: string, processId = 'p'): Member => ({
  groupId,
  memberId,
  processId,
})

const reads = (...topics: string[]) => topology(subtopology('0', topics))

export const refusals: Play = async (t) => {
  const m = member('r', 'm')
  await t.createTopic('ref', 1)
  await t.joins('no group', member('', 'm'), reads('ref'))
  await t.joins('no member', member('r', ' '), reads('ref'))
  await t.joins('no instance', { ...m, instanceId: '' }, reads('ref'))
  await t.joins('no rack', m, reads('ref'), { rackId: '' })
  await t.joins('no timeout', m, reads('ref'), { rebalanceTimeoutMs: -1 })
  await t.joins('tasks', m, reads('ref'), owned({ active: { 0: [0] } }))
  await t.joins('standby tasks', m, reads('ref'), owned({ standby: { 0: [0] } }))
  await t.says('no topology', m, { rebalanceTimeoutMs: 1, memberEpoch: 0 })
  await t.says('no such group', m, { memberEpoch: 1 })
  await t.says('leaves no such group', m, { memberEpoch: -1 })
  await t.says('pause', m, { memberEpoch: -2 })
  await t.says('too low', m, { memberEpoch: -3 })
  await t.says('topology later', m, { memberEpoch: 2, topology: reads('ref') })
  await t.says('some tasks', m, { memberEpoch: 2, activeTasks: [] })
  await t.joins('internal', m, reads('__consumer_offsets'))
  await t.joins('bad name', m, reads('a/b'))
  const pattern = subtopology('0', [], { sourceTopicRegex: ['a.*'] })
  await t.joins('pattern', m, topology(pattern))
  const counted = { stateChangelogTopics: [topic('c', 3)] }
  await t.joins('changelog', m, topology(subtopology('0', ['ref'], counted)))
  await t.joins('no sources', m, topology(subtopology('0', [])))
  await t.joins('no subtopologies', member('r-none', 'm'), topology())
  const twice = topology(subtopology('0', ['ref']), subtopology('0', ['ref']))
  await t.joins('same id twice', m, twice)
  const orphan = { repartitionSourceTopics: [topic('orphan')] }
  await t.joins('orphan', m, topology(subtopology('0', ['ref'], orphan)))
  const circle = { repartitionSourceTopics: [topic('x')], repartitionSinkTopics: ['x'] }
  await t.joins('circle', m, topology(subtopology('0', [], circle)))
  const outside = { copartitionGroups: [group([1], [])] }
  await t.joins('outside', m, topology(subtopology('0', ['ref'], outside)))
  await t.joins('negative', m, { ...reads('ref'), epoch: -1 })
  await t.describes('nothing came of it', 'r', '')
}

const group = (sourceTopics: number[], repartitionSourceTopics: number[]) => ({
  sourceTopics,
  sourceTopicRegex: [],
  repartitionSourceTopics,
})

export const life: Play = async (t) => {
  await t.createTopic('life', 4)
  const a = member('life', 'a', 'p')
  const b = member('life', 'b', 'q')
  await t.joins('a joins', a, reads('life'))
  await t.describes('one member', 'life')
  await t.says('a owns all', a, owned({ active: { 0: [0, 1, 2, 3] } }))
  await t.says('a is quiet', a)
  await t.joins('b joins', b, reads('life'))
  await t.says('b waits', b, owned({}))
  await t.says('a hears', a)
  await t.describes('between', 'life')
  await t.says('a still owns', a, owned({ active: { 0: [0, 1, 2, 3] } }))
  await t.says('b waits on', b)
  await t.says('a gave up', a, owned({ active: { 0: [0, 1] } }))
  await t.says('b gets', b)
  await t.says('b owns', b, owned({ active: { 0: [2, 3] } }))
  await t.describes('shared', 'life')
  await t.says('too high', a, { memberEpoch: 77 })
  await t.says('lost answer', a, { memberEpoch: 2, ...owned({ active: { 0: [0, 1] } }) })
  await t.says('lost answer, wrong tasks', a, { memberEpoch: 2, ...owned({ active: { 0: [3] } }) })
  await t.says('too low', a, { memberEpoch: 1, ...owned({}) })
  await t.says('no such task', a, owned({ active: { 0: [4] } }))
  await t.says('no such subtopology', a, owned({ active: { 7: [0] } }))
  await t.says('unknown member', member('life', 'z'), { memberEpoch: 1 })
  await t.says('in version 0', a, {}, 0)
  await t.joins('a joins again', a, reads('life'))
  await t.leaves('a leaves', a)
  await t.says('b gets all', b, owned({ active: { 0: [2, 3] } }))
  await t.leaves('stranger leaves', member('life', 'z'))
  await t.leaves('b leaves', b)
  await t.describes('empty', 'life')
  await t.joins('c joins', member('life', 'c', 'r'), reads('life'))
  await t.describes('again', 'life')
}

const WORDS = topology(
  subtopology('0', ['lines'], { repartitionSinkTopics: ['w-repartition'] }),
  subtopology('1', [], {
    repartitionSourceTopics: [topic('w-repartition', 0, { 'cleanup.policy': 'delete' })],
    stateChangelogTopics: [topic('w-changelog', 0, { 'cleanup.policy': 'compact' })],
  }),
)

export const internalTopics: Play = async (t) => {
  await t.createTopic('lines', 3)
  const a = member('words', 'a')
  await t.joins('a joins', a, WORDS)
  await t.describes('not ready', 'words')
  await t.waitForTopics('w-repartition', 'w-changelog')
  await t.showTopics('w-repartition', 'w-changelog')
  await t.says('a beats', a, owned({}))
  await t.describes('ready', 'words')
  await t.says('a owns', a, owned({ active: { 0: [0, 1, 2], 1: [0, 1, 2] } }))
  await t.joins('b joins', member('words', 'b', 'q'), WORDS)
  await t.says('a hears', a)
  await t.describes('two members', 'words')
}

export const faults: Play = async (t) => {
  const a = member('missing', 'a')
  await t.joins('source is missing', a, reads('not-there', 'nor-this'))
  await t.describes('not ready', 'missing')
  await t.says('still missing', a)
  await t.createTopic('not-there', 2)
  await t.createTopic('nor-this', 3)
  await t.says('there', a)
  await t.describes('ready', 'missing')
  await t.createTopic('two', 2)
  await t.createTopic('three', 3)
  const joined = subtopology('0', ['two', 'three'], { copartitionGroups: [group([0, 1], [])] })
  await t.joins('not copartitioned', member('joined', 'a'), topology(joined))
  await t.describes('joined', 'joined')
  await t.createTopic('wrong-changelog', 5)
  const stateful = { stateChangelogTopics: [topic('wrong-changelog')] }
  const wrong = topology(subtopology('0', ['two'], stateful))
  await t.joins('wrong changelog', member('wrong', 'a'), wrong)
  const fixed = topology(
    subtopology('0', ['three'], { repartitionSinkTopics: ['fixed'] }),
    subtopology('1', ['two'], {
      repartitionSourceTopics: [topic('fixed', 3)],
      copartitionGroups: [group([0], [0])],
    }),
  )
  await t.joins('fixed repartition', member('fixed', 'a'), fixed)
  const bad = { stateChangelogTopics: [topic('bad-config', 0, { 'cleanup.policy': 'nonsense' })] }
  const badly = member('badly', 'a')
  await t.joins('bad config', badly, topology(subtopology('0', ['two'], bad)))
  await t.pause(500)
  await t.says('still bad', badly)
  await t.showTopics('bad-config')
}

export const partitionCounts: Play = async (t) => {
  await t.createTopic('pc2', 2)
  await t.createTopic('pc4', 4)
  const chain = topology(
    subtopology('0', ['pc2'], { repartitionSinkTopics: ['pc-r1'] }),
    subtopology('1', ['pc4'], {
      repartitionSourceTopics: [topic('pc-r1')],
      repartitionSinkTopics: ['pc-r2', 'pc-r3'],
      copartitionGroups: [group([0], [0])],
      stateChangelogTopics: [topic('pc-c1')],
    }),
    subtopology('2', [], {
      repartitionSourceTopics: [topic('pc-r2'), topic('pc-r3', 6)],
      copartitionGroups: [group([], [0, 1])],
      stateChangelogTopics: [topic('pc-c2')],
    }),
  )
  const a = member('chain', 'a')
  const names = ['pc-r1', 'pc-r2', 'pc-r3', 'pc-c1', 'pc-c2']
  await t.joins('a joins', a, chain)
  await t.waitForTopics(...names)
  await t.showTopics(...names)
  await t.says('a beats', a)
  await t.describes('chain', 'chain')
}

export const topologies: Play = async (t) => {
  await t.createTopic('top', 2)
  await t.createTopic('top2', 2)
  const a = member('tops', 'a')
  const b = member('tops', 'b', 'q')
  await t.joins('a joins', a, { ...reads('top'), epoch: 3 })
  await t.joins('other topology', b, { ...reads('top2'), epoch: 3 })
  await t.joins('newer topology', b, { ...reads('top2'), epoch: 4 })
  await t.joins('same, newer epoch', b, { ...reads('top'), epoch: 4 })
  await t.joins('older topology', b, { ...reads('top2'), epoch: 2 })
  await t.says('older beats', b)
  await t.describes('stale', 'tops')
  await t.joins('right one', b, { ...reads('top'), epoch: 3 })
  await t.describes('right', 'tops')
}

export const statics: Play = async (t) => {
  await t.createTopic('stat', 4)
  const a = { ...member('stat', 'a', 'p'), instanceId: 'i' }
  const b = { ...member('stat', 'b', 'q'), instanceId: 'j' }
  await t.joins('a joins', a, reads('stat'))
  await t.joins('b joins', b, reads('stat'))
  await t.says('a hears', a, owned({ active: { 0: [0, 1, 2, 3] } }))
  await t.says('a gave up', a, owned({ active: { 0: [0, 1] } }))
  await t.says('b gets', b)
  await t.joins('in use', { ...a, memberId: 'c' }, reads('stat'))
  await t.says('unknown instance', { ...a, instanceId: 'x' })
  await t.leaves('a pauses', a, -2)
  await t.describes('paused', 'stat')
  await t.says('paused member beats', a, { memberEpoch: 3 })
  const c = { ...a, memberId: 'c' }
  await t.joins('a is back as c', c, reads('stat'))
  await t.describes('back', 'stat')
  await t.says('a is fenced', a, { memberEpoch: 3 })
  await t.leaves('a cannot leave', a)
  await t.says('c owns', c, owned({ active: { 0: [0, 1] } }))
  await t.leaves('c pauses', c, -2)
  await t.joins('c with the same id', c, reads('stat'), { processId: 'r' })
  await t.describes('another process', 'stat')
  await t.says('b hears', b, owned({ active: { 0: [2, 3] } }))
  await t.leaves('c leaves for good', c)
  await t.says('b gets all', b, owned({ active: { 0: [2, 3] } }))
  await t.describes('one is left', 'stat')
}

const STATEFUL = topology(
  subtopology('0', ['sb'], { stateChangelogTopics: [topic('sb-changelog')] }),
)

export const standbys: Play = async (t) => {
  await t.createTopic('sb', 4)
  await t.setGroup('sb', { 'streams.num.standby.replicas': '1' })
  const a = member('sb', 'a', 'p')
  const b = member('sb', 'b', 'q')
  const c = member('sb', 'c', 'r')
  await t.joins('a joins', a, STATEFUL)
  await t.waitForTopics('sb-changelog')
  await t.says('a is assigned', a, owned({}))
  await t.joins('b joins', b, STATEFUL)
  await t.says('a hears', a, owned({ active: { 0: [0, 1, 2, 3] } }))
  await t.describes('before', 'sb')
  await t.says('a gave up', a, owned({ active: { 0: [0, 1] }, standby: { 0: [2, 3] } }))
  await t.says('b gets', b, owned({ standby: { 0: [0, 1] } }))
  await t.describes('two', 'sb')
  await t.says('a owns', a, owned({ active: { 0: [0, 1] }, standby: { 0: [2, 3] } }))
  await t.says('b owns', b, owned({ active: { 0: [2, 3] }, standby: { 0: [0, 1] } }))
  await t.joins('c joins', c, STATEFUL)
  await t.describes('c came', 'sb')
  await t.leaves('a leaves', a)
  await t.says('b takes over', b, owned({ active: { 0: [2, 3] }, standby: { 0: [0, 1] } }))
  await t.says('c hears', c, owned({}))
  await t.describes('three', 'sb')
  await t.says('b again', b, owned({ active: { 0: [2, 3] }, standby: { 0: [0, 1] } }))
  await t.says('c again', c)
  await t.setGroup('sb', { 'streams.num.standby.replicas': '0' })
  await t.says('no more standbys', b)
  await t.says('c is told', c)
  await t.describes('end', 'sb')
}

export const threads: Play = async (t) => {
  await t.createTopic('th', 5)
  await t.setGroup('th', { 'streams.num.standby.replicas': '2' })
  const shape = topology(
    subtopology('0', ['th'], { stateChangelogTopics: [topic('th-changelog')] }),
    subtopology('1', ['th']),
  )
  const ids = ['a', 'b', 'c', 'd', 'e']
  const processes = ['p', 'p', 'q', 'q', 'r']
  const members = ids.map((id, i) => member('th', id, processes[i]))
  await t.joins('a joins', members[0] as Member, shape)
  await t.waitForTopics('th-changelog')
  await t.says('a is assigned', members[0] as Member, owned({}))
  for (const one of members.slice(1)) {
    await t.joins(`${one.memberId} joins`, one, shape)
    await t.describes(`with ${one.memberId}`, 'th')
  }
  // Everybody gives up what it must, round after round, until nothing moves.
  const told = new Map<string, ReturnType<typeof owned>>()
  for (let round = 0; round < 4; round++) {
    for (const one of members) {
      const said = told.get(one.memberId) ?? owned({})
      const answer = await t.says(`${one.memberId} in round ${round}`, one, said)
      const { activeTasks, standbyTasks, warmupTasks } = answer
      if (activeTasks) told.set(one.memberId, { activeTasks, standbyTasks, warmupTasks })
    }
  }
  await t.describes('settled', 'th')
  await t.leaves('c leaves', members[2] as Member)
  await t.leaves('e leaves', members[4] as Member)
  for (const one of [members[0], members[1], members[3]] as Member[]) {
    await t.says(`${one.memberId} after`, one, told.get(one.memberId))
  }
  await t.describes('fewer', 'th')
}

export const endpoints: Play = async (t) => {
  await t.createTopic('ep', 2)
  const a = member('ep', 'a', 'p')
  const b = member('ep', 'b', 'q')
  const at = (host: string, port: number) => ({ userEndpoint: { host, port } })
  await t.joins('a joins', a, reads('ep'), at('left', 1))
  await t.says('a beats', a, owned({ active: { 0: [0, 1] } }))
  await t.joins('b joins', b, reads('ep'), at('right', 2))
  await t.says('a hears', a, { endpointInformationEpoch: 1 })
  await t.says('a gave up', a, { endpointInformationEpoch: 1, ...owned({ active: { 0: [0] } }) })
  await t.says('b gets', b, { endpointInformationEpoch: 1 })
  await t.says('b has the newest', b, { endpointInformationEpoch: 3 })
  await t.says('a moves', a, { endpointInformationEpoch: 3, ...at('left', 9) })
  await t.says('b hears of it', b, { endpointInformationEpoch: 3 })
  await t.describes('endpoints', 'ep')
}

export const offsetsTold: Play = async (t) => {
  await t.createTopic('ot', 2)
  const a = member('ot', 'a', 'p')
  await t.joins('a joins', a, reads('ot'))
  const at = (partition: number, offset: number) => ({ subtopologyId: '0', partition, offset })
  await t.says('a tells', a, { taskOffsets: [at(1, 7), at(0, 5)], taskEndOffsets: [at(0, 9)] })
  await t.describes('told', 'ot')
  await t.says('a tells more', a, { taskEndOffsets: [at(1, 3)] })
  await t.says('twice', a, { taskOffsets: [at(1, 7), at(1, 8)] })
  await t.describes('told more', 'ot')
}

export const shutdown: Play = async (t) => {
  await t.createTopic('sd', 2)
  const a = member('sd', 'a', 'p')
  const b = member('sd', 'b', 'q')
  await t.joins('a joins', a, reads('sd'))
  await t.joins('b joins', b, reads('sd'))
  await t.says('a ends it', a, { shutdownApplication: true })
  await t.says('b hears', b)
  await t.says('b hears again', b)
  await t.says('a leaves', a, { memberEpoch: -1, shutdownApplication: true })
  await t.leaves('b leaves', b)
  await t.joins('c joins', member('sd', 'c'), reads('sd'))
  await t.says('c leaves it', member('sd', 'c'), { memberEpoch: -1, shutdownApplication: true })
}

export const tags: Play = async (t) => {
  await t.createTopic('tag', 2)
  await t.setGroup('tag', { 'streams.rack.aware.assignment.tags': 'zone,cluster' })
  const a = member('tag', 'a', 'p')
  await t.joins('a joins', a, reads('tag'), { rackId: 'east' })
  await t.says('version 0', a, {}, 0)
  const clientTags = [
    { key: 'zone', value: 'z' },
    { key: 'cluster', value: 'c' },
  ]
  await t.says('with tags', a, { clientTags })
  await t.describes('tags', 'tag')
  await t.setGroup('tag', { 'streams.rack.aware.assignment.tags': 'zone' })
  await t.says('other tags', a)
}

export const delays: Play = async (t) => {
  await t.createTopic('del', 2)
  await t.setGroup('del', { 'streams.initial.rebalance.delay.ms': '1500' })
  const a = member('del', 'a', 'p')
  const b = member('del', 'b', 'q')
  await t.joins('a joins', a, reads('del'))
  await t.joins('b joins', b, reads('del'))
  await t.says('a waits', a, owned({}))
  await t.describes('waiting', 'del')
  await t.pause(1900)
  await t.describes('over', 'del')
  await t.says('a gets', a, owned({}))
  await t.says('b gets', b, owned({}))
  await t.setGroup('int', { 'streams.assignment.interval.ms': '2000' })
  const c = member('int', 'c', 'p')
  const d = member('int', 'd', 'q')
  await t.joins('c joins', c, reads('del'))
  await t.joins('d joins', d, reads('del'))
  await t.describes('assigning', 'int')
  await t.says('c beats', c, owned({ active: { 0: [0, 1] } }))
  await t.pause(2200)
  await t.says('c hears', c, owned({ active: { 0: [0, 1] } }))
  await t.describes('reconciling', 'int')
}

export const growth: Play = async (t) => {
  await t.createTopic('grow', 1)
  const a = member('grow', 'a', 'p')
  await t.joins('a joins', a, reads('grow'))
  await t.says('a beats', a, owned({ active: { 0: [0] } }))
  await t.grow('grow', 3)
  await t.says('more tasks', a)
  await t.describes('more', 'grow')
  await t.drop('grow')
  await t.says('gone', a)
  await t.describes('none', 'grow')
  await t.says('gives up', a, owned({}))
  await t.describes('given up', 'grow')
}

export const sizes: Play = async (t) => {
  await t.createTopic('size', 1)
  for (const id of ['a', 'b', 'c', 'd', 'e', 'f']) {
    await t.joins(`${id} joins`, member('size', id, id), reads('size'))
  }
  await t.joins('the seventh', member('size', 'g'), reads('size'))
  await t.joins('a again', member('size', 'a', 'a'), reads('size'))
}

const describe = (...groupIds: string[]) => ({ groupIds, includeAuthorizedOperations: false })

export const kinds: Play = async (t) => {
  await t.createTopic('kind', 1)
  const a = member('k-streams', 'a')
  await t.joins('streams', a, reads('kind'))
  const join = { memberEpoch: 0, rebalanceTimeoutMs: 60_000, topicPartitions: [] }
  const consumer = { ...join, memberId: 'c1', subscribedTopicNames: ['kind'] }
  const beats = apis.consumerGroupHeartbeat
  await t.ask('consumer into streams', beats, 1, { ...consumer, groupId: 'k-streams' })
  await t.ask('consumer', beats, 1, { ...consumer, groupId: 'k-consumer' })
  await t.beat('share into streams', 'k-streams', 'm1', 0, ['kind'])
  await t.joins('streams into consumer', member('k-consumer', 'a'), reads('kind'))
  await t.describes('describes consumer', 'k-consumer', 'k-none')
  await t.ask('consumer describes', apis.consumerGroupDescribe, 1, describe('k-streams'))
  await t.ask('classic describes', apis.describeGroups, 6, { groups: ['k-streams'] })
  await t.ask('classic describes 5', apis.describeGroups, 5, { groups: ['k-streams'] })
  const classic = (groupId: string) => ({
    groupId,
    sessionTimeoutMs: 10_000,
    rebalanceTimeoutMs: 10_000,
    memberId: '',
    groupInstanceId: null,
    protocolType: 'consumer',
    protocols: [{ name: 'range', metadata: Buffer.alloc(0) }],
  })
  const joined = async (what: string, groupId: string) => {
    type Answer = { errorCode: number }
    const answer = await t.send<Answer>('admin', apis.joinGroup, 9, classic(groupId))
    t.note(what, { errorCode: answer.errorCode })
  }
  await joined('classic joins streams', 'k-streams')
  const who = { groupId: 'k-streams', generationId: 1, memberId: 'a', groupInstanceId: null }
  await t.ask('classic heartbeat', apis.heartbeat, 4, who)
  const sync = { ...who, protocolType: null, protocolName: null, assignments: [] }
  await t.ask('classic sync', apis.syncGroup, 5, sync)
  const leaving = { memberId: 'a', groupInstanceId: null, reason: null }
  const leave = { groupId: 'k-streams', memberId: '', members: [leaving] }
  const left = await t.send<{ errorCode: number }>('admin', apis.leaveGroup, 5, leave)
  t.note('classic leave', { errorCode: left.errorCode })
  const list = async (what: string, statesFilter: string[], typesFilter: string[]) => {
    type Listed = { groups: { groupId: string }[] }
    const asked = { statesFilter, typesFilter }
    const { groups } = await t.send<Listed>('admin', apis.listGroups, 5, asked)
    t.note(
      what,
      groups.filter(({ groupId }) => groupId.startsWith('k-')),
    )
  }
  await list('streams groups', [], ['streams'])
  await list('stable groups', ['Stable'], [])
  await t.joins('not ready', member('k-waits', 'a'), reads('nowhere'))
  await list('not ready groups', ['NotReady'], [])
  await list('not_ready groups', ['not_ready'], [])
  await t.ask('deleted', apis.deleteGroups, 2, { groupsNames: ['k-streams'] })
  await t.leaves('a leaves', a)
  await joined('classic joins the empty one', 'k-streams')
  // Apache Kafka answers before that is durable, and describes what is.
  await t.pause(300)
  await t.describes('is it classic', 'k-streams')
  await list('what is there', [], [])
  await t.joins('b joins', member('k-other', 'b'), reads('kind'))
  await t.leaves('b leaves', member('k-other', 'b'))
  await t.ask('deleted', apis.deleteGroups, 2, { groupsNames: ['k-other', 'k-none'] })
  await t.describes('gone', 'k-other')
  const update = {
    groupId: 'k-streams',
    memberId: 'a',
    topologyEpoch: 0,
    topologyDescription: { subtopologies: [], globalStores: [] },
  }
  await t.ask('description', apis.streamsGroupTopologyDescriptionUpdate, 0, update)
  const withDescription = { ...describe('k-waits'), includeTopologyDescription: true }
  await t.ask('described', apis.streamsGroupDescribe, 1, withDescription)
  await t.ask('described in 0', apis.streamsGroupDescribe, 0, describe('k-waits'))
}

export const commits: Play = async (t) => {
  await t.createTopic('com', 2)
  await t.createTopic('com2', 1)
  const a = member('com', 'a', 'p')
  const b = member('com', 'b', 'q')
  const commit = async (
    what: string,
    memberId: string,
    epoch: number,
    { partition = 0, version = 9, name = 'com' } = {},
  ) => {
    const committed = { partitionIndex: partition, committedOffset: 7, committedMetadata: '' }
    const topics = [{ name, topicId: t.topicId(name), partitions: [committed] }]
    const who = { groupId: 'com', memberId, groupInstanceId: null, retentionTimeMs: -1 }
    const body = { ...who, generationIdOrMemberEpoch: epoch, topics }
    await t.ask(`commit ${what}`, apis.offsetCommit, version, body)
  }
  const fetch = async (what: string, memberId: string | null, memberEpoch: number) => {
    const topics = [{ name: 'com', topicId: t.topicId('com'), partitionIndexes: [0, 1] }]
    const groups = [{ groupId: 'com', memberId, memberEpoch, topics }]
    await t.ask(`fetch ${what}`, apis.offsetFetch, 9, { groups, requireStable: false })
  }
  await t.joins('a joins', a, reads('com'))
  await commit('in its epoch', 'a', 2)
  await commit('by topic id', 'a', 2, { version: 10 })
  await commit('in an old version', 'a', 2, { version: 8 })
  await commit('by nobody', '', -1)
  await commit('by a stranger', 'z', 2)
  await commit('ahead', 'a', 3)
  await commit('behind', 'a', 1)
  await t.joins('b joins', b, reads('com'))
  await t.says('a hears', a, owned({ active: { 0: [0, 1] } }))
  await t.says('a gave up', a, owned({ active: { 0: [0] } }))
  await t.says('b gets', b)
  await commit('of what it kept', 'a', 2)
  await commit('of what it lost', 'a', 2, { partition: 1 })
  await commit('of another topic', 'a', 2, { name: 'com2' })
  await commit('of another topic now', 'a', 3, { name: 'com2' })
  await fetch('in its epoch', 'a', 3)
  await fetch('behind', 'a', 2)
  await fetch('by a stranger', 'z', 2)
  await fetch('by a tool', null, -1)
  const remove = async (what: string, name: string) => {
    const topics = [{ name, partitions: [{ partitionIndex: 0 }] }]
    await t.ask(`remove ${what}`, apis.offsetDelete, 0, { groupId: 'com', topics })
  }
  await remove('what is read', 'com')
  await remove('what is not read', 'com2')
  await t.leaves('a leaves', a)
  await t.leaves('b leaves', b)
  await commit('by an administrator', '', -1)
  await remove('when empty', 'com')
  await fetch('at the end', null, -1)
}
