/** Legal and illegal requests about leaders, replicas, features and voters of one node. */
import { apis } from '@ottla/protocol'
import { type ApiTranscript, type Play, settle, ZERO_ID } from './api-transcript.ts'

/** Nobody has asked for a coordinator yet, and its topic is not there. */
export const groupsAtFirst: Play = (t) => askGroups(t, 'at first')

export const elections: Play = async (t) => {
  await t.createTopic('elected', 3)
  const named = [
    { topic: 'elected', partitions: [0, 1, 2, 3, -1] },
    { topic: 'nothing', partitions: [0] },
    { topic: '', partitions: [] },
  ]
  for (const version of [0, 1, 2]) {
    for (const electionType of version === 0 ? [0] : [0, 1, 2, -1]) {
      const kind = version === 0 ? {} : { electionType }
      const what = `v${version} type ${electionType}`
      const elect = (topicPartitions: typeof named | null) =>
        t.ask(what, apis.electLeaders, version, { ...kind, topicPartitions, timeoutMs: 30_000 })
      await elect(named)
      await elect(null)
      await elect([])
    }
  }
}

export const reassignments: Play = async (t) => {
  await t.createTopic('moved', 2)
  const alter = (
    what: string,
    topics: readonly (readonly [string, readonly (readonly [number, number[] | null])[]])[],
    allowReplicationFactorChange?: boolean,
  ) =>
    t.ask(
      what,
      apis.alterPartitionReassignments,
      allowReplicationFactorChange === undefined ? 0 : 1,
      {
        timeoutMs: 30_000,
        ...(allowReplicationFactorChange === undefined ? {} : { allowReplicationFactorChange }),
        topics: topics.map(([name, partitions]) => ({
          name,
          partitions: partitions.map(([partitionIndex, replicas]) => ({
            partitionIndex,
            replicas,
          })),
        })),
      },
    )
  await alter('to where it is', [['moved', [[0, [1]]]]])
  await alter('nowhere', [['moved', [[0, []]]]])
  await alter('to a node that is not there', [['moved', [[0, [2]]]]])
  await alter('to one more node', [['moved', [[0, [1, 2]]]]])
  await alter('twice to a node', [['moved', [[0, [1, 1]]]]])
  await alter('to a negative node', [['moved', [[0, [-1]]]]])
  await alter('no such partition', [['moved', [[7, [1]]]]])
  await alter('no such topic', [['nothing', [[0, [1]]]]])
  await alter('cancels', [['moved', [[0, null]]]])
  await alter('cancels nothing', [['nothing', [[0, null]]]])
  await alter('some good, some not', [
    [
      'moved',
      [
        [0, [1]],
        [1, [3]],
      ],
    ],
    ['nothing', [[0, [1]]]],
  ])
  await alter('no topics', [])
  await alter('same factor', [['moved', [[0, [1]]]]], false)
  await alter('factor may not change', [['moved', [[0, [1, 1]]]]], false)
  await alter('factor may change', [['moved', [[0, [1]]]]], true)
  const list = (what: string, topics: { name: string; partitionIndexes: number[] }[] | null) =>
    t.ask(what, apis.listPartitionReassignments, 0, { timeoutMs: 30_000, topics })
  await list('all', null)
  await list('none', [])
  await list('named', [
    { name: 'moved', partitionIndexes: [0, 1, 9] },
    { name: 'nothing', partitionIndexes: [0] },
  ])
}

export const quorum: Play = async (t) => {
  const describe = (
    what: string,
    version: number,
    topics: readonly (readonly [string, number[]])[],
  ) =>
    t.ask(what, apis.describeQuorum, version, {
      topics: topics.map(([topicName, partitions]) => ({
        topicName,
        partitions: partitions.map((partitionIndex) => ({ partitionIndex })),
      })),
    })
  // ottla has one listener for clients and voters.
  for (const name of ['CONTROLLER', 'PLAINTEXT']) t.mask(name, '<listener>')
  for (const version of [0, 1, 2]) {
    await describe(`v${version}`, version, [['__cluster_metadata', [0]]])
    await describe(`another topic v${version}`, version, [['other', [0]]])
    await describe(`another partition v${version}`, version, [['__cluster_metadata', [1]]])
    await describe(`two partitions v${version}`, version, [['__cluster_metadata', [0, 1]]])
    await describe(`two topics v${version}`, version, [
      ['__cluster_metadata', [0]],
      ['other', [0, 2]],
    ])
    await describe(`nothing v${version}`, version, [])
  }
}

