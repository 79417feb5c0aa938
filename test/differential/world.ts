/**
 * One broker under comparison: sends it requests, puts what this broker calls things in place of
 * references, and brings answers into a form that is equal for equal behaviour. Live members have
 * connections of their own; all else goes over one.
 */
import { type Api, apis, errorCode, type Fields, type FieldsInput } from '@ottla/protocol'
import { TOPICS } from './domain.ts'
import { Mask } from './masking.ts'
import { Memory, NO_ID, type ToldTopic } from './memory.ts'
import { type Answer, Speaker } from './speaker.ts'

const ANSWER_TIMEOUT_MS = 3_000
/** A member that joins waits for the others. */
const MEMBER_TIMEOUT_MS = 120_000

const BUSY_TRIES = 80
const BUSY_MS = 25
const BUSY = errorCode('CONCURRENT_TRANSACTIONS')
const WAITS_FOR_TRANSACTIONS = new Set<number>(
  [
    apis.initProducerId,
    apis.addPartitionsToTxn,
    apis.addOffsetsToTxn,
    apis.endTxn,
    apis.produce,
    apis.txnOffsetCommit,
  ].map(({ key }) => key),
)
const SHARES = new Set<number>([apis.shareGroupHeartbeat.key, apis.shareGroupDescribe.key])
const ACQUIRES = new Set<number>([apis.shareFetch.key, apis.shareAcknowledge.key])

/** A request of somebody: `member` has a connection of its own and learns from the answer. */
export interface Question {
  readonly api: Api
  readonly version: number
  /** Values and references. */
  readonly body: unknown
  readonly member?: string | undefined
  /** The member speaks in another's name, so the answer is not for it. */
  readonly isForeign?: boolean
}

type Body = Record<string, unknown>

export class World implements Disposable {
  readonly name: string
  readonly memory: Memory
  private readonly bootstrap: string
  private readonly speakers = new Map<string, Speaker>()

  constructor(name: string, bootstrap: string, logDirs: readonly string[]) {
    this.name = name
    this.bootstrap = bootstrap
    this.memory = new Memory(logDirs)
  }

  close(): void {
    for (const speaker of this.speakers.values()) speaker.close()
    this.speakers.clear()
  }

  [Symbol.dispose](): void {
    this.close()
  }

  /** From now on names are those of this seed; the members of the last one fall silent. */
  begin(seed: number): void {
    this.close()
    this.memory.begin(seed)
  }

  private speaker(name = ''): Speaker {
    const known = this.speakers.get(name)
    if (known) return known
    const speaker = new Speaker(this.bootstrap)
    this.speakers.set(name, speaker)
    return speaker
  }

  /** Sends a body that may hold references; the answer is masked. */
  async ask(question: Question): Promise<Answer> {
    return (await this.hear(question))()
  }

  /** The answer is masked when it is looked at: its members may have been heard of by then. */
  async hear(question: Question): Promise<() => Answer> {
    const { api, member } = question
    const sent = this.memory.resolved(question.body) as Body
    const answer = await this.patiently(question, sent as FieldsInput<Fields>)
    if (typeof answer === 'string' && member !== undefined) {
      // A share session ends with its connection, and gives back what it has.
      this.memory.member(member).session({ shareSessionEpoch: -1 }, true)
    }
    if (answer === null || typeof answer === 'string') return () => answer
    this.learn(question, sent, answer as Body)
    const options = {
      showsGeneration: member !== undefined,
      hidesRecords: ACQUIRES.has(api.key),
      hidesPartitions: SHARES.has(api.key),
      hidesAny: api.key === apis.shareGroupDescribe.key,
    }
    return () => new Mask(this.memory, options).masked(answer) as object
  }

  private learn({ api, body, member, isForeign }: Question, sent: Body, answer: Body): void {
    this.memory.learn(api, body as Body, sent, answer)
    if (member !== undefined) {
      if (!isForeign) this.memory.member(member).learn(api, sent, answer as never)
    } else if (api.key === apis.joinGroup.key && answer['memberId']) {
      this.memory.member(String((body as Body)['groupId'])).memberId = String(answer['memberId'])
    }
  }

  /** Comes back, as clients do, while a transaction is being ended; ottla waits by itself. */
  private async patiently(question: Question, body: FieldsInput<Fields>): Promise<Answer> {
    const { api, version, member } = question
    const timeoutMs = member === undefined ? ANSWER_TIMEOUT_MS : MEMBER_TIMEOUT_MS
    for (let i = 0; ; i++) {
      const answer = await this.speaker(member).send(api, version, body, timeoutMs)
      const isBusy =
        WAITS_FOR_TRANSACTIONS.has(api.key) && JSON.stringify(answer).includes(`Code":${BUSY}`)
      if (!isBusy || i === BUSY_TRIES) return answer
      await new Promise((resolve) => setTimeout(resolve, BUSY_MS))
    }
  }

  /** Where a member stands, as it was told through this API. */
  standing(member: string, api: Api): object {
    const { epoch, held: topicPartitions, tasks } = this.memory.member(member)
    const mask = new Mask(this.memory, { hidesPartitions: SHARES.has(api.key) })
    return mask.masked({ epoch, topicPartitions, tasks }) as object
  }

  /** Sends a body as it is, and gives the answer as it is. */
  send(api: unknown, version: number, body: object): Promise<Answer> {
    return this.speaker().send(api as Api, version, body as never, ANSWER_TIMEOUT_MS)
  }

  /**
   * Whether the coordinators know of the topics that there are: Apache Kafka's learn of them a
   * little later than those who ask for metadata.
   */
  async hasSettled(): Promise<boolean> {
    const { ids, partitionCounts, ending } = this.memory
    const names = [...TOPICS, 'dif-missing'].map((name) => name + ending)
    const answer = await this.send(apis.describeShareGroupOffsets, 0, {
      groups: [
        {
          groupId: 'settling',
          topics: names.map((topicName) => ({
            topicName,
            partitions: [(partitionCounts.get(topicName) ?? 1) - 1],
          })),
        },
      ],
    })
    const topics = (answer as { groups?: { topics: { topicName: string; topicId: string }[] }[] })
      .groups?.[0]?.topics
    return names.every((name) => {
      const topicId = ids.get(name) ?? NO_ID
      return topics?.some((topic) => topic.topicName === name && topic.topicId === topicId)
    })
  }

  /** Asks what topics there are, so that names and ids can be told from each other. */
  async refresh(): Promise<string> {
    const answer = (await this.send(apis.metadata, 12, {
      topics: null,
      allowAutoTopicCreation: false,
    })) as { topics: ToldTopic[] }
    this.memory.setTopics(answer.topics)
    return answer.topics
      .map(({ name, partitions }) => `${name}:${partitions.length}`)
      .sort()
      .join()
  }

  /** The states of the transactions, and whether one of them is being ended. */
  async transactions(ids: readonly string[]): Promise<{ states: string; isBusy: boolean }> {
    const transactionalIds = ids.map((id) => id + this.memory.ending)
    const answer = (await this.send(apis.describeTransactions, 0, { transactionalIds })) as {
      transactionStates?: { transactionalId: string; transactionState: string }[]
    }
    const states = (answer.transactionStates ?? [])
      .map(({ transactionalId, transactionState }) => `${transactionalId} ${transactionState}`)
      .sort()
      .join()
    return { states, isBusy: /Prepare/.test(states) }
  }
}

export type { Answer } from './speaker.ts'
