import { OttlaError } from '@ottla/base'
import { type ErrorName, errorName, isRetriable, needsMetadataRefresh } from '@ottla/protocol'

/** A broker answered with an error. `code` is Kafka's own name for it. */
export class KafkaError extends OttlaError {
  declare readonly code: ErrorName
  /** The number on the wire. */
  readonly errorCode: number
  /** The same request may succeed later; the client has retried it until its deadline. */
  readonly isRetriable: boolean
  /** The client's view of the cluster was stale. */
  readonly needsRefresh: boolean

  constructor(errorCode: number, what: string, detail?: string | null) {
    const name = errorName(errorCode)
    super(`${what}: ${name}${detail ? ` (${detail})` : ''}`, { code: name, hint: HINTS[name] })
    this.errorCode = errorCode
    this.isRetriable = isRetriable(errorCode)
    this.needsRefresh = needsMetadataRefresh(errorCode)
  }
}

/** A deadline passed. `cause` is the last error met on the way, if any. */
export class TimeoutError extends OttlaError {
  constructor(what: string, timeoutMs: number, cause?: unknown) {
    const reason = cause instanceof Error ? `: ${cause.message}` : ''
    super(`${what} did not succeed within ${timeoutMs} ms${reason}`, {
      code: 'TIMEOUT',
      cause,
      hint: cause instanceof OttlaError ? cause.hint : undefined,
    })
  }
}

/** The records were not acknowledged within `deliveryTimeoutMs`; they may or may not be stored. */
export class DeliveryTimeoutError extends OttlaError {
  readonly topic: string
  readonly partition: number

  constructor(topic: string, partition: number, timeoutMs: number, cause?: unknown) {
    const reason = cause instanceof Error ? `: ${cause.message}` : ''
    super(`Records for ${topic}-${partition} were not delivered in ${timeoutMs} ms${reason}`, {
      code: 'DELIVERY_TIMEOUT',
      cause,
    })
    this.topic = topic
    this.partition = partition
  }
}

/** A record was read after its memory had gone to others, see the consumer option reuseMemory. */
export class RecordExpiredError extends OttlaError {
  constructor() {
    super('The record is no longer there: the loop has asked for the next batch', {
      code: 'RECORD_EXPIRED',
      hint: 'Take what must last with detach(), or leave out the consumer option reuseMemory.',
    })
  }
}

/** A record cannot be part of any request this producer may send. */
export class RecordTooLargeError extends OttlaError {
  constructor(topic: string, size: number, sizeMax: number) {
    super(`A record for ${topic} takes ${size} bytes; the limit is ${sizeMax}`, {
      code: 'RECORD_TOO_LARGE',
      hint: 'Raise the producer option maxRequestSize and the topic setting max.message.bytes.',
    })
  }
}

/** The producer's memory is full and the caller went on without waiting for `ready`. */
export class BufferExhaustedError extends OttlaError {
  constructor(bufferMemory: number) {
    super(`The producer holds more than twice its ${bufferMemory} bytes of buffer memory`, {
      code: 'BUFFER_EXHAUSTED',
      hint: 'Await producer.ready when enqueue returns false, or use send.',
    })
  }
}

/** Key or value could not be turned into bytes, or bytes into a value. */
export class SerializationError extends OttlaError {
  readonly topic: string

  constructor(topic: string, what: string, cause: unknown) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    super(`${what} of topic ${topic}: ${reason}`, { code: 'SERIALIZATION', cause })
    this.topic = topic
  }
}

/** A value was refused by the topic's schema. */
export class ValidationError extends OttlaError {
  /** The problems as the schema library reported them. */
  readonly issues: readonly unknown[]

  constructor(message: string, issues: readonly unknown[]) {
    super(message, { code: 'VALIDATION', cause: issues })
    this.issues = issues
  }
}

/** Bytes that a broker sent as records are not records. */
export class CorruptRecordError extends OttlaError {
  readonly topic: string
  readonly partition: number

  constructor(topic: string, partition: number, offset: number, reason: string) {
    super(`${topic}-${partition} at offset ${offset}: ${reason}`, { code: 'CORRUPT_RECORD' })
    this.topic = topic
    this.partition = partition
  }
}

/** A position has no committed offset or lies outside the log, and `from` is `none`. */
export class NoOffsetError extends OttlaError {
  constructor(topic: string, partition: number, reason: string) {
    super(`${topic}-${partition}: ${reason}`, {
      code: 'NO_OFFSET',
      hint: "Say where to begin: from: 'earliest', 'latest' or a time.",
    })
  }
}

/** The log was cut back behind what this consumer has read (an unclean leader election). */
export class LogTruncationError extends OttlaError {
  readonly topic: string
  readonly partition: number
  /** First offset at which the log differs from what was read. */
  readonly divergentOffset: bigint

  constructor(topic: string, partition: number, position: number, divergentOffset: number) {
    super(
      `${topic}-${partition} was truncated to ${divergentOffset}, this consumer was at ${position}`,
      { code: 'LOG_TRUNCATION', hint: 'Records that were read before have been replaced.' },
    )
    this.topic = topic
    this.partition = partition
    this.divergentOffset = BigInt(divergentOffset)
  }
}

/** Another member with the same group instance id has taken this member's place. */
export class FencedError extends OttlaError {
  constructor(what: string) {
    super(`${what} was fenced: a newer one took its place`, { code: 'FENCED' })
  }
}

/** The transaction that the records were part of was aborted; no reader sees them. */
export class TransactionAbortedError extends OttlaError {
  constructor(transactionalId: string, cause: unknown) {
    const reason = cause instanceof Error ? `: ${cause.message}` : ''
    super(`A transaction of ${transactionalId} was aborted${reason}`, {
      code: 'TRANSACTION_ABORTED',
      cause,
    })
  }
}

/** The consumer lost its partitions before their offsets were committed. */
export class CommitFailedError extends OttlaError {
  constructor(reason: string) {
    super(`Offsets were not committed: ${reason}`, {
      code: 'COMMIT_FAILED',
      hint: 'Processing took longer than maxPollIntervalMs, or the group rebalanced meanwhile.',
    })
  }
}

const HINTS: Partial<Record<ErrorName, string>> = {
  UNKNOWN_TOPIC_OR_PARTITION: 'The topic does not exist, or its creation has not finished.',
  TOPIC_ALREADY_EXISTS: 'Delete it first, or go on with the existing one.',
  INVALID_REPLICATION_FACTOR: 'There are fewer brokers than replicas asked for.',
  MESSAGE_TOO_LARGE: 'Raise max.message.bytes of the topic, or send smaller records.',
  TOPIC_AUTHORIZATION_FAILED: 'An ACL for this principal on the topic is missing.',
  GROUP_AUTHORIZATION_FAILED: 'An ACL for this principal on the group is missing.',
  NON_EMPTY_GROUP: 'Stop the members of the group first.',
  INCONSISTENT_GROUP_PROTOCOL: 'The members of the group must have an assignor in common.',
}

/** True when trying again can help: a retriable broker error, or trouble with the connection. */
export function isRetriableError(error: unknown): boolean {
  if (error instanceof KafkaError) return error.isRetriable
  if (!(error instanceof OttlaError)) return false
  return error.code === 'CONNECTION' || error.code === 'REQUEST_TIMEOUT'
}