export const voters: Play = async (t) => {
  const { clusterId } = await t.send<{ clusterId: string }>(apis.describeCluster, 0, {
    includeClusterAuthorizedOperations: false,
  })
  t.mask(clusterId, '<cluster>')
  const id = 'abcdefghijklmnopqrstuw'
  const listeners = [{ name: 'CONTROLLER', host: '127.0.0.1', port: 9 }]
  const add = (what: string, changes: Record<string, unknown>, version = 0) =>
    t.ask(`add ${what}`, apis.addRaftVoter, version, {
      clusterId,
      timeoutMs: 1000,
      voterId: 2,
      voterDirectoryId: id,
      listeners,
      ...changes,
    })
  await add('a voter', {})
  await add('a voter v1', { ackWhenCommitted: false }, 1)
  await add('to whichever cluster', { clusterId: null })
  await add('to another cluster', { clusterId: 'other' })
  await add('to the empty cluster', { clusterId: '' })
  await add('itself', { voterId: 1 })
  await add('a negative one', { voterId: -1 })
  await add('one without directory', { voterDirectoryId: ZERO_ID })
  await add('one without listeners', { listeners: [] })
  await add('one with another listener', { listeners: [{ name: 'X', host: 'h', port: 9 }] })
  const remove = (what: string, changes: Record<string, unknown>) =>
    t.ask(`remove ${what}`, apis.removeRaftVoter, 0, {
      clusterId,
      voterId: 2,
      voterDirectoryId: id,
      ...changes,
    })
  await remove('a voter', {})
  await remove('itself', { voterId: 1 })
  await remove('from whichever cluster', { clusterId: null })
  await remove('from another cluster', { clusterId: 'other' })
  await remove('a negative one', { voterId: -1 })
  await remove('one without directory', { voterDirectoryId: ZERO_ID })
}

export const unregistering: Play = async (t) => {
  for (const brokerId of [7, -1]) {
    await t.ask(`broker ${brokerId}`, apis.unregisterBroker, 0, { brokerId })
  }
  for (const controllerId of [1, 7, -1]) {
    await t.ask(`controller ${controllerId}`, apis.unregisterController, 0, { controllerId })
  }
}

interface Update {
  readonly feature: string
  readonly maxVersionLevel: number
  readonly upgradeType?: number
  readonly allowDowngrade?: boolean
}

const UPDATES: readonly (readonly [string, readonly Update[]])[] = [
  ['nothing', []],
  ['stays', [{ feature: 'transaction.version', maxVersionLevel: 2 }]],
  ['unknown', [{ feature: 'nonsense.version', maxVersionLevel: 1 }]],
  ['unknown to 0', [{ feature: 'nonsense.version', maxVersionLevel: 0 }]],
  ['beyond', [{ feature: 'transaction.version', maxVersionLevel: 3 }]],
  ['negative', [{ feature: 'transaction.version', maxVersionLevel: -1 }]],
  ['down as upgrade', [{ feature: 'transaction.version', maxVersionLevel: 1 }]],
  ['up as downgrade', [{ feature: 'transaction.version', maxVersionLevel: 3, upgradeType: 2 }]],
  ['type of the future', [{ feature: 'group.version', maxVersionLevel: 0, upgradeType: 9 }]],
  ['type unknown', [{ feature: 'group.version', maxVersionLevel: 0, upgradeType: 0 }]],
  ['metadata beyond', [{ feature: 'metadata.version', maxVersionLevel: 99 }]],
  ['metadata below', [{ feature: 'metadata.version', maxVersionLevel: 1, upgradeType: 2 }]],
  ['metadata old', [{ feature: 'metadata.version', maxVersionLevel: 7, upgradeType: 2 }]],
  ['metadata one down', [{ feature: 'metadata.version', maxVersionLevel: 32, upgradeType: 2 }]],
  ['metadata two down', [{ feature: 'metadata.version', maxVersionLevel: 31, upgradeType: 2 }]],
  ['metadata unsafe', [{ feature: 'metadata.version', maxVersionLevel: 20, upgradeType: 3 }]],
  ['metadata stays', [{ feature: 'metadata.version', maxVersionLevel: 33 }]],
  ['kraft beyond', [{ feature: 'kraft.version', maxVersionLevel: 2 }]],
  ['kraft stays', [{ feature: 'kraft.version', maxVersionLevel: 0 }]],
  ['kraft down', [{ feature: 'kraft.version', maxVersionLevel: 0, upgradeType: 2 }]],
  [
    'one good, one not',
    [
      { feature: 'group.version', maxVersionLevel: 0, upgradeType: 2 },
      { feature: 'share.version', maxVersionLevel: 5 },
    ],
  ],
  ['empty name', [{ feature: '', maxVersionLevel: 1 }]],
  [
    'elr down',
    [{ feature: 'eligible.leader.replicas.version', maxVersionLevel: 0, upgradeType: 2 }],
  ],
  ['elr up', [{ feature: 'eligible.leader.replicas.version', maxVersionLevel: 1 }]],
]

