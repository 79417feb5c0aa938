/**
 * Requests of members of share groups, sent one by one to a broker, and its answers in a form that
 * is equal for equal behaviour: error names instead of codes, topic names instead of ids.
 */
import {
  type Api,
  apis,
  BatchBuilder,
  errorName,
  type Fields,
  type FieldsInput,
  type InitProducerIdResponse,
  readBatches,
  type ShareAcknowledgeResponse,
  type ShareFetchResponse,
  type ShareGroupHeartbeatResponse,
} from '@ottla/protocol'
import { waitUntil } from '../support/judged-broker.ts'
import { MemberConnection } from './member-connection.ts'

/** `[first, last, ...types]` of one batch of acknowledgements. */
export type AckBatch = readonly [number, number, ...number[]]

/** Acknowledgements by partition name, as `{ 't-0': [[0, 4, 1]] }`. */
export type Acks = Readonly<Record<string, readonly AckBatch[]>>

export interface FetchOptions {
  readonly group: string
  readonly member: string
  readonly epoch: number
  /** Partitions of the request, as `t-0`. */
  readonly partitions?: readonly string[]
  readonly acks?: Acks
  readonly forget?: readonly string[]
  readonly maxBytes?: number
  readonly maxRecords?: number
  readonly batchSize?: number
  readonly maxWaitMs?: number
  readonly mode?: number
  readonly isRenewAck?: boolean
  /** Asks for records although it renews locks, which is not allowed. */
  readonly isAsking?: boolean
  readonly version?: number
}

export class ShareTranscript {
  readonly lines: string[] = []
  readonly bootstrap: string
  private readonly connections = new Map<string, MemberConnection>()
  private readonly ids = new Map<string, string>()

  constructor(bootstrap: string) {
    this.bootstrap = bootstrap
  }

  private connection(member: string): MemberConnection {
    let connection = this.connections.get(member)
    if (!connection) {
      connection = new MemberConnection(this.bootstrap)
      this.connections.set(member, connection)
    }
    return connection
  }

  disconnect(member: string): void {
    this.connections.get(member)?.close()
    this.connections.delete(member)
  }

  close(): void {
    for (const member of [...this.connections.keys()]) this.disconnect(member)
  }

  send<S>(member: string, api: unknown, version: number, body: FieldsInput<Fields>): Promise<S> {
    return this.connection(member).send<S>(api as Api, version, body)
  }

  /** Begins to use a transactional id, as soon as its coordinator is ready. */
  async producer(transactionalId: string): Promise<InitProducerIdResponse> {
    const body = { transactionalId, transactionTimeoutMs: 60_000 }
    let answer: InitProducerIdResponse | undefined
    await waitUntil(`coordinator of ${transactionalId} is ready`, async () => {
      answer = await this.send<InitProducerIdResponse>('admin', apis.initProducerId, 4, body)
      return answer.errorCode === 0
    })
    return answer as InitProducerIdResponse
  }

  /** Sends anything, and writes down the whole answer. */
  async ask(what: string, api: unknown, version: number, body: FieldsInput<Fields>) {
    const answer = await this.send<Record<string, unknown>>('admin', api, version, body)
    this.note(what, answer)
    return answer
  }

  note(what: string, answer: unknown): void {
    const names = new Map([...this.ids].map(([name, id]) => [id, name]))
    const masked = JSON.stringify(answer, (key, value) => {
      if (key === 'throttleTimeMs') return undefined
      if (/errorCode$/i.test(key)) return value === 0 ? undefined : errorName(value)
      if (/errorMessage$|statusDetail$/i.test(key)) return undefined
      return names.get(value) ?? value
    })
    // Maps give groups and topics any order.
    const text = JSON.stringify(JSON.parse(masked), (_key, value) =>
      Array.isArray(value) && typeof value[0] === 'object' ? sorted(value) : value,
    )
    this.lines.push(`${what}: ${text}`)
  }

  topicId(name: string): string {
    return (
      this.ids.get(name) ?? Buffer.from(name.padEnd(16, '!')).toString('base64url').slice(0, 22)
    )
  }

  async createTopic(name: string, numPartitions: number): Promise<void> {
    const topic = { name, numPartitions, replicationFactor: 1, assignments: [], configs: [] }
    const body = { topics: [topic], timeoutMs: 30_000, validateOnly: false }
    type Created = { topics: { topicId: string; errorCode: number }[] }
    const { topics } = await this.send<Created>('admin', apis.createTopics, 7, body)
    this.ids.set(name, topics[0]?.topicId as string)
    type Seen = { topics: { partitions: unknown[] }[] }
    await waitUntil(`${name} is there`, async () => {
      const asked = { topics: [{ name, topicId: NO_ID }], allowAutoTopicCreation: false }
      const seen = await this.send<Seen>('admin', apis.metadata, 12, asked)
      return seen.topics[0]?.partitions.length === numPartitions
    })
  }

