/**
 * One broker under comparison: sends it requests on a connection of its own, puts what this broker
 * calls things in place of references, and brings answers into a form that is equal for equal
 * behaviour.
 */
import { connect, type Socket } from 'node:net'
import { messageOf } from '@ottla/base'
import {
  type Api,
  apis,
  decodeResponse,
  encodeRequest,
  errorCode,
  errorName,
  type Fields,
  type FieldsInput,
} from '@ottla/protocol'
import { Reference, TOPICS } from './domain.ts'

const ANSWER_TIMEOUT_MS = 3_000

const BUSY_TRIES = 40
const BUSY_MS = 25
const BUSY = errorCode('CONCURRENT_TRANSACTIONS')
const ENDS_TRANSACTIONS = new Set<number>(
  [apis.initProducerId, apis.addPartitionsToTxn, apis.addOffsetsToTxn, apis.endTxn].map(
    ({ key }) => key,
  ),
)

/** A broker's answer, or how it refused to give one. */
export type Answer = string | object | null

type Named = { name: string | null; topicId: string; errorCode: number }

export class World implements Disposable {
  readonly name: string
  private readonly bootstrap: string
  private socket: Socket | undefined
  private readonly ids = new Map<string, string>()
  private readonly partitionCounts = new Map<string, number>()
  private readonly names = new Map<string, string>()
  private readonly producers = new Map<string, { id: number; epoch: number }>()
  private readonly members = new Map<string, string>()
  /** Ends the names of this seed's topics, groups and transactions: each seed has its own. */
  private ending = ''

  constructor(name: string, bootstrap: string) {
    this.name = name
    this.bootstrap = bootstrap
  }

  close(): void {
    this.socket?.destroy()
    this.socket = undefined
  }

  [Symbol.dispose](): void {
    this.close()
  }

  /** From now on names are those of this seed. */
  begin(seed: number): void {
    this.ending = `.s${seed}`
    this.producers.clear()
    this.members.clear()
  }

  topicNames(): Iterable<string> {
    return this.ids.keys()
  }

  /** Sends a body that may hold references; the answer is masked. */
  async ask(api: Api, version: number, body: unknown): Promise<Answer> {
    const answer = await this.patiently(api, version, this.resolved(body) as FieldsInput<Fields>)
    if (answer === null || typeof answer === 'string') return answer
    this.learn(api, body as Record<string, unknown>, answer as never)
    return this.masked(answer, '') as object
  }

  /** Comes back, as clients do, while a transaction is being ended; ottla waits by itself. */
  private async patiently(api: Api, version: number, body: FieldsInput<Fields>): Promise<Answer> {
    for (let i = 0; ; i++) {
      const answer = await this.send(api, version, body)
      const isBusy =
        ENDS_TRANSACTIONS.has(api.key) && JSON.stringify(answer).includes(`Code":${BUSY}`)
      if (!isBusy || i === BUSY_TRIES) return answer
      await new Promise((resolve) => setTimeout(resolve, BUSY_MS))
    }
  }

  send(api: Api, version: number, body: FieldsInput<Fields>): Promise<Answer> {
    const header = { correlationId: 1, clientId: 'differential' }
    const frame = Buffer.concat(encodeRequest(api, version, header, body))
    const isAnswered = api.key !== apis.produce.key || (body as { acks?: number }).acks !== 0
    this.socket ??= connect(Number(this.bootstrap.split(':')[1]), '127.0.0.1')
    const { socket } = this
    return new Promise((resolve) => {
      let received = Buffer.alloc(0)
      const end = (answer: Answer) => {
        socket.removeAllListeners()
        clearTimeout(timer)
        if (typeof answer === 'string') {
          socket.on('error', () => {})
          this.close()
        }
        resolve(answer)
      }
      const timer = setTimeout(() => end('no answer in time'), ANSWER_TIMEOUT_MS)
      socket.on('error', () => end('closed'))
      socket.on('close', () => end('closed'))
      socket.on('data', (chunk) => {
        received = Buffer.concat([received, chunk])
        const size = received.length < 4 ? Number.POSITIVE_INFINITY : received.readInt32BE(0) + 4
        if (received.length < size) return
        try {
          end(decodeResponse(api, version, received.subarray(4, size)) as object)
        } catch (error) {
          end(`not decodable: ${messageOf(error)}`)
        }
      })
      socket.write(frame)
      if (!isAnswered) end(null)
    })
  }

