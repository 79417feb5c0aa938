/** Errors of the engine as the errors that kafkajs would have thrown. */
import { ClosedError, OttlaError } from '@ottla/base'
import { KafkaError } from '@ottla/client'
import { AuthenticationError, ConnectionError, RequestTimeoutError } from '@ottla/network'
import { type ErrorName, errorName, isRetriable } from '@ottla/protocol'
import {
  KafkaJSConnectionClosedError,
  KafkaJSConnectionError,
  KafkaJSError,
  KafkaJSNonRetriableError,
  KafkaJSNumberOfRetriesExceeded,
  KafkaJSProtocolError,
  KafkaJSRequestTimeoutError,
  KafkaJSSASLAuthenticationError,
  KafkaJSServerDoesNotSupportApiKey,
} from './errors.ts'

/** Where kafkajs has kept names that Kafka has changed since. */
const OLD_NAMES: Partial<Record<ErrorName, string>> = {
  UNKNOWN_SERVER_ERROR: 'UNKNOWN',
  NOT_LEADER_OR_FOLLOWER: 'NOT_LEADER_FOR_PARTITION',
  COORDINATOR_LOAD_IN_PROGRESS: 'GROUP_LOAD_IN_PROGRESS',
  COORDINATOR_NOT_AVAILABLE: 'GROUP_COORDINATOR_NOT_AVAILABLE',
  NOT_COORDINATOR: 'NOT_COORDINATOR_FOR_GROUP',
  INVALID_TOPIC_EXCEPTION: 'INVALID_TOPIC_EXCEPTION',
}
/** Sentences kafkajs says for codes that applications and tests look at most. */
const MESSAGES: Partial<Record<ErrorName, string>> = {
  UNKNOWN_TOPIC_OR_PARTITION: 'This server does not host this topic-partition',
  TOPIC_ALREADY_EXISTS: 'Topic with this name already exists',
  INVALID_REPLICATION_FACTOR:
    'Replication factor is below 1 or larger than the number of available brokers',
  INVALID_PARTITIONS: 'Number of partitions is invalid',
  INVALID_REPLICA_ASSIGNMENT: 'Replica assignment is invalid',
  REQUEST_TIMED_OUT: 'The request timed out',
  INVALID_TOPIC_EXCEPTION: 'The request attempted to perform an operation on an invalid topic',
  GROUP_ID_NOT_FOUND: 'The group id does not exist',
  NON_EMPTY_GROUP: 'The group is not empty',
  OFFSET_OUT_OF_RANGE:
    'The requested offset is not within the range of offsets maintained by the server',
  REBALANCE_IN_PROGRESS: 'The group is rebalancing, so a rejoin is needed',
  INVALID_GROUP_ID: 'The configured groupId is invalid',
  INVALID_CONFIG: 'Configuration is invalid',
  TOPIC_AUTHORIZATION_FAILED: 'Not authorized to access topics: [Topic authorization failed]',
  GROUP_AUTHORIZATION_FAILED: 'Not authorized to access group: Group authorization failed',
  CLUSTER_AUTHORIZATION_FAILED: 'Cluster authorization failed',
  NOT_LEADER_OR_FOLLOWER: 'This server is not the leader for that topic-partition',
}

/** The error for a code in a response. */
export function protocolError(code: number, detail?: string | null): KafkaJSProtocolError {
  const name = errorName(code)
  const own = detail?.includes(name) ? detail : `${name}${detail ? `: ${detail}` : ''}`
  const message = MESSAGES[name] ?? own
  const type = OLD_NAMES[name] ?? name
  return new KafkaJSProtocolError({ message, type, code, retriable: isRetriable(code) })
}

export interface RetriesSpent {
  readonly retryCount: number
  readonly retryTime: number
}

const NO_RETRIES: RetriesSpent = { retryCount: 0, retryTime: 0 }

/** What the application gets to see of an error; its own errors and kafkajs errors stay. */
export function toKafkaJSError(error: unknown, spent: RetriesSpent = NO_RETRIES): Error {
  if (!(error instanceof OttlaError)) return error as Error
  if (error instanceof KafkaError) return protocolError(error.errorCode, error.message)
  if (error instanceof AuthenticationError) return loginError(error)
  if (error instanceof RequestTimeoutError) {
    return new KafkaJSRequestTimeoutError(error.message, { broker: error.broker })
  }
  if (error instanceof ConnectionError) return connectionError(error)
  if (error instanceof ClosedError) return new KafkaJSError(error.message)
  switch (error.code) {
    case 'UNSUPPORTED_VERSION':
      return new KafkaJSServerDoesNotSupportApiKey(error.message)
    case 'TIMEOUT':
    case 'DELIVERY_TIMEOUT': {
      const last = error.cause === undefined ? error : toKafkaJSError(error.cause)
      return new KafkaJSNumberOfRetriesExceeded(last as Error, spent)
    }
    case 'RECORD_TOO_LARGE':
      return protocolError(10, error.message)
    case 'TRANSACTION_ABORTED':
      return error.cause === undefined
        ? new KafkaJSNonRetriableError(error, { cause: error })
        : toKafkaJSError(error.cause)
    case 'FENCED':
      return protocolError(47, error.message)
    case 'COMMIT_FAILED':
      return protocolError(27, error.message)
    default:
      return new KafkaJSNonRetriableError(error, { cause: error })
  }
}

function connectionError(error: ConnectionError): KafkaJSConnectionError {
  const { cause } = error
  const code = (cause as { code?: string } | undefined)?.code
  if (code === undefined && error.message.includes('closed')) {
    const [host, port] = splitAddress(error.broker)
    return new KafkaJSConnectionClosedError('Closed connection', { host, port })
  }
  const reason = cause instanceof Error ? cause.message : error.message
  return new KafkaJSConnectionError(`Connection error: ${reason}`, { broker: error.broker, code })
}

function splitAddress(broker: string): [string, number] {
  const colon = broker.lastIndexOf(':')
  return [broker.slice(0, colon), Number(broker.slice(colon + 1))]
}

const SCRAM = { 'SCRAM-SHA-256': 'SCRAM SHA256', 'SCRAM-SHA-512': 'SCRAM SHA512' } as const

function loginError(error: AuthenticationError): KafkaJSSASLAuthenticationError {
  if (error.cause instanceof KafkaJSSASLAuthenticationError) return error.cause
  const unknown = /does not offer ([\w-]+)/.exec(error.message)?.[1]
  if (unknown) {
    return new KafkaJSSASLAuthenticationError(
      `SASL ${unknown} mechanism is not supported by the server`,
    )
  }
  const mechanism = /login with ([\w-]+)/.exec(error.message)?.[1] ?? ''
  const shown = SCRAM[mechanism as keyof typeof SCRAM] ?? mechanism
  const reason = error.message.slice(error.message.indexOf(': ') + 2)
  return new KafkaJSSASLAuthenticationError(`SASL ${shown} authentication failed: ${reason}`)
}
