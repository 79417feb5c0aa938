/**
 * Where a seed starts: topics, groups and transactions of its own, settings as they were at first,
 * and brokers that have opened what they open when first asked.
 */
import { join } from 'node:path'
import { type Api, apis } from '@ottla/protocol'
import { type BothBrokers, startBothBrokers } from '../compatibility/support/side-by-side.ts'
import {
  GROUPS,
  LIVE_GROUPS,
  SHARED_PARTITIONS,
  SHARED_TOPIC,
  TOPICS,
  TRANSACTIONS,
} from './domain.ts'
import { LIVE_TRANSACTIONS } from './lives/lives.ts'
import { Reference } from './reference.ts'
import { World } from './world.ts'

const LONG_MS = '600000'
/**
 * For both brokers: small internal topics, so that they answer alike and soon; no assignment waits
 * for another, and nobody who is silent for the length of a seed is taken out.
 */
const SETTINGS = {
  'transaction.state.log.num.partitions': '5',
  'share.coordinator.state.topic.num.partitions': '5',
  // What others give out depends on the order of ids that each broker makes for itself.
  'group.consumer.assignors': 'range',
  'group.consumer.assignment.interval.ms': '0',
  'group.share.assignment.interval.ms': '0',
  'group.consumer.max.session.timeout.ms': LONG_MS,
  'group.consumer.session.timeout.ms': LONG_MS,
  'group.share.max.session.timeout.ms': LONG_MS,
  'group.share.session.timeout.ms': LONG_MS,
  'group.streams.max.session.timeout.ms': LONG_MS,
  'group.streams.session.timeout.ms': LONG_MS,
  'group.share.max.record.lock.duration.ms': LONG_MS,
  'group.share.record.lock.duration.ms': LONG_MS,
}
const LOG_DIRS = ['data']
const SETTLE_TRIES = 60
const WARM_UP_TRIES = 150
const TRANSACTION_TRIES = 100
const PAUSE_MS = 50
const GROUP_RESOURCE = 32
const BROKER_RESOURCE = 4
const OPENING_MS = 500
const PRIMER = 'cHJpbWVyLi4uLi4uLi4uLg'
const NO_ID = 'AAAAAAAAAAAAAAAAAAAAAA'

export interface Worlds extends AsyncDisposable {
  readonly ottla: World
  readonly apache: World
  /** What Apache Kafka has logged of late. */
  apacheLog(): string
}

/** Both brokers, and what is needed to talk to them. */
export async function startWorlds(
  settings: Readonly<Record<string, string>> = {},
): Promise<Worlds> {
  const brokers = await startBothBrokers({ ...SETTINGS, ...settings }, LOG_DIRS)
  const worldOf = (name: 'ottla' | 'apache') => {
    const { bootstrap, dataDir }: BothBrokers['ottla' | 'apache'] = brokers[name]
    return new World(
      name,
      bootstrap,
      LOG_DIRS.map((directory) => join(dataDir, directory)),
    )
  }
  const [ottla, apache] = [worldOf('ottla'), worldOf('apache')]
  const close = async () => {
    ottla.close()
    apache.close()
    await brokers.stop()
  }
  const apacheLog = () => brokers.apache.output()
  return { ottla, apache, apacheLog, [Symbol.asyncDispose]: close }
}

export async function prepare(worlds: readonly World[], seed: number): Promise<void> {
  for (const world of worlds) {
    world.begin(seed)
    await tidy(world)
    await openCoordinators(world)
    await createTopics(world)
    await readFromTheBeginning(world)
  }
  await settle(worlds)
  await Promise.all(worlds.map(warmUp))
  await settle(worlds)
  await Promise.all(worlds.map(openSharePartitions))
}

/** Takes away the topics of earlier seeds and the broker's dynamic settings. */
async function tidy(world: World): Promise<void> {
  await world.refresh()
  const names = [...world.memory.ids.keys()].filter((name) => !name.startsWith('__'))
  await world.send(apis.deleteTopics, 6, {
    topics: names.map((name) => ({ name, topicId: NO_ID })),
    timeoutMs: 10_000,
  })
  for (const resourceName of ['1', '']) {
    await world.send(apis.alterConfigs, 2, {
      resources: [{ resourceType: BROKER_RESOURCE, resourceName, configs: [] }],
      validateOnly: false,
    })
  }
}

async function createTopics(world: World): Promise<void> {
  const counts = [...TOPICS.map((name, i) => [name, i + 1]), [SHARED_TOPIC, SHARED_PARTITIONS]]
  const topics = counts.map(([name, numPartitions]) => ({
    name,
    numPartitions,
    replicationFactor: 1,
    assignments: [],
    configs: [],
  }))
  const body = { topics, timeoutMs: 10_000, validateOnly: false }
  await world.ask({ api: apis.createTopics as never, version: 7, body })
}

/** A share group starts where it was made; records may be there already. */
async function readFromTheBeginning(world: World): Promise<void> {
  const configs = [{ name: 'share.auto.offset.reset', configOperation: 0, value: 'earliest' }]
  const resources = [{ resourceType: GROUP_RESOURCE, resourceName: 'g-sharing', configs }]
  const body = { resources, validateOnly: false }
  await world.ask({ api: apis.incrementalAlterConfigs as never, version: 1, body })
}

