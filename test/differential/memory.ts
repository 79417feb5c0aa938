/**
 * What one broker calls things: ids of topics, producers with their epochs and sequence numbers,
 * members with their epochs, partitions and acquired records. Learned from its answers; put in
 * place of references before a request is sent.
 */
import {
  type Api,
  apis,
  BatchBuilder,
  ConsumerProtocolAssignment,
  ConsumerProtocolSubscription,
  encodePrefixed,
} from '@ottla/protocol'
import { TOPICS } from './domain.ts'
import { MemberMemory } from './member-memory.ts'
import { Reference } from './reference.ts'

export const NO_ID = 'AAAAAAAAAAAAAAAAAAAAAA'
/** Names that every seed has for itself. */
const SEEDED = /^(dif|g|tx)-/
const ACKED_MAX = 2
const SUBSCRIPTION_VERSION = 1

interface Producer {
  readonly id: number
  readonly epoch: number
}

/** A topic as Metadata tells it. */
export interface ToldTopic {
  readonly name: string | null
  readonly topicId: string
  readonly partitions: readonly unknown[]
}

export class Memory {
  readonly ids = new Map<string, string>()
  readonly names = new Map<string, string>()
  readonly partitionCounts = new Map<string, number>()
  readonly logDirs: readonly string[]
  private readonly producers = new Map<string, Producer>()
  private readonly sequences = new Map<string, number>()
  private readonly members = new Map<string, MemberMemory>()
  /** Ends the names of this seed's topics, groups and transactions: each seed has its own. */
  ending = ''

  constructor(logDirs: readonly string[]) {
    this.logDirs = logDirs
  }

  begin(seed: number): void {
    this.ending = `.s${seed}`
    this.producers.clear()
    this.sequences.clear()
    this.members.clear()
  }

  setTopics(topics: readonly ToldTopic[]): void {
    this.ids.clear()
    for (const { name, topicId, partitions } of topics) {
      this.ids.set(name as string, topicId)
      this.names.set(topicId, name as string)
      this.partitionCounts.set(name as string, partitions.length)
    }
  }

  member(name: string): MemberMemory {
    const known = this.members.get(name)
    if (known) return known
    const member = new MemberMemory()
    this.members.set(name, member)
    return member
  }

  /** Who has the id, by the name the test has for it. */
  memberNamed(memberId: string): string | undefined {
    if (memberId === '') return undefined
    for (const [name, member] of this.members) if (member.memberId === memberId) return name
    return undefined
  }