  /**
   * Whether the coordinators know of the topics that there are: Apache Kafka's learn of them a
   * little later than those who ask for metadata.
   */
  async hasSettled(): Promise<boolean> {
    const names = [...TOPICS, 'dif-missing'].map((name) => name + this.ending)
    const answer = await this.send(apis.describeShareGroupOffsets as never, 0, {
      groups: [
        {
          groupId: 'settling',
          topics: names.map((topicName) => ({
            topicName,
            partitions: [(this.partitionCounts.get(topicName) ?? 1) - 1],
          })),
        },
      ],
    } as never)
    const topics = (answer as { groups?: { topics: { topicName: string; topicId: string }[] }[] })
      .groups?.[0]?.topics
    return names.every((name) => {
      const topicId = this.ids.get(name) ?? NO_ID
      return topics?.some((topic) => topic.topicName === name && topic.topicId === topicId)
    })
  }

  /** Asks what topics there are, so that names and ids can be told from each other. */
  async refresh(): Promise<string> {
    const answer = (await this.send(apis.metadata as never, 12, {
      topics: null,
      allowAutoTopicCreation: false,
    } as never)) as { topics: (Named & { partitions: unknown[] })[] }
    this.ids.clear()
    for (const { name, topicId, partitions } of answer.topics) {
      this.ids.set(name as string, topicId)
      this.names.set(topicId, name as string)
      this.partitionCounts.set(name as string, partitions.length)
    }
    return answer.topics
      .map(({ name, partitions }) => `${name}:${partitions.length}`)
      .sort()
      .join()
  }

  private resolved(value: unknown): unknown {
    if (value instanceof Reference) return this.lookUp(value)
    if (Array.isArray(value)) return value.map((entry) => this.resolved(entry))
    if (typeof value === 'string') return SEEDED.test(value) ? value + this.ending : value
    if (value === null || typeof value !== 'object' || Buffer.isBuffer(value)) return value
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, this.resolved(v)]))
  }

  private lookUp({ kind, key }: Reference): unknown {
    if (kind === 'topicId') return this.ids.get(key + this.ending) ?? unknownIdOf(key)
    if (kind === 'shareKey') {
      const [group, topic] = key.split(' ') as [string, string]
      return `${group}${this.ending}:${this.ids.get(topic + this.ending) ?? unknownIdOf(topic)}:0`
    }
    if (kind === 'memberId') return this.members.get(key) ?? 'nobody'
    const producer = this.producers.get(key)
    return kind === 'producerId' ? (producer?.id ?? -1) : (producer?.epoch ?? -1)
  }

  private learn(
    api: Api,
    body: Record<string, unknown>,
    answer: { errorCode?: number; producerId?: number; producerEpoch?: number; memberId?: string },
  ): void {
    if (api.key === apis.initProducerId.key && answer.errorCode === 0) {
      const { producerId: id = -1, producerEpoch: epoch = -1 } = answer
      this.producers.set(String(body['transactionalId']), { id, epoch })
    }
    if (api.key === apis.joinGroup.key && answer.memberId) {
      this.members.set(String(body['groupId']), answer.memberId)
    }
  }

  /** What a broker chooses for itself is told apart only by whether it is there. */
  private masked(value: unknown, name: string): unknown {
    if (Array.isArray(value)) {
      const own = value.filter((entry) => !this.isOfAnotherSeed(entry))
      const entries = merged(own).map((entry) => this.masked(entry, name))
      return ORDERED.has(name) ? entries : entries.sort(byText)
    }
    if (Buffer.isBuffer(value)) return HIDDEN_BYTES.has(name) ? 'bytes' : value.toString('hex')
    if (value !== null && typeof value === 'object') {
      const fields = Object.entries(value).filter(([key]) => !IGNORED.has(key))
      return Object.fromEntries(fields.map(([k, v]) => [k, this.masked(v, k)]))
    }
    if (name.endsWith('rrorCode') && typeof value === 'number') return errorName(value)
    if (name === 'key' && /:[\w-]{22}:\d+$/.test(String(value))) return 'share key'
    if (name === 'topicId') return this.nameOf(String(value))
    if (OWN_IDS.has(name)) return isNone(value) ? value : name
    return typeof value === 'string' ? this.withoutEnding(value) : value
  }

  private withoutEnding(text: string): string {
    return text.endsWith(this.ending) ? text.slice(0, -this.ending.length) : text
  }

  private isOfAnotherSeed(entry: unknown): boolean {
    const { name, groupId, transactionalId, resourceName } = (entry ?? {}) as Record<string, string>
    const text = name ?? groupId ?? transactionalId ?? resourceName ?? ''
    return /\.s\d+$/.test(text) && !text.endsWith(this.ending)
  }

  private nameOf(id: string): string {
    const name = this.names.get(id)
    if (name !== undefined) return this.withoutEnding(name)
    return /^A{20}/.test(id) ? id : 'an id'
  }
}

