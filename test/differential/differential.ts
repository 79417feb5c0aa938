/**
 * The same random sequence of requests, legal and illegal, to ottla and to Apache Kafka: every
 * answer must be the same once what each broker names for itself is masked. Seeded: the same seed
 * makes the same sequence.
 */
import { SeededRandom } from '@ottla/base'
import { type Api, apis } from '@ottla/protocol'
import { handlers } from '../../packages/broker/src/handlers/handlers.ts'
import { GROUPS, Reference, TOPICS, TRANSACTIONS } from './domain.ts'
import { reasonFor } from './known-differences.ts'
import { randomBody } from './random-request.ts'
import type { Answer, World } from './world.ts'

export interface Difference {
  readonly seed: number
  readonly step: number
  readonly request: string
  /** Where the answers part, as `path: ottla / Apache Kafka`. */
  readonly at: string
  readonly body: unknown
  readonly ottla: Answer
  readonly apache: Answer
}

export interface Outcome {
  readonly requests: number
  /** Answered without an error on top: shows that legal requests are among them. */
  readonly answered: number
  readonly byApi: ReadonlyMap<string, number>
  readonly differences: readonly Difference[]
  readonly explained: ReadonlyMap<string, number>
}

/** What would end or reshape the node, or needs a peer to mean anything. */
const LEFT_OUT = new Set<number>(
  [
    apis.unregisterBroker,
    apis.updateFeatures,
    apis.addRaftVoter,
    apis.removeRaftVoter,
    apis.writeTxnMarkers,
    apis.alterReplicaLogDirs,
    apis.saslHandshake,
    apis.saslAuthenticate,
  ].map(({ key }) => key),
)
const CHANGES_TOPICS = new Set<number>(
  [apis.createTopics, apis.deleteTopics, apis.createPartitions, apis.metadata].map((a) => a.key),
)
const RETRIES = 8
const RETRY_MS = 100
const SETTLE_TRIES = 60
const WARM_UP_TRIES = 150

export async function compare(
  { ottla, apache }: { readonly ottla: World; readonly apache: World },
  seed: number,
  options: { readonly steps: number; readonly only?: string | undefined },
): Promise<Outcome> {
  const random = new SeededRandom(seed)
  const served = handlers.filter(
    ({ api }) => !LEFT_OUT.has(api.key) && (!options.only || api.name === options.only),
  )
  const differences: Difference[] = []
  const explained = new Map<string, number>()
  const byApi = new Map<string, number>()
  let answered = 0
  const worlds = [ottla, apache]
  await makeTopics(worlds)
  for (let step = 0; step < options.steps; step++) {
    const { api, lowest, highest } = served[
      random.integer(served.length)
    ] as (typeof served)[number]
    const version = lowest + random.integer(highest - lowest + 1)
    const body = randomBody(api, version, random)
    const [ours, theirs] = await askBoth(worlds, api, version, body)
    byApi.set(api.name, (byApi.get(api.name) ?? 0) + 1)
    if (isOrderly(ours)) answered++
    if (JSON.stringify(ours) !== JSON.stringify(theirs)) {
      const request = `${api.name} v${version}`
      const at = whereTheyPart('', ours, theirs)
      const difference = { seed, step, request, at, body, ottla: ours, apache: theirs }
      const reason = reasonFor(api, difference)
      if (reason === undefined) differences.push(difference)
      else explained.set(reason, (explained.get(reason) ?? 0) + 1)
    }
    if (CHANGES_TOPICS.has(api.key)) await settle(worlds)
  }
  return { requests: options.steps, answered, byApi, differences, explained }
}

/** Apache Kafka's threads learn of a change one after the other: a difference must stay. */
async function askBoth(
  worlds: readonly World[],
  api: Api,
  version: number,
  body: unknown,
): Promise<[Answer, Answer]> {
  const ask = () => Promise.all(worlds.map((world) => world.ask(api, version, body)))
  let answers = await ask()
  for (let i = 0; i < RETRIES && isRead(api) && !isSame(answers); i++) {
    await pause(RETRY_MS)
    answers = await ask()
  }
  return answers as [Answer, Answer]
}

function whereTheyPart(path: string, ours: unknown, theirs: unknown): string {
  if (isObject(ours) && isObject(theirs)) {
    for (const key of new Set([...Object.keys(ours), ...Object.keys(theirs)])) {
      if (JSON.stringify(ours[key]) === JSON.stringify(theirs[key])) continue
      return whereTheyPart(`${path}.${key}`, ours[key], theirs[key])
    }
  }
  return `${path}: ${JSON.stringify(ours)} / ${JSON.stringify(theirs)}`
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null

const isSame = ([ours, theirs]: readonly Answer[]) =>
  JSON.stringify(ours) === JSON.stringify(theirs)

const READS = new RegExp(
  '^(Describe|List|Find|Metadata|Fetch|Offset(Fetch|For)|ApiVersions|Read|' +
    '(Consumer|Share|Streams)GroupDescribe)',
)
const isRead = ({ name }: Api): boolean => READS.test(name)

const isOrderly = (answer: Answer): boolean =>
  answer !== null &&
  typeof answer === 'object' &&
  ((answer as { errorCode?: string }).errorCode ?? 'NONE') === 'NONE'

async function makeTopics(worlds: readonly World[]): Promise<void> {
  for (const world of worlds) {
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
  for (const world of worlds) await warmUp(world)
}

/** Apache Kafka makes its internal topics when first asked, and says "not yet" for a while. */
async function warmUp(world: World): Promise<void> {
  const ready = async (api: Api, version: number, body: unknown) => {
    for (let i = 0; i < WARM_UP_TRIES; i++) {
      const answer = JSON.stringify(await world.ask(api, version, body))
      if (!/COORDINATOR|no answer|closed/.test(answer)) return
      await pause(100)
    }
  }
  const groups = [...GROUPS, 'g-missing']
  const transactions = [...TRANSACTIONS, 'tx-missing']
  await ready(apis.findCoordinator as never, 6, { keyType: 0, coordinatorKeys: groups })
  await ready(apis.findCoordinator as never, 6, { keyType: 1, coordinatorKeys: transactions })
  for (const groupId of groups) {
    await ready(apis.offsetFetch as never, 7, { groupId, topics: null, requireStable: false })
  }
  for (const transactionalId of transactions) {
    await ready(apis.initProducerId as never, 4, { transactionalId, transactionTimeoutMs: 60_000 })
  }
  for (const groupId of GROUPS) {
    for (const topic of TOPICS) {
      const coordinatorKeys = [new Reference('shareKey', `${groupId} ${topic}`)]
      await ready(apis.findCoordinator as never, 6, { keyType: 2, coordinatorKeys })
      await ready(apis.readShareGroupState as never, 0, {
        groupId,
        topics: [
          {
            topicId: new Reference('topicId', topic),
            partitions: [{ partition: 0, leaderEpoch: 0 }],
          },
        ],
      })
    }
  }
}

/** Waits until both brokers name the same topics. */
async function settle(worlds: readonly World[]): Promise<void> {
  for (let i = 0; i < SETTLE_TRIES; i++) {
    const [ours, theirs] = await Promise.all(worlds.map((world) => world.refresh()))
    if (ours === theirs) return
    await pause(50)
  }
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