  /** Apache Kafka's share coordinator learns of a topic after its broker has told clients. */
  async waitForCoordinator(name: string): Promise<void> {
    const partitions = [{ partition: 0, leaderEpoch: 0 }]
    const topics = [{ topicId: this.topicId(name), partitions }]
    type Summary = { results: { partitions: { errorCode: number }[] }[] }
    await waitUntil(`the coordinator knows ${name}`, async () => {
      const api = apis.readShareGroupStateSummary
      const summary = await this.send<Summary>('admin', api, 1, { groupId: 'any', topics })
      return summary.results[0]?.partitions[0]?.errorCode === 0
    })
  }

  /** Finds out the id of a topic that is there already. */
  async learnTopic(name: string): Promise<void> {
    const asked = { topics: [{ name, topicId: NO_ID }], allowAutoTopicCreation: false }
    type Seen = { topics: { topicId: string }[] }
    const seen = await this.send<Seen>('admin', apis.metadata, 12, asked)
    this.ids.set(name, seen.topics[0]?.topicId as string)
  }

  /** Records of a partition that a group has not done with. */
  async lag(groupId: string, topicName: string, partition: number): Promise<number> {
    const asked = { groups: [{ groupId, topics: [{ topicName, partitions: [partition] }] }] }
    type Told = { groups: { topics: { partitions: { lag: number }[] }[] }[] }
    const told = await this.send<Told>('admin', apis.describeShareGroupOffsets, 1, asked)
    return told.groups[0]?.topics[0]?.partitions[0]?.lag as number
  }

  /** Both coordinators' topics are made by the first question for them. */
  async findCoordinators(): Promise<void> {
    for (const keyType of [0, 1, 2]) {
      const key = keyType === 2 ? `any:${NO_ID}:0` : 'any'
      await waitUntil(`coordinator ${keyType} is there`, async () => {
        const body = { keyType, coordinatorKeys: [key] }
        type Found = { coordinators: { errorCode: number }[] }
        const found = await this.send<Found>('admin', apis.findCoordinator, 6, body)
        return found.coordinators[0]?.errorCode === 0
      })
    }
  }

  /** One batch with so many records. */
  async produce(topic: string, partition: number, count: number): Promise<void> {
    const builder = new BatchBuilder()
    for (let i = 0; i < count; i++) builder.append(1_700_000_000_000 + i, null, `value ${i}`)
    const partitionData = [{ index: partition, records: builder.finish() }]
    const body = {
      acks: -1,
      timeoutMs: 30_000,
      topicData: [{ topicId: this.topicId(topic), partitionData }],
    }
    await this.send('admin', apis.produce, 13, body)
  }

  setGroup(groupId: string, settings: Readonly<Record<string, string>>): Promise<void> {
    return this.set(32, groupId, settings)
  }

  setTopic(topic: string, settings: Readonly<Record<string, string>>): Promise<void> {
    return this.set(2, topic, settings)
  }

  /** Reads a partition from its beginning, until so many records are there. */
  async read(topic: string, partition: number, count: number): Promise<void> {
    const lines: string[] = []
    await waitUntil(`${count} records in ${topic}`, async () => {
      lines.length = 0
      const asked = { partition, fetchOffset: 0, partitionMaxBytes: 1 << 20 }
      const body = {
        maxWaitMs: 200,
        minBytes: 1,
        maxBytes: 1 << 20,
        isolationLevel: 0,
        topics: [{ topicId: this.topicId(topic), partitions: [asked] }],
        forgottenTopicsData: [],
      }
      type Got = { responses: { partitions: { records: Buffer }[] }[] }
      const got = await this.send<Got>('admin', apis.fetch, 13, body)
      for (const batch of readBatches(got.responses[0]?.partitions[0]?.records as Buffer)) {
        for (const { key, value, headers } of batch.records()) {
          const told = headers
            .filter(({ key: name }) => name !== '__dlq.errors.message')
            .map((header) => `${header.key}=${header.value}`)
          lines.push([key, value, ...told].join(' '))
        }
      }
      return lines.length >= count
    })
    this.lines.push(...lines.sort())
  }

  private async set(
    resourceType: number,
    resourceName: string,
    settings: Readonly<Record<string, string>>,
  ): Promise<void> {
    const configs = Object.entries(settings).map(([name, value]) => ({
      name,
      configOperation: 0,
      value,
    }))
    const resources = [{ resourceType, resourceName, configs }]
    const body = { resources, validateOnly: false }
    await this.send('admin', apis.incrementalAlterConfigs, 1, body)
    // Apache Kafka's group coordinator hears of it a moment later.
    await new Promise((resolve) => setTimeout(resolve, 300))
  }

  async beat(
    what: string,
    group: string,
    member: string,
    memberEpoch: number,
    topics: readonly string[] | null = null,
  ): Promise<ShareGroupHeartbeatResponse> {
    const body = { groupId: group, memberId: member, memberEpoch, subscribedTopicNames: topics }
    const answer = await this.send<ShareGroupHeartbeatResponse>(
      member,
      apis.shareGroupHeartbeat,
      1,
      body as FieldsInput<Fields>,
    )
    this.note(what, answer)
    return answer
  }

