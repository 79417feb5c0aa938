/**
 * One broker under comparison: sends it requests on a connection of its own, puts what this broker
 * calls things in place of references, and brings answers into a form that is equal for equal
 * behaviour.
 */
import { connect, type Socket } from 'node:net'
import {
  type Api,
  apis,
  decodeResponse,
  encodeRequest,
  errorName,
  type Fields,
  type FieldsInput,
} from '@ottla/protocol'
import { Reference, UNKNOWN_ID } from './domain.ts'

const ANSWER_TIMEOUT_MS = 4_000

/** A broker's answer, or how it refused to give one. */
export type Answer = 'closed' | 'no answer in time' | object | null

type Named = { name: string | null; topicId: string; errorCode: number }

export class World {
  readonly name: string
  private readonly bootstrap: string
  private socket: Socket | undefined
  private readonly ids = new Map<string, string>()
  private readonly names = new Map<string, string>()
  private readonly producers = new Map<string, { id: number; epoch: number }>()
  private readonly members = new Map<string, string>()
  private readonly given = new Map<string, string>()

  constructor(name: string, bootstrap: string) {
    this.name = name
    this.bootstrap = bootstrap
  }

  close(): void {
    this.socket?.destroy()
    this.socket = undefined
  }

  /** Sends a body that may hold references; the answer is masked. */
  async ask(api: Api, version: number, body: unknown): Promise<Answer> {
    const answer = await this.send(api, version, this.resolved(body) as FieldsInput<Fields>)
    if (answer === null || typeof answer === 'string') return answer
    this.learn(api, body as Record<string, unknown>, answer as never)
    return this.masked(answer, '') as object
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
        end(decodeResponse(api, version, received.subarray(4, size)) as object)
      })
      socket.write(frame)
      if (!isAnswered) end(null)
    })
  }

  /** Asks what topics there are, so that names and ids can be told from each other. */
  async refresh(): Promise<string> {
    const answer = (await this.send(apis.metadata as never, 12, {
      topics: null,
      allowAutoTopicCreation: false,
    } as never)) as { topics: (Named & { partitions: unknown[] })[] }
    this.ids.clear()
    for (const { name, topicId } of answer.topics) {
      this.ids.set(name as string, topicId)
      this.names.set(topicId, name as string)
    }
    return answer.topics
      .map(({ name, partitions }) => `${name}:${partitions.length}`)
      .sort()
      .join()
  }

  private resolved(value: unknown): unknown {
    if (value instanceof Reference) return this.lookUp(value)
    if (Array.isArray(value)) return value.map((entry) => this.resolved(entry))
    if (value === null || typeof value !== 'object' || Buffer.isBuffer(value)) return value
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, this.resolved(v)]))
  }

  private lookUp({ kind, key }: Reference): unknown {
    if (kind === 'topicId') return this.ids.get(key) ?? UNKNOWN_ID
    if (kind === 'shareKey') {
      const [group, topic] = key.split(' ') as [string, string]
      return `${group}:${this.ids.get(topic) ?? UNKNOWN_ID}:0`
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
      const entries = value.map((entry) => this.masked(entry, name))
      return ORDERED.has(name) ? entries : entries.sort(byText)
    }
    if (Buffer.isBuffer(value)) return HIDDEN_BYTES.has(name) ? 'bytes' : value.toString('hex')
    if (value !== null && typeof value === 'object') {
      const fields = Object.entries(value).filter(([key]) => !IGNORED.has(key))
      return Object.fromEntries(fields.map(([k, v]) => [k, this.masked(v, k)]))
    }
    if (name.endsWith('rrorCode') && typeof value === 'number') return errorName(value)
    if (name === 'key' && /:[\w-]{22}:\d+$/.test(String(value))) return 'share key'
    if (name === 'topicId') return this.names.get(String(value)) ?? this.unnamed(String(value))
    if (OWN_IDS.has(name)) return this.ordinal(name, value)
    return value
  }

  private unnamed(id: string): string {
    return id === UNKNOWN_ID || /^A+$/.test(id) ? id : 'an id'
  }

  /** Ids that a broker makes up: equal when they come in the same order. */
  private ordinal(name: string, value: unknown): unknown {
    if (value === '' || value === null || value === -1 || value === 'nobody') return value
    const key = `${name} ${value}`
    const known = this.given.get(key)
    if (known !== undefined) return known
    const fresh = name
    this.given.set(key, fresh)
    return fresh
  }
}

const byText = (a: unknown, b: unknown): number => {
  const [x, y] = [JSON.stringify(a), JSON.stringify(b)]
  return x < y ? -1 : x > y ? 1 : 0
}

/** Arrays whose order is the broker's answer; the others are sets. */
const ORDERED = new Set(['replicaNodes', 'isrNodes', 'partitionIndexes'])
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
  'generationId',
])
