/**
 * What stands where kafkajs's own modules stood, while its specs run: the package under the calls
 * that specs make. They put producers, consumers and admin clients together by hand, from a cluster
 * object that several may share; here each gets a cluster of its own with the same options.
 */
import { createAdmin as admin } from '../../../packages/kafkajs/src/admin/admin.ts'
import { KafkaCluster } from '../../../packages/kafkajs/src/cluster/kafka-cluster.ts'
import { createConsumer as consumer } from '../../../packages/kafkajs/src/consumer/consumer.ts'
import { InstrumentationEmitter } from '../../../packages/kafkajs/src/observe/emitter.ts'
import { consoleLogCreator, createLogger } from '../../../packages/kafkajs/src/observe/logger.ts'
import { createProducer as producer } from '../../../packages/kafkajs/src/producer/producer.ts'
import { resolveRetry } from '../../../packages/kafkajs/src/retry.ts'
import { SharedConsumers } from '../../../packages/kafkajs/src/shared-consumers.ts'
import type { RetryOptions } from '../../../packages/kafkajs/src/types/config.ts'
import type { Logger } from '../../../packages/kafkajs/src/types/logging.ts'
import { GroupCoordinator } from './group-coordinator.ts'

export { isKafkaJSError, isRebalancing } from '../../../packages/kafkajs/src/errors.ts'
export * as library from '../../../packages/kafkajs/src/index.ts'
export { consoleLogCreator, createLogger, InstrumentationEmitter }

// biome-ignore lint/suspicious/noExplicitAny: options as specs pass them
type Options = Record<string, any>

const consumers = new SharedConsumers()
/** Shorter pauses, as kafkajs has them for its own tests. */
const TEST_RETRY = { maxRetryTime: 1_000, initialRetryTime: 50, multiplier: 1.5, retries: 15 }

function clusterFor(options: Options, role: string, retry?: RetryOptions): KafkaCluster {
  const { logger, instrumentationEmitter, metadataMaxAge, allowAutoTopicCreation } = options
  const { brokers, ssl, sasl, clientId, connectionTimeout, requestTimeout } = options
  return new KafkaCluster({
    config: { brokers, ssl, sasl, clientId, connectionTimeout, requestTimeout },
    ...{ logger, role, metadataMaxAge, allowAutoTopicCreation },
    emitter: instrumentationEmitter ?? new InstrumentationEmitter(),
    retry: resolveRetry(TEST_RETRY, options['retry'], retry),
  })
}

/** kafkajs's cluster, as far as specs look at it. */
export class Cluster extends KafkaCluster {
  readonly given: Options

  constructor(given: Options) {
    const { brokers, ssl, sasl, clientId, connectionTimeout, requestTimeout } = given
    super({
      config: { brokers, ssl, sasl, clientId, connectionTimeout, requestTimeout },
      logger: given['logger'],
      emitter: given['instrumentationEmitter'] ?? new InstrumentationEmitter(),
      role: 'cluster',
      metadataMaxAge: given['metadataMaxAge'],
      allowAutoTopicCreation: given['allowAutoTopicCreation'],
      retry: resolveRetry(TEST_RETRY, given['retry']),
    })
    this.given = given
  }

  /** The coordinator, as far as specs ask it. */
  override async findGroupCoordinator({ groupId }: { groupId: string }): Promise<number> {
    return new GroupCoordinator(this, await super.findGroupCoordinator({ groupId })) as never
  }
}

/** What specs share is connected with each client that shares it. */
function withShared<C extends { connect(): Promise<void>; disconnect(): Promise<void> }>(
  client: C,
  { cluster }: Options,
): C {
  const { connect, disconnect } = client
  const shared = cluster as Cluster | undefined
  client.connect = async () => {
    await connect()
    await shared?.connect?.()
  }
  client.disconnect = async () => {
    await disconnect()
    await shared?.disconnect?.()
  }
  return client
}

function partsOf(options: Options, role: string) {
  const { cluster, logger, retry, instrumentationEmitter } = options
  const emitter = instrumentationEmitter ?? new InstrumentationEmitter()
  const given = {
    ...(cluster as Cluster | undefined)?.given,
    logger,
    instrumentationEmitter: emitter,
  }
  return { cluster: clusterFor(given, role, retry), logger: logger as Logger, emitter, consumers }
}

export const createProducer = (options: Options) => {
  const retries = options['idempotent'] ? { retries: Number.MAX_SAFE_INTEGER } : {}
  const retry = { ...retries, ...options['retry'] }
  return withShared(producer(options, partsOf({ ...options, retry }, 'producer')), options)
}

const READ_UNCOMMITTED = 0

export const createConsumer = (options: Options) => {
  const readUncommitted = options['isolationLevel'] === READ_UNCOMMITTED
  const retry = { ...TEST_RETRY, ...options['retry'] }
  const config = { groupId: '', ...options, readUncommitted, retry }
  return withShared(consumer(config, partsOf(options, 'consumer')), options)
}

export const createAdmin = (options: Options) =>
  withShared(admin(partsOf(options, 'admin')), options)
