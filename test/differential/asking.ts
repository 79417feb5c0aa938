/**
 * Asks both brokers the same, and says when their answers can be compared.
 *
 * - What Apache Kafka's threads learn one after the other is asked again: a difference must stay.
 * - A heartbeat whose answers differ is followed by others, which change nothing, until both have
 *   told the member the same: Apache Kafka makes states of share partitions, internal topics, and
 *   matches patterns behind the answer.
 * - A member of a classic group that joins waits for others. Such a request is held, and compared
 *   when it is answered; meanwhile its member is silent.
 */
import { type Api, apis } from '@ottla/protocol'
import { Reference } from './reference.ts'
import type { Answer, Question, World } from './world.ts'

export type Answers = readonly [Answer, Answer]

const RETRIES = 8
const RETRY_MS = 100
const FOLLOW_UPS = 40
const FOLLOW_UP_MS = 50
/** Longer than a broker takes that waits for nobody. */
const HELD_AFTER_MS = 400
/** For the second answer, when the first is there. */
const OTHER_MS = 3_000

type Heard = (() => Answer) | undefined

interface Held {
  readonly question: Question
  readonly heard: [Heard, Heard]
  readonly both: Promise<unknown>
}

export class Asking {
  private readonly worlds: readonly [World, World]
  private readonly held = new Map<string, Held>()

  constructor(worlds: readonly [World, World]) {
    this.worlds = worlds
  }

  /** Whether the member has asked something that nobody has answered yet. */
  isHeld(member: string | undefined): boolean {
    return member !== undefined && this.held.has(member)
  }

  /** Both answers; undefined when the question may have to wait, see `answered`. */
  async ask(question: Question): Promise<Answers | undefined> {
    const { api, member } = question
    if (member !== undefined && WAITS.has(api.key)) {
      await this.hold(question, member)
      return undefined
    }
    if (member !== undefined && HEARTBEATS.has(api.key)) return this.askSettled(question, member)
    let answers = await this.askBoth(question)
    const isWorthRetrying = () => isRead(api) && !isSame(answers) && !answers.some(isSilence)
    for (let i = 0; i < RETRIES && isWorthRetrying(); i++) {
      await pause(RETRY_MS)
      answers = await this.askBoth(question)
    }
    return answers
  }

  private async askBoth(question: Question): Promise<Answers> {
    const answers = await Promise.all(this.worlds.map((world) => world.ask(question)))
    return answers as unknown as Answers
  }

  private async hold(question: Question, member: string): Promise<void> {
    const heard: Held['heard'] = [undefined, undefined]
    const both = Promise.all(
      this.worlds.map(async (world, i) => {
        heard[i as 0 | 1] = await world.hear(question)
      }),
    )
    this.held.set(member, { question, heard, both })
    await Promise.race([both, pause(HELD_AFTER_MS)])
  }

  /**
   * What was held and is answered now. When one of the brokers has answered the other one must;
   * then all answers are there, and with them the names of all members.
   */
  async answered(): Promise<{ readonly question: Question; readonly answers: Answers }[]> {
    const come = [...this.held].filter(([, { heard }]) => heard.some(Boolean))
    await Promise.all(come.map(([, { both }]) => Promise.race([both, pause(OTHER_MS)])))
    for (const [member] of come) this.held.delete(member)
    const answers = ({ heard }: Held) => heard.map((told) => told?.() ?? 'waits') as never
    return come.map(([, held]) => ({ question: held.question, answers: answers(held) }))
  }

  private async askSettled(question: Question, member: string): Promise<Answers> {
    const first = await this.askBoth(question)
    if (isSame(first) || question.isForeign || !isSame(first.map(withoutStanding))) return first
    const next = beatOf(question, member)
    for (let i = 0; i < FOLLOW_UPS; i++) {
      await pause(FOLLOW_UP_MS)
      const later = await this.askBoth(next)
      if (isSame(later) && isSame(this.standings(member, question.api))) return later
    }
    return this.standings(member, question.api)
  }

  private standings(member: string, api: Api): Answers {
    return this.worlds.map((world) => world.standing(member, api)) as never
  }
}

/** A heartbeat that says nothing. */
function beatOf({ api, version, body }: Question, member: string): Question {
  const { groupId, memberId, instanceId } = body as Record<string, unknown>
  const silence: Record<string, unknown> = {}
  for (const name of SAID) silence[name] = null
  const said = {
    ...silence,
    groupId,
    memberId,
    instanceId: instanceId ?? null,
    memberEpoch: new Reference('memberEpoch', member),
    rebalanceTimeoutMs: -1,
    endpointInformationEpoch: 0,
    shutdownApplication: false,
  }
  return { api, version, body: said, member }
}

const SAID = [
  ...['rackId', 'subscribedTopicNames', 'subscribedTopicRegex', 'serverAssignor'],
  ...['topicPartitions', 'topology', 'activeTasks', 'standbyTasks', 'warmupTasks', 'processId'],
  ...['userEndpoint', 'clientTags', 'taskOffsets', 'taskEndOffsets'],
]

const WAITS = new Set<number>([apis.joinGroup.key, apis.syncGroup.key])
const HEARTBEATS = new Set<number>([
  apis.consumerGroupHeartbeat.key,
  apis.shareGroupHeartbeat.key,
  apis.streamsGroupHeartbeat.key,
])

/** Where a member stands changes behind an answer. */
const STANDING = new Set(['memberEpoch', 'assignment', 'activeTasks', 'standbyTasks', 'status'])

function withoutStanding(answer: Answer): unknown {
  if (answer === null || typeof answer === 'string') return answer
  return Object.fromEntries(Object.entries(answer).filter(([name]) => !STANDING.has(name)))
}

const isSame = ([ours, theirs]: readonly unknown[]): boolean =>
  JSON.stringify(ours) === JSON.stringify(theirs)

const isSilence = (answer: Answer): boolean => answer === 'no answer in time'

const READS = new RegExp(
  '^(Describe|List|Find|Metadata|Fetch|Offset(Fetch|For)|ApiVersions|Read|' +
    '(Consumer|Share|Streams)GroupDescribe)',
)
const isRead = ({ name }: Api): boolean => READS.test(name)

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