const NO_ID = 'AAAAAAAAAAAAAAAAAAAAAA'

/** What stands for the id of a topic that is not there: none is named twice in a request. */
const unknownIdOf = (topic: string): string =>
  `AAAAAAAAAAAAAAAAAAAAN${'AQgw'[TOPICS.findIndex((name) => name === topic) + 1]}`

const isNone = (value: unknown): boolean =>
  value === '' || value === null || value === -1 || value === 'nobody'

/** Apache Kafka may name a topic twice, with some of the partitions each time. */
function merged(entries: readonly unknown[]): unknown[] {
  const whole = new Map<string, Record<string, unknown>>()
  const others: unknown[] = []
  for (const entry of entries as Record<string, unknown>[]) {
    const partitions = entry?.['partitions']
    if (!Array.isArray(partitions)) {
      others.push(entry)
      continue
    }
    const key = JSON.stringify({ ...entry, partitions: undefined })
    const known = whole.get(key)
    const all = [...((known?.['partitions'] as unknown[]) ?? []), ...partitions]
    whole.set(key, { ...entry, partitions: all })
  }
  return [...others, ...whole.values()]
}

const byText = (a: unknown, b: unknown): number => {
  const [x, y] = [JSON.stringify(a), JSON.stringify(b)]
  return x < y ? -1 : x > y ? 1 : 0
}

/** Arrays whose order is the broker's answer; the others are sets. */
const ORDERED = new Set(['replicaNodes', 'isrNodes', 'partitionIndexes'])
/** Names that every seed has for itself. */
const SEEDED = /^(dif|g|tx)-/
const OWN_IDS = new Set(['memberId', 'leader', 'producerId', 'clusterId', 'sessionId'])
const HIDDEN_BYTES = new Set(['metadata', 'hmac', 'salt'])

/** Texts, times, sizes and addresses are each broker's own. */
const IGNORED = new Set([
  'throttleTimeMs',
  'errorMessage',
  'message',
  'host',
  'port',
  'clientHost',
  'clusterId',
  'rack',
  'logDir',
  'totalBytes',
  'usableBytes',
  'size',
  'partitionSize',
  'batchIndexErrorMessage',
  'documentation',
  'lastTimestamp',
  'startTimestampMs',
  'transactionStartTimeMs',
  'logAppendTimeMs',
  'issueTimestampMs',
  'expiryTimestampMs',
  'maxTimestampMs',
  'lastFetchTimestamp',
  'lastCaughtUpTimestamp',
  'clientInstanceId',
  'subscriptionId',
  'finalizedFeaturesEpoch',
  'generationId',
])