  resolved(value: unknown): unknown {
    if (value instanceof Reference) return this.lookUp(value)
    if (Array.isArray(value)) return value.map((entry) => this.resolved(entry))
    if (typeof value === 'string') return this.named(value)
    if (value === null || typeof value !== 'object' || Buffer.isBuffer(value)) return value
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, this.resolved(v)]))
  }

  private named = (text: string): string => (SEEDED.test(text) ? text + this.ending : text)

  private lookUp(reference: Reference): unknown {
    const { kind, key, detail } = reference
    switch (kind) {
      case 'topicId':
        return this.idOf(key)
      case 'shareKey': {
        const [group, topic] = key.split(' ') as [string, string]
        return `${group}${this.ending}:${this.idOf(topic)}:0`
      }
      case 'logDir':
        return this.logDirs[Number(key)]
      case 'producerId':
        return this.producers.get(this.named(key))?.id ?? -1
      case 'producerEpoch':
        return this.producers.get(this.named(key))?.epoch ?? -1
      case 'memberId':
        return this.member(key).memberId || (detail['otherwise'] ?? 'nobody')
      case 'memberEpoch':
        return this.member(key).epoch
      case 'sessionEpoch':
        return this.member(key).sessionEpoch
      case 'held':
        return this.member(key).held
      case 'tasks':
        return this.member(key).tasks
      case 'batch':
        return this.batch(reference)
      case 'subscription':
        return this.subscription(reference)
      case 'assignments':
        return this.assignments(reference)
      case 'acknowledgements':
        return this.acknowledgements(reference)
    }
  }

  private idOf(topic: string): string {
    return this.ids.get(topic + this.ending) ?? unknownIdOf(topic)
  }

  /** `again` repeats the last sequence number, `gap` leaves some out. */
  private batch({ key, detail }: Reference): Buffer {
    const { id, epoch } = this.producers.get(this.named(key)) ?? { id: -1, epoch: -1 }
    const { topic, partition, count, order } = detail as unknown as BatchDetail
    const due = this.sequences.get(this.sequenceKey({ id, epoch }, topic, partition)) ?? 0
    const last = Math.max(0, due - count)
    const builder = new BatchBuilder()
    for (let i = 0; i < count; i++) builder.append(1_700_000_000_000 + i, key, `${key} ${i}`)
    return builder.finish({
      producerId: id,
      producerEpoch: epoch,
      baseSequence: order === 'again' ? last : order === 'gap' ? due + 3 : due,
      isTransactional: detail['isTransactional'] === true,
    })
  }

  private sequenceKey({ id, epoch }: Producer, topic: string, partition: number): string {
    return `${id} ${epoch} ${this.idOf(topic)} ${partition}`
  }

  private subscription({ key, detail }: Reference): Buffer {
    const topics = (detail['topics'] as string[]).map(this.named)
    const ownedPartitions = this.member(key).owned.map(({ topic, partitions }) => ({
      topic,
      partitions: [...partitions],
    }))
    const value = { topics, userData: null, ownedPartitions }
    return encodePrefixed(
      ConsumerProtocolSubscription,
      SUBSCRIPTION_VERSION,
      SUBSCRIPTION_VERSION,
      value,
    )
  }

  /** The leader's assignment: the partitions of all topics in turn. Others say nothing. */
  private assignments({ key }: Reference): object[] {
    const { isLeader, members } = this.member(key)
    if (!isLeader) return []
    const inOrder = [...members].sort((a, b) => (this.orderOf(a) < this.orderOf(b) ? -1 : 1))
    const all = TOPICS.map((name) => name + this.ending).flatMap((topic) =>
      Array.from({ length: this.partitionCounts.get(topic) ?? 0 }, (_, partition) => ({
        topic,
        partition,
      })),
    )
    return inOrder.map((memberId, i) => {
      const own = all.filter((_, at) => at % inOrder.length === i)
      const assignedPartitions = own.map(({ topic, partition }) => ({
        topic,
        partitions: [partition],
      }))
      const value = { assignedPartitions, userData: null }
      return {
        memberId,
        assignment: encodePrefixed(
          ConsumerProtocolAssignment,
          SUBSCRIPTION_VERSION,
          SUBSCRIPTION_VERSION,
          value,
        ),
      }
    })
  }

  private orderOf = (memberId: string): string => this.memberNamed(memberId) ?? memberId

  private acknowledgements({ key, detail }: Reference): object[] {
    const { topic, partition, types } = detail as {
      topic: string
      partition: number
      types: number[]
    }
    const topicId = this.idOf(topic)
    const mine = this.member(key).acquired.filter(
      (range) => range.topicId === topicId && range.partition === partition,
    )
    return mine.slice(0, ACKED_MAX).map(({ first, last }, i) => ({
      firstOffset: first,
      lastOffset: last,
      acknowledgeTypes: [types[i % types.length]],
    }))
  }

  /** What an answer teaches about producers. `body` holds references, `sent` what was sent. */
  learn(
    api: Api,
    body: Readonly<Record<string, unknown>>,
    sent: Readonly<Record<string, unknown>>,
    answer: Readonly<Record<string, unknown>>,
  ): void {
    if (api.key === apis.produce.key) this.learnProduced(body, answer)
    if (answer['errorCode'] !== 0) return
    if (api.key !== apis.initProducerId.key && api.key !== apis.endTxn.key) return
    const { producerId: id = -1, producerEpoch: epoch = -1 } = answer as {
      producerId?: number
      producerEpoch?: number
    }
    // EndTxn tells them from version 5 on.
    if (id >= 0) this.producers.set(String(sent['transactionalId']), { id, epoch })
  }

  private learnProduced(
    body: Readonly<Record<string, unknown>>,
    answer: Readonly<Record<string, unknown>>,
  ): void {
    const errors = (answer['responses'] as ProducedTopic[]).flatMap((topic) =>
      topic.partitionResponses.map((partition) => ({ ...topic, ...partition })),
    )
    for (const { partitionData } of body['topicData'] as {
      partitionData: { records: unknown }[]
    }[]) {
      for (const { records } of partitionData) {
        if (!(records instanceof Reference) || records.detail['order'] !== 'due') continue
        const { topic, partition, count } = records.detail as unknown as BatchDetail
        const isThere = errors.some(
          (one) =>
            one.errorCode === 0 &&
            one.index === partition &&
            (one.name === topic + this.ending || one.topicId === this.idOf(topic)),
        )
        const producer = this.producers.get(this.named(records.key))
        if (!isThere || !producer) continue
        const key = this.sequenceKey(producer, topic, partition)
        this.sequences.set(key, (this.sequences.get(key) ?? 0) + count)
      }
    }
  }
}

export interface BatchDetail {
  readonly topic: string
  readonly partition: number
  readonly count: number
  readonly order: 'due' | 'again' | 'gap'
  readonly isTransactional: boolean
}

interface ProducedTopic {
  readonly name: string
  readonly topicId: string
  readonly partitionResponses: readonly { readonly index: number; readonly errorCode: number }[]
}

/** What stands for the id of a topic that is not there: none is named twice in a request. */
const unknownIdOf = (topic: string): string =>
  `AAAAAAAAAAAAAAAAAAAAN${'AQgw'[TOPICS.indexOf(topic as never) + 1]}`