  /** Joins and waits until the partitions are assigned and initialized; only that is noted. */
  async join(group: string, member: string, topics: readonly string[], count: number) {
    const { length } = this.lines
    let epoch = 0
    await waitUntil(`${member} is assigned ${count}`, async () => {
      const answer = await this.beat('join', group, member, epoch, epoch === 0 ? topics : null)
      const held = answer.assignment?.topicPartitions.reduce((n, t) => n + t.partitions.length, 0)
      if (answer.errorCode === 0) epoch = answer.memberEpoch
      if (held === count) return true
      await new Promise((resolve) => setTimeout(resolve, 100))
      return false
    }).catch((cause) => {
      throw new Error(`join: ${this.lines.at(-1)}`, { cause })
    })
    this.lines.length = length
    this.lines.push(`${member} joined ${group}`)
    return epoch
  }

  private topicsOf(partitions: readonly string[], acks: Acks) {
    const topics = new Map<string, { partitionIndex: number; acknowledgementBatches: object[] }[]>()
    for (const name of new Set([...partitions, ...Object.keys(acks)])) {
      const at = name.lastIndexOf('-')
      const list = topics.get(name.slice(0, at)) ?? []
      topics.set(name.slice(0, at), list)
      list.push({
        partitionIndex: Number(name.slice(at + 1)),
        acknowledgementBatches: (acks[name] ?? []).map(([firstOffset, lastOffset, ...types]) => ({
          firstOffset,
          lastOffset,
          acknowledgeTypes: types,
        })),
      })
    }
    return [...topics].map(([name, list]) => ({ topicId: this.topicId(name), partitions: list }))
  }

  async fetch(what: string, options: FetchOptions): Promise<ShareFetchResponse> {
    const { group, member, epoch, partitions = [], acks = {}, forget = [] } = options
    const isRenewal = options.isRenewAck && !options.isAsking
    const body = {
      groupId: group,
      memberId: member,
      shareSessionEpoch: epoch,
      maxWaitMs: isRenewal ? 0 : (options.maxWaitMs ?? 500),
      minBytes: isRenewal ? 0 : 1,
      maxBytes: isRenewal ? 0 : (options.maxBytes ?? 1 << 20),
      maxRecords: isRenewal ? 0 : (options.maxRecords ?? 500),
      batchSize: options.batchSize ?? 500,
      shareAcquireMode: options.mode ?? 0,
      isRenewAck: options.isRenewAck ?? false,
      topics: this.topicsOf(partitions, acks),
      forgottenTopicsData: this.topicsOf(forget, {}).map(({ topicId, partitions: list }) => ({
        topicId,
        partitions: list.map(({ partitionIndex }) => partitionIndex),
      })),
    }
    const version = options.version ?? 2
    const answer = await this.send<ShareFetchResponse>(member, apis.shareFetch, version, body)
    this.note(what, { ...errors(answer), partitions: this.answered(answer) })
    return answer
  }

  async acknowledge(
    what: string,
    options: Pick<FetchOptions, 'group' | 'member' | 'epoch' | 'acks' | 'isRenewAck' | 'version'>,
  ): Promise<ShareAcknowledgeResponse> {
    const body = {
      groupId: options.group,
      memberId: options.member,
      shareSessionEpoch: options.epoch,
      isRenewAck: options.isRenewAck ?? false,
      topics: this.topicsOf([], options.acks ?? {}),
    }
    const answer = await this.send<ShareAcknowledgeResponse>(
      options.member,
      apis.shareAcknowledge,
      options.version ?? 2,
      body,
    )
    this.note(what, { ...errors(answer), partitions: this.answered(answer as never) })
    return answer
  }

  private answered(answer: ShareFetchResponse): string[] {
    const names = new Map([...this.ids].map(([name, id]) => [id, name]))
    return (
      answer.responses
        .flatMap(({ topicId, partitions }) =>
          partitions.map((partition) => {
            const name = `${names.get(topicId) ?? '?'}-${partition.partitionIndex}`
            const acquired = (partition.acquiredRecords ?? []).map(
              ({ firstOffset, lastOffset, deliveryCount }) =>
                `${firstOffset}-${lastOffset}x${deliveryCount}`,
            )
            const words = [name, ...acquired]
            if (partition.errorCode) words.push(errorName(partition.errorCode))
            if (partition.acknowledgeErrorCode) {
              words.push(`ack ${errorName(partition.acknowledgeErrorCode)}`)
            }
            return words.join(' ')
          }),
        )
        // Whether a partition is named that has nothing to tell is a matter of chance.
        .filter((line) => line.includes(' '))
        .sort()
    )
  }
}

const sorted = (list: readonly unknown[]) =>
  [...list].sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))

const NO_ID = 'AAAAAAAAAAAAAAAAAAAAAA'

const errors = (answer: { errorCode: number; acquisitionLockTimeoutMs: number }) => ({
  errorCode: answer.errorCode,
  lockMs: answer.acquisitionLockTimeoutMs,
})
