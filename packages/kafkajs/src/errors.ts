/**
 * The errors of kafkajs, by its names: applications branch on `name`, `type`, `code`, `retriable`
 * and `instanceof`.
 */
import type { PartitionMetadata } from './types/cluster.ts'

type Source = Error | string
export interface KafkaJSErrorMetadata {
  retriable?: boolean
  topic?: string
  partitionId?: number
  metadata?: PartitionMetadata
}

/** What each kind of error may be told besides its message. */
export interface KafkaJSOffsetOutOfRangeMetadata {
  topic: string
  partition: number
}
export interface KafkaJSNumberOfRetriesExceededMetadata {
  retryCount: number
  retryTime: number
}
export interface KafkaJSConnectionErrorMetadata {
  broker?: string
  code?: string
}
export interface KafkaJSRequestTimeoutErrorMetadata {
  broker: string
  clientId: string
  correlationId: number
  createdAt: number
  sentAt: number
  pendingDuration: number
}
export interface KafkaJSTopicMetadataNotLoadedMetadata {
  topic: string
}
export interface KafkaJSStaleTopicMetadataAssignmentMetadata {
  topic: string
  unknownPartitions: PartitionMetadata[]
}
export interface KafkaJSServerDoesNotSupportApiKeyMetadata {
  apiKey: number
  apiName: string
}

interface ProtocolSource {
  readonly message: string
  readonly type: string
  readonly code: number
  readonly retriable?: boolean
}

const messageIn = (source: { readonly message: string } | string): string =>
  typeof source === 'string' ? source : source.message

interface Details extends Omit<KafkaJSErrorMetadata, 'retriable'> {
  readonly retriable?: boolean | undefined
  readonly cause?: unknown
}

export class KafkaJSError extends Error {
  override readonly message: string
  override name = 'KafkaJSError'
  readonly retriable: boolean
  readonly helpUrl?: string
  override readonly cause?: Error

  constructor(e: Source = '', { retriable = true, cause }: Details = {}) {
    super(messageIn(e))
    this.message = messageIn(e)
    this.retriable = retriable
    const { helpUrl } = e as { helpUrl?: string }
    if (helpUrl !== undefined) this.helpUrl = helpUrl
    if (cause !== undefined) this.cause = cause as Error
  }
}

export class KafkaJSNonRetriableError extends KafkaJSError {
  override name = 'KafkaJSNonRetriableError'

  constructor(e: Source = '', { cause }: { cause?: unknown } = {}) {
    super(e, { retriable: false, cause })
  }
}

/** A broker answered with an error: `type` is its name in kafkajs, `code` the number on the wire. */
export class KafkaJSProtocolError extends KafkaJSError {
  override name = 'KafkaJSProtocolError'
  readonly code: number
  readonly type: string

  constructor(e: Source | ProtocolSource, options: { retriable?: boolean } = {}) {
    const source = e as ProtocolSource
    super(messageIn(e), { retriable: options.retriable ?? source.retriable ?? false })
    this.type = source.type
    this.code = source.code
  }
}

export class KafkaJSOffsetOutOfRange extends KafkaJSProtocolError {
  override name = 'KafkaJSOffsetOutOfRange'
  readonly topic: string
  readonly partition: number

  constructor(e: Source | ProtocolSource, metadata: KafkaJSOffsetOutOfRangeMetadata) {
    super(e)
    this.topic = metadata.topic
    this.partition = metadata.partition
  }
}

export class KafkaJSMemberIdRequired extends KafkaJSProtocolError {
  override name = 'KafkaJSMemberIdRequired'
  readonly memberId: string

  constructor(e: Source | ProtocolSource, { memberId }: { memberId: string }) {
    super(e)
    this.memberId = memberId
  }
}

export class KafkaJSNumberOfRetriesExceeded extends KafkaJSNonRetriableError {
  override name = 'KafkaJSNumberOfRetriesExceeded'
  override readonly stack: string
  readonly retryCount: number
  readonly retryTime: number

