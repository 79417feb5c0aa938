/**
 * The same random sequence of requests, legal and illegal, to ottla and to Apache Kafka: every
 * answer must be the same once what each broker names for itself is masked. Random requests of
 * every API come in between those of members who live on (lives/). Seeded: the same seed makes the
 * same sequence as long as the answers are the same.
 */
import { SeededRandom } from '@ottla/base'
import { type Api, apis } from '@ottla/protocol'
import { handlers } from '../../packages/broker/src/handlers/handlers.ts'
import { type Answers, Asking } from './asking.ts'
import { knownFor } from './known-differences.ts'
import { LIFE_KINDS, type LifeKind, nextOf } from './lives/lives.ts'
import { randomBody } from './random-request.ts'
import { prepare, settle, settleTransactions } from './starting-point.ts'
import type { Answer, Question, World } from './world.ts'

/** One request and what each broker answered. */
export interface Exchange {
  readonly seed: number
  readonly step: number
  /** Name and version, and whose it was. */
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
  ].map(({ key }) => key),
)
const CHANGES_TOPICS = new Set<number>(
  [apis.createTopics, apis.deleteTopics, apis.createPartitions, apis.metadata].map((a) => a.key),
)
const ENDS_TRANSACTIONS = new Set<number>([apis.endTxn.key, apis.initProducerId.key])
/** How many of the requests are those of somebody who lives on. */
const LIVING = 0.5

const compared = handlers.filter(({ api }) => !LEFT_OUT.has(api.key))

export const servedNames = (): string[] => compared.map(({ api }) => api.name)

export interface Options {
  readonly steps: number
  /** Names of the APIs of random requests; all by default, none when only lives are asked for. */
  readonly only?: readonly string[] | undefined
  /** Who lives beside them: all by default, nobody when only APIs are asked for. */
  readonly lives?: readonly LifeKind[] | undefined
  readonly onStep?: (step: number, request: string) => void
  readonly onAnswers?: (exchange: Exchange) => void
  readonly onDifference?: (difference: Difference) => void
}

interface Worlds {
  readonly ottla: World
  readonly apache: World
}

export async function compare(worlds: Worlds, seed: number, options: Options): Promise<Outcome> {
  const random = new SeededRandom(seed)
  const both = [worlds.ottla, worlds.apache] as const
  const asking = new Asking(both)
  const tally = new Tally(seed, options)
  await prepare(both, seed)
  for (let step = 0; step < options.steps; step++) {
    const question = nextQuestion(options, random, worlds.ottla)
    // Whoever waits for an answer can say nothing else.
    if (asking.isHeld(question.member) || tally.isOver(question)) continue
    options.onStep?.(step, nameOf(question))
    const answers = await asking.ask(question)
    if (answers) tally.compare(step, question, answers)
    for (const late of await asking.answered()) tally.compare(step, late.question, late.answers)
    if (CHANGES_TOPICS.has(question.api.key)) await settle(both)
    if (ENDS_TRANSACTIONS.has(question.api.key)) await settleTransactions(both)
  }
  return tally
}

function nextQuestion({ only, lives }: Options, random: SeededRandom, world: World): Question {
  const kinds = lives ?? (only ? [] : LIFE_KINDS)
  const isOfLife = !only && lives ? true : kinds.length > 0 && random.chance(LIVING)
  if (isOfLife) return nextOf(kinds, random, world)
  const served = compared.filter(({ api }) => only?.includes(api.name) ?? true)
  const { api, lowest, highest } = random.pick(served)
  const version = lowest + random.integer(highest - lowest + 1)
  return { api, version, body: randomBody(api, version, random) }
}

const nameOf = ({ api, version, member }: Question): string =>
  `${api.name} v${version}${member === undefined ? '' : ` of ${member}`}`

class Tally implements Outcome {
  requests = 0
  answered = 0
  readonly byApi = new Map<string, number>()
  readonly differences: Difference[] = []
  readonly explained = new Map<string, number>()
  private readonly seed: number
  private readonly options: Options
  private readonly groupsOver = new Set<string>()

  constructor(seed: number, options: Options) {
    this.seed = seed
    this.options = options
  }

  /** Names a group that is another on each side. */
  isOver({ body }: Question): boolean {
    if (this.groupsOver.size === 0) return false
    const text = JSON.stringify(body)
    return [...this.groupsOver].some((group) => text.includes(JSON.stringify(group)))
  }

  compare(step: number, question: Question, [ottla, apache]: Answers): void {
    if (this.isOver(question)) return
    const { api, body } = question
    this.requests++
    add(this.byApi, api.name)
    const exchange = { seed: this.seed, step, request: nameOf(question), body, ottla, apache }
    this.options.onAnswers?.(exchange)
    if (isOrderly(ottla)) this.answered++
    if (JSON.stringify(ottla) !== JSON.stringify(apache)) this.note(api, exchange)
  }

  private note(api: Api, exchange: Exchange): void {
    const at = whereTheyPart('', exchange.ottla, exchange.apache)
    const difference = { ...exchange, at }
    const known = knownFor(api, difference)
    if (known) {
      add(this.explained, known.reason)
      if (known.endsGroup) this.groupsOver.add((exchange.body as { groupId: string }).groupId)
      return
    }
    this.differences.push(difference)
    this.options.onDifference?.(difference)
  }
}

const add = (counts: Map<string, number>, name: string): void => {
  counts.set(name, (counts.get(name) ?? 0) + 1)
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

const isOrderly = (answer: Answer): boolean =>
  answer !== null &&
  typeof answer === 'object' &&
  ((answer as { errorCode?: string }).errorCode ?? 'NONE') === 'NONE'
