/**
 * The same random sequence of requests, legal and illegal, to ottla and to Apache Kafka: every
 * answer must be the same once what each broker names for itself is masked. Seeded: the same seed
 * makes the same sequence.
 */
import { SeededRandom } from '@ottla/base'
import { type Api, apis } from '@ottla/protocol'
import { handlers } from '../../packages/broker/src/handlers/handlers.ts'
import { reasonFor } from './known-differences.ts'
import { randomBody } from './random-request.ts'
import { prepare, settle } from './starting-point.ts'
import type { Answer, World } from './world.ts'

/** One request and what each broker answered. */
export interface Exchange {
  readonly seed: number
  readonly step: number
  /** Name and version. */
  readonly request: string
  readonly body: unknown
  readonly ottla: Answer
  readonly apache: Answer
}

export interface Difference extends Exchange {
  /** Where the answers part, as `path: ottla / Apache Kafka`. */
  readonly at: string
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

const compared = handlers.filter(({ api }) => !LEFT_OUT.has(api.key))

export const servedNames = (): string[] => compared.map(({ api }) => api.name)

export interface Options {
  readonly steps: number
  /** Names of the APIs to ask; all by default. */
  readonly only?: readonly string[] | undefined
  readonly onStep?: (step: number, request: string) => void
  readonly onAnswers?: (exchange: Exchange) => void
  readonly onDifference?: (difference: Difference) => void
}

export async function compare(
  { ottla, apache }: { readonly ottla: World; readonly apache: World },
  seed: number,
  options: Options,
): Promise<Outcome> {
  const random = new SeededRandom(seed)
  const served = compared.filter(({ api }) => options.only?.includes(api.name) ?? true)
  const differences: Difference[] = []
  const explained = new Map<string, number>()
  const byApi = new Map<string, number>()
  let answered = 0
  const worlds = [ottla, apache]
  await prepare(worlds, seed)
  for (let step = 0; step < options.steps; step++) {
    const { api, lowest, highest } = served[
      random.integer(served.length)
    ] as (typeof served)[number]
    const version = lowest + random.integer(highest - lowest + 1)
    const body = randomBody(api, version, random)
    const request = `${api.name} v${version}`
    options.onStep?.(step, request)
    const [ours, theirs] = await askBoth(worlds, api, version, body)
    byApi.set(api.name, (byApi.get(api.name) ?? 0) + 1)
    const exchange = { seed, step, request, body, ottla: ours, apache: theirs }
    options.onAnswers?.(exchange)
    if (isOrderly(ours)) answered++
    if (JSON.stringify(ours) !== JSON.stringify(theirs)) {
      const at = whereTheyPart('', ours, theirs)
      const difference = { ...exchange, at }
      const reason = reasonFor(api, difference)
      if (reason === undefined) {
        differences.push(difference)
        options.onDifference?.(difference)
      } else explained.set(reason, (explained.get(reason) ?? 0) + 1)
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
  const isWorthRetrying = () => isRead(api) && !isSame(answers) && !answers.some(isSilence)
  for (let i = 0; i < RETRIES && isWorthRetrying(); i++) {
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
  return `${path}: ${shortened(ours)} / ${shortened(theirs)}`
}

const shortened = (value: unknown): string => (JSON.stringify(value) ?? 'nothing').slice(0, 240)

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null

const isSame = ([ours, theirs]: readonly Answer[]) =>
  JSON.stringify(ours) === JSON.stringify(theirs)

const isSilence = (answer: Answer): boolean => answer === 'no answer in time'

const READS = new RegExp(
  '^(Describe|List|Find|Metadata|Fetch|Offset(Fetch|For)|ApiVersions|Read|' +
    '(Consumer|Share|Streams)GroupDescribe)',
)
const isRead = ({ name }: Api): boolean => READS.test(name)

const isOrderly = (answer: Answer): boolean =>
  answer !== null &&
  typeof answer === 'object' &&
  ((answer as { errorCode?: string }).errorCode ?? 'NONE') === 'NONE'

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