  constructor(e: Source, metadata: KafkaJSNumberOfRetriesExceededMetadata) {
    super(e, { cause: e })
    const stack = typeof e === 'string' ? e : e.stack
    this.stack = `KafkaJSNonRetriableError\n  Caused by: ${stack}`
    this.retryCount = metadata.retryCount
    this.retryTime = metadata.retryTime
  }
}

export class KafkaJSConnectionError extends KafkaJSError {
  override name = 'KafkaJSConnectionError'
  readonly broker: string
  readonly code?: string

  constructor(e: Source, { broker, code }: { broker?: string; code?: string | undefined } = {}) {
    super(e)
    this.broker = broker as string
    if (code !== undefined) this.code = code
  }
}

export class KafkaJSConnectionClosedError extends KafkaJSConnectionError {
  override name = 'KafkaJSConnectionClosedError'
  readonly host: string
  readonly port: number

  constructor(e: Source, { host, port }: { host?: string; port?: number } = {}) {
    super(e, { broker: `${host}:${port}` })
    this.host = host as string
    this.port = port as number
  }
}

export class KafkaJSRequestTimeoutError extends KafkaJSError {
  override name = 'KafkaJSRequestTimeoutError'
  readonly broker: string
  readonly correlationId: number
  readonly createdAt: number
  readonly sentAt: number
  readonly pendingDuration: number

  constructor(e: Source, metadata: Partial<KafkaJSRequestTimeoutErrorMetadata> = {}) {
    super(e)
    this.broker = metadata.broker as string
    this.correlationId = metadata.correlationId as number
    this.createdAt = metadata.createdAt as number
    this.sentAt = metadata.sentAt as number
    this.pendingDuration = metadata.pendingDuration as number
  }
}

export class KafkaJSMetadataNotLoaded extends KafkaJSError {
  override name = 'KafkaJSMetadataNotLoaded'
}

export class KafkaJSTopicMetadataNotLoaded extends KafkaJSMetadataNotLoaded {
  override name = 'KafkaJSTopicMetadataNotLoaded'
  readonly topic: string

  constructor(e: Source, { topic }: { topic?: string } = {}) {
    super(e)
    this.topic = topic as string
  }
}

export class KafkaJSStaleTopicMetadataAssignment extends KafkaJSError {
  override name = 'KafkaJSStaleTopicMetadataAssignment'
  readonly topic: string
  readonly unknownPartitions: number

  constructor(e: Source, metadata: { topic?: string; unknownPartitions?: unknown } = {}) {
    super(e)
    this.topic = metadata.topic as string
    this.unknownPartitions = metadata.unknownPartitions as number
  }
}

/** The outcome for one group. */
export interface DeleteGroupsResult {
  groupId: string
  errorCode?: number
  error?: KafkaJSProtocolError
}

/** A group that could not be deleted. */
export interface KafkaJSDeleteGroupsErrorGroups {
  groupId: string
  errorCode: number
  error: KafkaJSError
}

export class KafkaJSDeleteGroupsError extends KafkaJSError {
  override name = 'KafkaJSDeleteGroupsError'
  readonly groups: DeleteGroupsResult[]

  constructor(e: Source, groups: (KafkaJSDeleteGroupsErrorGroups | DeleteGroupsResult)[] = []) {
    super(e)
    this.groups = groups as DeleteGroupsResult[]
  }
}

export class KafkaJSServerDoesNotSupportApiKey extends KafkaJSNonRetriableError {
  override name = 'KafkaJSServerDoesNotSupportApiKey'
  readonly apiKey: number
  readonly apiName: string

  constructor(e: Source, { apiKey, apiName }: { apiKey?: number; apiName?: string } = {}) {
    super(e)
    this.apiKey = apiKey as number
    this.apiName = apiName as string
  }
}

export class KafkaJSBrokerNotFound extends KafkaJSError {
  override name = 'KafkaJSBrokerNotFound'
}

