/**
 * Requests sent one by one to a broker, and its whole answers in a form that is equal for equal
 * behaviour: error names instead of codes, topic names instead of ids, no times and no order that
 * comes from a hash map. An answer that is a closed connection is written down as such.
 */
import { type Api, apis, errorName, type Fields, type FieldsInput } from '@ottla/protocol'
import { MemberConnection } from '../share-groups/member-connection.ts'
import { waitUntil } from '../support/judged-broker.ts'

/** Fields that are each broker's own. */
const MASKED = new Set([
  'logEndOffset',
  'highWatermark',
  'leaderEpoch',
  'port',
  'subscriptionId',
  'partitionSize',
  'usableBytes',
  'finalizedFeaturesEpoch',
])

export type Play = (t: ApiTranscript) => Promise<void>

export class ApiTranscript {
  readonly lines: string[] = []
  readonly bootstrap: string
  private connection: MemberConnection | undefined
  private readonly masks = new Map<string, string>()

  constructor(bootstrap: string) {
    this.bootstrap = bootstrap
  }

  close(): void {
    this.connection?.close()
    this.connection = undefined
  }

  /** Replaces a text of this broker alone by a name that both have. */
  mask(text: string, name: string): void {
    this.masks.set(text, name)
  }

  send<S>(api: unknown, version: number, body: FieldsInput<Fields>): Promise<S> {
    this.connection ??= new MemberConnection(this.bootstrap)
    return this.connection.send<S>(api as Api, version, body)
  }

  /** Sends a request and writes down the whole answer, which is also given back. */
  async ask(
    what: string,
    api: unknown,
    version: number,
    body: FieldsInput<Fields>,
  ): Promise<Record<string, unknown>> {
    try {
      const answer = await this.send<Record<string, unknown>>(api, version, body)
      this.note(what, answer)
      return answer
    } catch (error) {
      if (!(error instanceof Error) || !error.message.includes('closed')) throw error
      this.close()
      this.lines.push(`${what}: connection closed`)
      return {}
    }
  }

  note(what: string, answer: unknown): void {
    const masked = JSON.stringify(answer, (key, value) => {
      if (key === 'throttleTimeMs') return undefined
      if (MASKED.has(key)) return `<${key}>`
      if (/Timestamp$/.test(key)) return value < 0 ? value : '<time>'
      if (key === 'replicaDirectoryId') return value === ZERO_ID ? value : '<directory>'
      if (/errorCode$/i.test(key)) return value === 0 ? undefined : errorName(value)
      return typeof value === 'string' ? this.masked(value) : value
    })
    this.lines.push(`${what}: ${JSON.stringify(sorted(JSON.parse(masked)))}`)
  }

  private masked(value: string): string {
    let text = value
    for (const [own, name] of this.masks) text = text.replaceAll(own, name)
    return text
  }

  /** The topic of committed offsets is made by the first question for a coordinator. */
  async findGroupCoordinator(): Promise<void> {
    await waitUntil('the group coordinator is there', async () => {
      const body = { keyType: 0, coordinatorKeys: ['any'] }
      type Found = { coordinators: { errorCode: number }[] }
      const found = await this.send<Found>(apis.findCoordinator, 6, body)
      if (found.coordinators[0]?.errorCode !== 0) return false
      // Apache Kafka answers before the coordinator has read its topic.
      const described = await this.send<{ groups: { errorCode: number }[] }>(
        apis.consumerGroupDescribe,
        1,
        { groupIds: ['any'], includeAuthorizedOperations: false },
      )
      return errorName(described.groups[0]?.errorCode as number) === 'GROUP_ID_NOT_FOUND'
    })
  }

  /** Makes a topic and waits until it can be used. */
  async createTopic(name: string, numPartitions: number): Promise<void> {
    const topic = { name, numPartitions, replicationFactor: 1, assignments: [], configs: [] }
    const body = { topics: [topic], timeoutMs: 30_000, validateOnly: false }
    type Created = { topics: { topicId: string }[] }
    const { topics } = await this.send<Created>(apis.createTopics, 7, body)
    this.mask(topics[0]?.topicId as string, `id of ${name}`)
    type Seen = { topics: { partitions: unknown[] }[] }
    await waitUntil(`${name} is there`, async () => {
      const asked = { topics: [{ name, topicId: ZERO_ID }], allowAutoTopicCreation: false }
      const seen = await this.send<Seen>(apis.metadata, 12, asked)
      return seen.topics[0]?.partitions.length === numPartitions
    })
  }
}

export const ZERO_ID = 'AAAAAAAAAAAAAAAAAAAAAA'

/** Arrays in the order of their elements' texts, from the inside out. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) {
    const texts = value.map((item) => JSON.stringify(sorted(item))).sort()
    return texts.map((text): unknown => JSON.parse(text))
  }
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, sorted(item)]))
}

/** Apache Kafka's brokers follow the metadata log a moment later than its controller answers. */
export const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 400))
