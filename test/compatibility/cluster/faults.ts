/**
 * What is done to the cluster while the load runs. Every fault ends with all three nodes in service
 * again and all replicas in sync, so that the next one, too, leaves a majority alone.
 */
import { setTimeout as pause } from 'node:timers/promises'
import type { Random } from '@ottla/base'
import type { Kafka } from '@ottla/client'
import { apis } from '@ottla/protocol'
import { type ApacheCluster, NODE_IDS, type NodeId } from '../support/apache-cluster.ts'
import { waitUntil } from '../support/judged-broker.ts'
import { EVENTS, PROTOCOLS } from './load.ts'

export const FAULTS = [
  'leaders-move',
  'leader-killed',
  'leader-suspended',
  'leader-cut-off',
  'group-coordinator-killed',
  'transaction-coordinator-killed',
  'controller-killed',
  'connections-cut',
  'answers-lost',
  'slow-network',
  'address-moved',
  'worker-doubled',
] as const
export type Fault = (typeof FAULTS)[number]

export interface Site {
  readonly cluster: ApacheCluster
  /** A client of its own for looking and moving; goes through the proxies like the others. */
  readonly kafka: Kafka
  readonly random: Random
  /** Starts a second worker with the transactional id of the first. */
  readonly doubleWorker: () => void
}

const WAIT_MS = 120_000
/** Longer than requests of the load may take, so that they are given up. */
const CUT_OFF_MS = 4_000
const CUTS = 6

export async function inflict(fault: Fault, site: Site): Promise<void> {
  await ACTIONS[fault](site)
  await waitForReplicas(site)
}

/** All replicas of all topics are in sync, and every partition has a leader. */
export async function waitForReplicas({ kafka }: Site): Promise<void> {
  const inSync = async () => {
    try {
      const names = (await kafka.admin.listTopics({ includeInternal: true })).map((t) => t.name)
      const topics = await kafka.admin.describeTopics(names)
      return topics.every(({ partitions }) =>
        partitions.every((p) => p.leader >= 0 && p.isr.length === NODE_IDS.length),
      )
    } catch {
      // Whoever was asked may have been the node that is coming back: asked again.
      return false
    }
  }
  await waitUntil('all replicas in sync', inSync, WAIT_MS)
}

const ACTIONS: Readonly<Record<Fault, (site: Site) => Promise<void>>> = {
  'leaders-move': moveLeaders,
  'leader-killed': async (site) => killAndRestart(site, await leaderOf(site)),
  'leader-suspended': async (site) => {
    const node = await leaderOf(site)
    site.cluster.suspend(node)
    try {
      await waitUntil('another leader', async () => (await leaderOf(site)) !== node, WAIT_MS)
    } finally {
      site.cluster.resume(node)
    }
  },
  'leader-cut-off': async (site) => {
    const proxy = site.cluster.proxy(await leaderOf(site))
    proxy.isStalled = true
    await pause(CUT_OFF_MS)
    proxy.isStalled = false
  },
  'group-coordinator-killed': async (site) => {
    const group = `readers-${PROTOCOLS[site.random.integer(PROTOCOLS.length)]}`
    await killAndRestart(site, await coordinatorOf(site, group, 0))
  },
  'transaction-coordinator-killed': async (site) => {
    const id = `copier-${PROTOCOLS[site.random.integer(PROTOCOLS.length)]}-0`
    await killAndRestart(site, await coordinatorOf(site, id, 1))
  },
  'controller-killed': async (site) => {
    const { leader } = await site.kafka.admin.describeMetadataQuorum()
    await killAndRestart(site, nodeId(leader))
  },
  'connections-cut': async ({ cluster }) => {
    for (let i = 0; i < CUTS; i++) {
      for (const id of NODE_IDS) cluster.proxy(id).cutAll()
      await pause(150)
    }
  },
  'answers-lost': async ({ cluster }) => {
    const proxies = NODE_IDS.map((id) => cluster.proxy(id))
    for (let i = 0; i < CUTS; i++) {
      for (const proxy of proxies) proxy.isDeaf = true
      await pause(30)
      for (const proxy of proxies) {
        proxy.cutAll()
        proxy.isDeaf = false
      }
      await pause(200)
    }
  },
  'slow-network': async ({ cluster }) => {
    const proxies = NODE_IDS.map((id) => cluster.proxy(id))
    for (const [i, proxy] of proxies.entries()) proxy.delayMs = 40 * (i + 1)
    await pause(CUT_OFF_MS)
    for (const proxy of proxies) {
      proxy.delayMs = 0
      // What is still under way would be overtaken.
      proxy.cutAll()
    }
  },
  'address-moved': async (site) => {
    const node = NODE_IDS[site.random.integer(NODE_IDS.length)] as NodeId
    await site.cluster.kill9(node)
    await site.cluster.moveAddress(node)
    await site.cluster.startNode(node)
  },
  'worker-doubled': async ({ doubleWorker }) => doubleWorker(),
}

const nodeId = (id: number): NodeId => {
  const found = NODE_IDS.find((node) => node === id)
  if (!found) throw new Error(`there is no node ${id}`)
  return found
}

/** Asked again while elections are under way. */
async function asked<T>(what: string, ask: () => Promise<T | undefined>): Promise<T> {
  let answer: T | undefined
  const isAnswered = async () => {
    answer = await ask()
    return answer !== undefined
  }
  await waitUntil(what, isAnswered, WAIT_MS)
  return answer as T
}

const leaderOf = ({ kafka }: Site): Promise<NodeId> =>
  asked('a leader', async () => {
    const [topic] = await kafka.admin.describeTopics([EVENTS])
    const leader = topic?.partitions[0]?.leader ?? -1
    return leader < 0 ? undefined : nodeId(leader)
  })

const coordinatorOf = ({ kafka }: Site, key: string, keyType: number): Promise<NodeId> =>
  asked(`the coordinator of ${key}`, async () => {
    const body = { key, keyType, coordinatorKeys: [key] }
    const { coordinators } = await kafka.request(apis.findCoordinator, body)
    const [found] = coordinators
    return found?.errorCode === 0 ? nodeId(found.nodeId) : undefined
  })

/** What the node led is led by others before it comes back. */
async function killAndRestart(site: Site, node: NodeId): Promise<void> {
  await site.cluster.kill9(node)
  await waitUntil('other leaders', async () => (await leaderOf(site)) !== node, WAIT_MS)
  await site.cluster.startNode(node)
}

/** The replicas of each partition in the next order, and an election of the first of them. */
async function moveLeaders({ kafka }: Site): Promise<void> {
  const topics = await kafka.admin.describeTopics([EVENTS, '__consumer_offsets'])
  const moves = topics.flatMap(({ name: topic, partitions }) =>
    partitions.map(({ partition, replicas }) => ({
      topic,
      partition,
      replicas: [...replicas.slice(1), replicas[0] as number],
    })),
  )
  const results = await kafka.admin.alterPartitionReassignments(moves)
  for (const { error } of results) if (error) throw error
  await waitUntil(
    'the moves',
    async () => (await kafka.admin.listPartitionReassignments(moves)).length === 0,
    WAIT_MS,
  )
  const elected = await kafka.admin.electLeaders('preferred', moves)
  for (const { error } of elected) {
    if (error && (error as { code?: string }).code !== 'ELECTION_NOT_NEEDED') throw error
  }
}