/** Comes back until a coordinator answers: Apache Kafka's says "not yet" for a while. */
async function ready(world: World, api: unknown, version: number, body: unknown): Promise<void> {
  for (let i = 0; i < WARM_UP_TRIES; i++) {
    const answer = JSON.stringify(await world.ask({ api: api as Api, version, body }))
    if (!/COORDINATOR|no answer|closed/.test(answer)) return
    await pause(100)
  }
  throw new Error(`${world.name} is not ready to answer ${(api as Api).name}`)
}

const allGroups = [...GROUPS, ...LIVE_GROUPS, 'g-missing']
const allTransactions = [...TRANSACTIONS, ...LIVE_TRANSACTIONS, 'tx-missing']

/** Internal topics are made when they are first asked for. */
async function openCoordinators(world: World): Promise<void> {
  const keys = [
    allGroups,
    allTransactions,
    allGroups.flatMap((group) =>
      TOPICS.map((topic) => new Reference('shareKey', `${group} ${topic}`)),
    ),
  ]
  for (const [keyType, coordinatorKeys] of keys.entries()) {
    await ready(world, apis.findCoordinator, 6, { keyType, coordinatorKeys })
  }
}

/** Has every coordinator asked something once. */
async function warmUp(world: World): Promise<void> {
  for (const groupId of allGroups) {
    await ready(world, apis.offsetFetch, 7, { groupId, topics: null, requireStable: false })
  }
  for (const transactionalId of allTransactions) {
    const body = { transactionalId, transactionTimeoutMs: 600_000 }
    await ready(world, apis.initProducerId, 4, body)
  }
  const topics = TOPICS.map((topic) => ({
    topicId: new Reference('topicId', topic),
    partitions: [{ partition: 0, leaderEpoch: 0 }],
  }))
  for (const groupId of [...GROUPS, 'g-sharing']) {
    await ready(world, apis.readShareGroupState, 0, { groupId, topics })
  }
}

/** Has a member come, fetch from all partitions once, and go: they open behind the answers. */
async function openSharePartitions(world: World): Promise<void> {
  const who = { groupId: `g-sharing${world.memory.ending}`, memberId: PRIMER }
  const name = SHARED_TOPIC + world.memory.ending
  let memberEpoch = 0
  for (let held = 0, i = 0; held < SHARED_PARTITIONS; i++) {
    if (i === WARM_UP_TRIES) throw new Error(`${world.name} assigns no share partitions`)
    const subscribedTopicNames = memberEpoch === 0 ? [name] : null
    const body = { ...who, memberEpoch, rackId: null, subscribedTopicNames }
    const answer = (await world.send(apis.shareGroupHeartbeat, 1, body)) as Heartbeat
    if (answer.errorCode === 0) memberEpoch = answer.memberEpoch
    const { topicPartitions = [] } = answer.assignment ?? {}
    held = Math.max(held, topicPartitions.flatMap(({ partitions }) => partitions).length)
    await pause(PAUSE_MS)
  }
  const partitions = Array.from({ length: SHARED_PARTITIONS }, (_, partitionIndex) => ({
    partitionIndex,
    acknowledgementBatches: [],
  }))
  const topics = [{ topicId: world.memory.ids.get(name), partitions }]
  const limits = {
    maxWaitMs: OPENING_MS,
    minBytes: 1,
    maxBytes: 1 << 20,
    maxRecords: 1,
    batchSize: 1,
  }
  const fetch = { ...who, ...limits, topics, forgottenTopicsData: [] }
  for (const shareSessionEpoch of [0, -1]) {
    await world.send(apis.shareFetch, 1, { ...fetch, shareSessionEpoch })
  }
  const leaving = { ...who, memberEpoch: -1, rackId: null, subscribedTopicNames: null }
  await world.send(apis.shareGroupHeartbeat, 1, leaving)
}

interface Heartbeat {
  readonly errorCode: number
  readonly memberEpoch: number
  readonly assignment: { readonly topicPartitions: { readonly partitions: number[] }[] } | null
}

/** Waits until both brokers name the same topics, and all parts of them know. */
export async function settle(worlds: readonly World[]): Promise<void> {
  for (let i = 0; i < SETTLE_TRIES; i++) {
    const [ours, theirs] = await Promise.all(worlds.map((world) => world.refresh()))
    const settled = await Promise.all(worlds.map((world) => world.hasSettled()))
    if (ours === theirs && settled.every(Boolean)) return
    await pause(PAUSE_MS)
  }
}

/** Waits until the markers of what has ended are written: they have offsets of their own. */
export async function settleTransactions(worlds: readonly World[]): Promise<void> {
  const ids = [...TRANSACTIONS, ...LIVE_TRANSACTIONS]
  for (let i = 0; i < TRANSACTION_TRIES; i++) {
    const told = await Promise.all(worlds.map((world) => world.transactions(ids)))
    if (!told.some(({ isBusy }) => isBusy) && told[0]?.states === told[1]?.states) return
    await pause(PAUSE_MS)
  }
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
