/**
 * Where a seed starts: topics, groups and transactions of its own, settings as they were at first,
 * and brokers that have opened what they open when first asked.
 */
import { type Api, apis } from '@ottla/protocol'
import { GROUPS, Reference, TOPICS, TRANSACTIONS } from './domain.ts'
import type { World } from './world.ts'

/** For both brokers: small internal topics, so that they answer alike and soon. */
export const SETTINGS = {
  'transaction.state.log.num.partitions': '5',
  'share.coordinator.state.topic.num.partitions': '5',
}
const SETTLE_TRIES = 60
const WARM_UP_TRIES = 150
const BROKER_RESOURCE = 4

export async function prepare(worlds: readonly World[], seed: number): Promise<void> {
  for (const world of worlds) {
    world.begin(seed)
    await tidy(world)
    await openCoordinators(world)
    await world.ask(apis.createTopics as never, 7, {
      topics: TOPICS.map((name, i) => ({
        name,
        numPartitions: i + 1,
        replicationFactor: 1,
        assignments: [],
        configs: [],
      })),
      timeoutMs: 10_000,
      validateOnly: false,
    })
  }
  await settle(worlds)
  await Promise.all(worlds.map(warmUp))
  await settle(worlds)
}

/** Takes away the topics of earlier seeds and the broker's dynamic settings. */
async function tidy(world: World): Promise<void> {
  await world.refresh()
  const names = [...world.topicNames()].filter((name) => !name.startsWith('__'))
  await world.send(apis.deleteTopics as never, 6, {
    topics: names.map((name) => ({ name, topicId: 'AAAAAAAAAAAAAAAAAAAAAA' })),
    timeoutMs: 10_000,
  } as never)
  for (const resourceName of ['1', '']) {
    await world.send(apis.alterConfigs as never, 2, {
      resources: [{ resourceType: BROKER_RESOURCE, resourceName, configs: [] }],
      validateOnly: false,
    } as never)
  }
}

/** Comes back until a coordinator answers: Apache Kafka's says "not yet" for a while. */
async function ready(world: World, api: Api, version: number, body: unknown): Promise<void> {
  for (let i = 0; i < WARM_UP_TRIES; i++) {
    const answer = JSON.stringify(await world.ask(api, version, body))
    if (!/COORDINATOR|no answer|closed/.test(answer)) return
    await pause(100)
  }
  throw new Error(`${world.name} is not ready to answer ${api.name}`)
}

/** Internal topics are made when they are first asked for. */
async function openCoordinators(world: World): Promise<void> {
  const keys = [
    [...GROUPS, 'g-missing'],
    [...TRANSACTIONS, 'tx-missing'],
    GROUPS.flatMap((group) =>
      TOPICS.map((topic) => new Reference('shareKey', `${group} ${topic}`)),
    ),
  ]
  for (const [keyType, coordinatorKeys] of keys.entries()) {
    await ready(world, apis.findCoordinator as never, 6, { keyType, coordinatorKeys })
  }
}

/** Has every coordinator asked something once. */
async function warmUp(world: World): Promise<void> {
  for (const groupId of [...GROUPS, 'g-missing']) {
    const body = { groupId, topics: null, requireStable: false }
    await ready(world, apis.offsetFetch as never, 7, body)
  }
  for (const transactionalId of [...TRANSACTIONS, 'tx-missing']) {
    const body = { transactionalId, transactionTimeoutMs: 60_000 }
    await ready(world, apis.initProducerId as never, 4, body)
  }
  const topics = TOPICS.map((topic) => ({
    topicId: new Reference('topicId', topic),
    partitions: [{ partition: 0, leaderEpoch: 0 }],
  }))
  for (const groupId of GROUPS) {
    await ready(world, apis.readShareGroupState as never, 0, { groupId, topics })
  }
}

/** Waits until both brokers name the same topics, and all parts of them know. */
export async function settle(worlds: readonly World[]): Promise<void> {
  for (let i = 0; i < SETTLE_TRIES; i++) {
    const [ours, theirs] = await Promise.all(worlds.map((world) => world.refresh()))
    const settled = await Promise.all(worlds.map((world) => world.hasSettled()))
    if (ours === theirs && settled.every(Boolean)) return
    await pause(50)
  }
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