export class KafkaJSPartialMessageError extends KafkaJSNonRetriableError {
  override name = 'KafkaJSPartialMessageError'
}

export class KafkaJSSASLAuthenticationError extends KafkaJSNonRetriableError {
  override name = 'KafkaJSSASLAuthenticationError'
}

export class KafkaJSGroupCoordinatorNotFound extends KafkaJSNonRetriableError {
  override name = 'KafkaJSGroupCoordinatorNotFound'
}

export class KafkaJSNotImplemented extends KafkaJSNonRetriableError {
  override name = 'KafkaJSNotImplemented'
}

export class KafkaJSTimeout extends KafkaJSNonRetriableError {
  override name = 'KafkaJSTimeout'
}

export class KafkaJSLockTimeout extends KafkaJSTimeout {
  override name = 'KafkaJSLockTimeout'
}

export class KafkaJSUnsupportedMagicByteInMessageSet extends KafkaJSNonRetriableError {
  override name = 'KafkaJSUnsupportedMagicByteInMessageSet'
}

export interface KafkaJSDeleteTopicRecordsErrorPartition {
  partition: number
  offset: string
  error: KafkaJSError
}

export interface KafkaJSDeleteTopicRecordsErrorTopic {
  topic: string
  partitions: KafkaJSDeleteTopicRecordsErrorPartition[]
}

/** Retriable when every error in it is. */
export class KafkaJSDeleteTopicRecordsError extends KafkaJSError {
  override name = 'KafkaJSDeleteTopicRecordsError'
  readonly partitions: KafkaJSDeleteTopicRecordsErrorPartition[]

  constructor({ partitions }: KafkaJSDeleteTopicRecordsErrorTopic) {
    const retriable = partitions.every(({ error }) => !error || error.retriable)
    super('Error while deleting records', { retriable })
    this.partitions = partitions
  }
}

export class KafkaJSInvariantViolation extends KafkaJSNonRetriableError {
  override name = 'KafkaJSInvariantViolation'

  constructor(e: Source) {
    super(`Invariant violated: ${messageIn(e)}. This is likely a bug and should be reported.`)
  }
}

/** Both carry the name of their parent class, as they do in kafkajs. */
export class KafkaJSInvalidVarIntError extends KafkaJSNonRetriableError {}
export class KafkaJSInvalidLongError extends KafkaJSNonRetriableError {}

export class KafkaJSCreateTopicError extends KafkaJSProtocolError {
  override name = 'KafkaJSCreateTopicError'
  readonly topic: string

  constructor(e: Source | ProtocolSource, topicName: string) {
    super(e)
    this.topic = topicName
  }
}

export class KafkaJSAlterPartitionReassignmentsError extends KafkaJSProtocolError {
  override name = 'KafkaJSAlterPartitionReassignmentsError'
  readonly topic?: string
  readonly partition?: number

  constructor(e: Source | ProtocolSource, topicName?: string, partition?: number) {
    super(e)
    if (topicName !== undefined) this.topic = topicName
    if (partition !== undefined) this.partition = partition
  }
}

export class KafkaJSAggregateError extends Error {
  override name = 'KafkaJSAggregateError'
  readonly errors: (Error | string)[]

  constructor(message: Source, errors: (Error | string)[]) {
    super(messageIn(message))
    this.errors = errors
  }
}

export class KafkaJSFetcherRebalanceError extends Error {}

export class KafkaJSNoBrokerAvailableError extends KafkaJSError {
  override name = 'KafkaJSNoBrokerAvailableError'

  constructor() {
    super('No broker available')
  }
}

export const isRebalancing = (error: unknown): boolean =>
  error instanceof KafkaJSProtocolError &&
  ['REBALANCE_IN_PROGRESS', 'NOT_COORDINATOR_FOR_GROUP', 'ILLEGAL_GENERATION'].includes(error.type)

export const isKafkaJSError = (error: unknown): boolean => error instanceof KafkaJSError
