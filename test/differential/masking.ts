/** Answers in a form that is equal for equal behaviour. */
import { errorName, readBatches } from '@ottla/protocol'
import { classicAssignment } from './member-memory.ts'
import type { Memory } from './memory.ts'

export interface MaskOptions {
  /** The generation of a group is told as it is: nothing in it happens by the clock. */
  readonly showsGeneration?: boolean
  /** Records come with some around them that were not acquired, more or fewer of them. */
  readonly hidesRecords?: boolean
  /** Which partitions somebody has, and how many, follows from the ids of topics. */
  readonly hidesPartitions?: boolean
  /** Also whether there are any: those of topics that are gone are left out. */
  readonly hidesAny?: boolean
}

/** What a broker chooses for itself is told apart only by whether it is there. */
export class Mask {
  private readonly memory: Memory
  private readonly options: MaskOptions

  constructor(memory: Memory, options: MaskOptions = {}) {
    this.memory = memory
    this.options = options
  }

  masked(value: unknown, name = ''): unknown {
    if (Array.isArray(value)) {
      if (name === 'topicPartitions' && this.options.hidesPartitions)
        return isAny(value) && !this.options.hidesAny ? 'some' : 'none'
      const own = value.filter((entry) => !this.isOfAnotherSeed(entry) && !isSilent(entry))
      const entries = merged(own).map((entry) => this.masked(entry, name))
      return ORDERED.has(name) ? entries : entries.sort(byText)
    }
    if (Buffer.isBuffer(value)) return this.maskedBytes(value, name)
    if (value !== null && typeof value === 'object') {
      const fields = Object.entries(value).filter(([key]) => !this.isIgnored(key))
      return Object.fromEntries(fields.map(([k, v]) => [k, this.masked(v, k)]))
    }
    if (name.endsWith('rrorCode') && typeof value === 'number') return errorName(value)
    if (name === 'key' && /:[\w-]{22}:\d+$/.test(String(value))) return 'share key'
    // Records of the test are older than anything a broker writes by itself.
    if (name === 'timestamp' && Number(value) > TEST_TIME_MAX) return 'now'
    if (name === 'topicId') return this.nameOf(String(value))
    if (name === 'logDir') return `directory ${this.memory.logDirs.indexOf(String(value))}`
    if (OWN_IDS.has(name)) return this.ownId(value, name)
    return typeof value === 'string' ? this.withoutEnding(value) : value
  }

  private isIgnored = (key: string): boolean =>
    IGNORED.has(key) || (key === 'generationId' && !this.options.showsGeneration)

  private ownId(value: unknown, name: string): unknown {
    if (isNone(value)) return value
    return this.memory.memberNamed(String(value)) ?? name
  }

  private maskedBytes(bytes: Buffer, name: string): unknown {
    if (HIDDEN_BYTES.has(name) || (name === 'records' && this.options.hidesRecords)) return 'bytes'
    if (name === 'records') return batchesIn(bytes)
    // Maps give topics any order.
    const assigned = ASSIGNMENTS.has(name) ? classicAssignment(bytes) : undefined
    return assigned ? this.masked(assigned, 'assigned') : bytes.toString('hex')
  }

  private withoutEnding(text: string): string {
    const { ending } = this.memory
    return text.endsWith(ending) ? text.slice(0, -ending.length) : text
  }

  private isOfAnotherSeed(entry: unknown): boolean {
    const { name, groupId, transactionalId, resourceName } = (entry ?? {}) as Record<string, string>
    const text = name ?? groupId ?? transactionalId ?? resourceName ?? ''
    return /\.s\d+$/.test(text) && !text.endsWith(this.memory.ending)
  }

  private nameOf(id: string): string {
    const name = this.memory.names.get(id)
    if (name !== undefined) return this.withoutEnding(name)
    return /^A{20}/.test(id) ? id : 'an id'
  }
}

/** Batches as they are, those of producers without what the broker gave these. */
function batchesIn(bytes: Buffer): unknown {
  return readBatches(bytes).map((batch) => {
    const end = batch.position + batch.size
    if (batch.producerId < 0) return bytes.subarray(batch.position, end).toString('hex')
    const { baseOffset, lastOffset, isControl, isTransactional } = batch
    const values = [...batch.records()].map(({ value }) => value?.toString('hex'))
    return { baseOffset, lastOffset, isControl, isTransactional, values: isControl ? [] : values }
  })
}

/** A partition of a ShareFetch with nothing to tell, or a topic of such: named by chance. */
function isSilent(entry: unknown): boolean {
  const { acquiredRecords, errorCode, acknowledgeErrorCode, partitions } = (entry ?? {}) as {
    acquiredRecords?: unknown[]
    errorCode?: number
    acknowledgeErrorCode?: number
    partitions?: unknown
  }
  if (Array.isArray(partitions) && partitions.length > 0) return partitions.every(isSilent)
  return acquiredRecords?.length === 0 && errorCode === 0 && acknowledgeErrorCode === 0
}

const isAny = (topics: readonly { readonly partitions?: readonly unknown[] }[]): boolean =>
  topics.some(({ partitions = [] }) => partitions.length > 0)

const TEST_TIME_MAX = 1_750_000_000_000

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
const OWN_IDS = new Set(['memberId', 'leader', 'producerId', 'clusterId', 'sessionId'])
const HIDDEN_BYTES = new Set(['metadata', 'memberMetadata', 'hmac', 'salt'])
const ASSIGNMENTS = new Set(['assignment', 'memberAssignment'])

/** Texts, times, sizes and addresses are each broker's own. */
const IGNORED = new Set([
  'throttleTimeMs',
  'errorMessage',
  'acknowledgeErrorMessage',
  'statusDetail',
  'message',
  'host',
  'port',
  'clientHost',
  'clusterId',
  'rack',
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
])