/** What the APIs of a feature answer, off or on; about groups that are not there, to leave none. */
async function askGroups(t: ApiTranscript, when: string): Promise<void> {
  // Each broker has its own words for it; the error is what counts here.
  const ask = async (...[what, api, version, body]: Parameters<ApiTranscript['ask']>) => {
    await t.ask(what, api, version, body)
    t.lines.push((t.lines.pop() as string).replaceAll(/"errorMessage":("[^"]*"|null),?/g, ''))
  }
  const gone = { groupId: 'none', memberId: 'nobody', memberEpoch: 7 }
  const wanted = { groupIds: ['none'], includeAuthorizedOperations: false }
  const consumer = { ...gone, topicPartitions: null }
  await ask(`consumer heartbeat ${when}`, apis.consumerGroupHeartbeat, 1, consumer)
  await ask(`consumer described ${when}`, apis.consumerGroupDescribe, 1, wanted)
  await ask(`share heartbeat ${when}`, apis.shareGroupHeartbeat, 1, gone)
  await ask(`share described ${when}`, apis.shareGroupDescribe, 1, wanted)
  await ask(`share fetch ${when}`, apis.shareFetch, 1, {
    groupId: 'none',
    memberId: 'AAAAAAAAAAAAAAAAAAAAxA',
    shareSessionEpoch: 5,
    maxWaitMs: 0,
    minBytes: 0,
    maxBytes: 1,
    maxRecords: 1,
    batchSize: 1,
    topics: [],
    forgottenTopicsData: [],
  })
  await ask(`share offsets ${when}`, apis.describeShareGroupOffsets, 1, {
    groups: [{ groupId: 'none', topics: null }],
  })
  await ask(`share offsets altered ${when}`, apis.alterShareGroupOffsets, 0, {
    groupId: '',
    topics: [],
  })
  await ask(`share offsets deleted ${when}`, apis.deleteShareGroupOffsets, 0, {
    groupId: 'none',
    topics: [{ topicName: 't' }],
  })
  await ask(`streams heartbeat ${when}`, apis.streamsGroupHeartbeat, 1, {
    ...gone,
    endpointInformationEpoch: 0,
  })
  await ask(`streams described ${when}`, apis.streamsGroupDescribe, 1, wanted)
}

const DOWN_AND_UP = ['transaction.version', 'group.version', 'share.version', 'streams.version']

export const features: Play = async (t) => {
  const finalized = async (what: string) => {
    await settle()
    await t
      .ask(`features ${what}`, apis.apiVersions, 4, {
        clientSoftwareName: 'a',
        clientSoftwareVersion: '1',
      })
      .then(({ finalizedFeatures }) => {
        t.lines.pop()
        t.note(`features ${what}`, finalizedFeatures)
      })
  }
  await t.findGroupCoordinator()
  await finalized('at first')
  await askGroups(t, 'at first')
  for (const [what, featureUpdates] of UPDATES) {
    for (const version of [1, 2]) {
      for (const validateOnly of [true, false]) {
        const update = { timeoutMs: 30_000, featureUpdates: [...featureUpdates], validateOnly }
        await t.ask(`${what} v${version} ${validateOnly}`, apis.updateFeatures, version, update)
      }
    }
  }
  await finalized('after these')
  for (const allowDowngrade of [false, true]) {
    const updates = [{ feature: 'group.version', maxVersionLevel: 0, allowDowngrade }]
    const update = { timeoutMs: 30_000, featureUpdates: updates }
    await t.ask(`v0 ${allowDowngrade}`, apis.updateFeatures, 0, update)
  }
  for (const feature of DOWN_AND_UP) {
    for (const [maxVersionLevel, upgradeType] of [
      [1, 2],
      [0, 2],
      [1, 1],
      [2, 1],
    ] as const) {
      const featureUpdates = [{ feature, maxVersionLevel, upgradeType }]
      const update = { timeoutMs: 30_000, featureUpdates, validateOnly: false }
      await t.ask(`${feature} to ${maxVersionLevel}`, apis.updateFeatures, 2, update)
      await finalized(`with ${feature} at ${maxVersionLevel}`)
      await askGroups(t, `with ${feature} at ${maxVersionLevel}`)
    }
  }
}

export const logDirs: Play = async (t) => {
  await t.createTopic('dirs', 2)
  const alter = (what: string, path: string, partitions: number[], name = 'dirs', version = 2) =>
    t.ask(what, apis.alterReplicaLogDirs, version, {
      dirs: [{ path, topics: [{ name, partitions }] }],
    })
  await alter('somewhere else', '/nowhere', [0, 9])
  await alter('relative', 'nowhere', [0])
  await alter('no path', '', [0], 'dirs', 1)
  await t.ask('nothing', apis.alterReplicaLogDirs, 2, { dirs: [] })
  type Told = { results: { logDir: string }[] }
  const told = await t.send<Told>(apis.describeLogDirs, 5, { topics: null })
  const own = told.results[0]?.logDir as string
  t.mask(own, '<log dir>')
  await alter('where it is', own, [0, 9])
  await alter('no such topic', own, [0], 'nothing')
  await alter('empty topic', own, [0], '')
  await alter('long name', own, [0], 'x'.repeat(249))
  await t.ask('asks for a topic', apis.describeLogDirs, 5, {
    topics: [
      { topic: 'dirs', partitions: [0, 1, 5] },
      { topic: 'nothing', partitions: [0] },
    ],
  })
  await t.ask('asks for nothing', apis.describeLogDirs, 1, { topics: [] })
}

export const authorizedOperations: Play = async (t) => {
  await t.createTopic('operated', 1)
  const { clusterId } = await t.send<{ clusterId: string }>(apis.describeCluster, 0, {
    includeClusterAuthorizedOperations: false,
  })
  t.mask(clusterId, '<cluster>')
  const names = ['operated', 'nothing', 'not/legal']
  for (const asked of [true, false]) {
    for (const version of [8, 10, 11, 12, 13]) {
      const topics = names.map((name) => (version < 10 ? { name } : { name, topicId: ZERO_ID }))
      const unknown = { name: null, topicId: 'abcdefghijklmnopqrstuw' }
      const answer = await t.send<{
        topics: { name: string | null; errorCode: number; topicAuthorizedOperations: number }[]
        clusterAuthorizedOperations?: number
      }>(apis.metadata, version, {
        topics: version === 12 ? [unknown] : topics,
        allowAutoTopicCreation: false,
        ...(version <= 10 ? { includeClusterAuthorizedOperations: asked } : {}),
        includeTopicAuthorizedOperations: asked,
      })
      const found = answer.topics.map((topic) =>
        [topic.name, topic.errorCode, topic.topicAuthorizedOperations].join(' '),
      )
      t.note(`metadata v${version} asked ${asked}`, {
        topics: found.sort(),
        cluster: answer.clusterAuthorizedOperations,
      })
    }
    const includeAuthorizedOperations = asked
    const cluster = { includeClusterAuthorizedOperations: asked }
    const { clusterAuthorizedOperations } = await t.send<{ clusterAuthorizedOperations: number }>(
      apis.describeCluster,
      0,
      cluster,
    )
    t.note(`cluster asked ${asked}`, { clusterAuthorizedOperations })
    const groups = { groupIds: ['unheard'], includeAuthorizedOperations }
    const classic = { groups: ['unheard'], includeAuthorizedOperations }
    for (const version of [5, 6]) {
      await t.ask(`classic v${version} asked ${asked}`, apis.describeGroups, version, classic)
    }
    await t.ask(`consumer asked ${asked}`, apis.consumerGroupDescribe, 1, groups)
    await t.ask(`share asked ${asked}`, apis.shareGroupDescribe, 1, groups)
    await t.ask(`streams asked ${asked}`, apis.streamsGroupDescribe, 0, groups)
  }
  const page = {
    topics: names.map((name) => ({ name })),
    responsePartitionLimit: 100,
    cursor: null,
  }
  const { topics } = await t.send<{
    topics: { name: string; topicAuthorizedOperations: number }[]
  }>(apis.describeTopicPartitions, 0, page)
  t.note('pages', { topics: topics.map((topic) => [topic.name, topic.topicAuthorizedOperations]) })
}
