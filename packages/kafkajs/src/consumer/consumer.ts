/** kafkajs's consumer: subscriptions, one run at a time, and what happens when a run crashes. */
import { realClock, type Timer } from '@ottla/base'
import { describeGroupsAt } from '../admin/groups.ts'
import type { KafkaCluster } from '../cluster/kafka-cluster.ts'
import { EARLIEST_OFFSET, LATEST_OFFSET } from '../constants.ts'
import { KafkaJSNonRetriableError } from '../errors.ts'
import { type InstrumentationEmitter, listenWith } from '../observe/emitter.ts'
import { CONSUMER_EVENTS } from '../observe/events.ts'
import { RETRY_DEFAULTS, resolveRetry, withRetry } from '../retry.ts'
import type { SharedConsumers } from '../shared-consumers.ts'
import type { TopicPartitionOffset, TopicPartitionOffsetAndMetadata } from '../types/cluster.ts'
import type { ConsumerConfig } from '../types/config.ts'
import type {
  Consumer,
  ConsumerRunConfig,
  ConsumerSubscribeTopic,
  ConsumerSubscribeTopics,
} from '../types/consumer.ts'
import type { Logger } from '../types/logging.ts'
import { engineAssignor, PartitionAssigners } from './assigners.ts'
import { checkPartition, checkTopicPartitions, offsetOf } from './checks.ts'
import { GroupSession } from './group-session.ts'
import { Runner } from './runner.ts'

export interface ConsumerParts {
  readonly cluster: KafkaCluster
  readonly logger: Logger
  readonly emitter: InstrumentationEmitter
  readonly consumers: SharedConsumers
}

/** The engine keeps the membership; how long a handler takes is the application's business. */
const UNLIMITED_MS = 2 ** 31 - 1

class ConsumerCore {
  readonly logger: Logger
  private readonly config: ConsumerConfig
  private readonly parts: ConsumerParts
  private readonly topics = new Map<string, { readonly fromBeginning: boolean }>()
  private readonly assignors
  private runner: Runner | undefined
  private leaveShared: () => void = () => {}
  private restart: Timer | undefined
  private stopping: Promise<void> | undefined

  constructor(config: ConsumerConfig, parts: ConsumerParts) {
    const { groupId, sessionTimeout = 30_000, heartbeatInterval = 3_000 } = config
    if (!groupId) throw new KafkaJSNonRetriableError('Consumer groupId must be a non-empty string.')
    this.config = config
    this.parts = parts
    this.logger = parts.logger.namespace('Consumer')
    const { cluster } = parts
    const creators = config.partitionAssigners ?? [PartitionAssigners.roundRobin]
    this.assignors = creators.map((create) =>
      engineAssignor(create({ cluster, groupId, logger: this.logger }), cluster),
    )
    if (heartbeatInterval < sessionTimeout) return
    throw new KafkaJSNonRetriableError(
      `Consumer heartbeatInterval (${heartbeatInterval}) must be lower than sessionTimeout ` +
        `(${sessionTimeout}). It is recommended to set heartbeatInterval to approximately a third ` +
        'of the sessionTimeout.',
    )
  }

  get session(): GroupSession {
    if (this.runner) return this.runner.session
    throw new KafkaJSNonRetriableError(
      'Consumer group was not initialized, consumer#run must be called first',
    )
  }

  async connect(): Promise<void> {
    await this.parts.cluster.connect()
    this.parts.emitter.emit(CONSUMER_EVENTS.CONNECT, null)
  }

  async disconnect(): Promise<void> {
    await this.stop()
    await this.parts.cluster.disconnect()
    this.parts.emitter.emit(CONSUMER_EVENTS.DISCONNECT, null)
  }

  stop(): Promise<void> {
    this.stopping ??= this.stopNow().finally(() => {
      this.stopping = undefined
    })
    return this.stopping
  }

  private async stopNow(): Promise<void> {
    const { groupId } = this.config
    this.restart?.cancel()
    this.restart = undefined
    const { runner } = this
    if (runner) {
      this.leaveShared()
      await runner.stop()
      this.runner = undefined
      this.parts.emitter.emit(CONSUMER_EVENTS.STOP, null)
    }
    this.logger.info('Stopped', { groupId })
  }

  async subscribe(given: Partial<ConsumerSubscribeTopics & ConsumerSubscribeTopic>): Promise<void> {
    const { topic, topics, fromBeginning = false } = given
    if (this.runner) {
      throw new KafkaJSNonRetriableError('Cannot subscribe to topic while consumer is running')
    }
    if (!topic && !topics) {
      throw new KafkaJSNonRetriableError('Missing required argument "topics"')
    }
    if (topics != null && !Array.isArray(topics)) {
      throw new KafkaJSNonRetriableError('Argument "topics" must be an array')
    }
    const wanted = topics ?? [topic as string | RegExp]
    for (const one of wanted) {
      if (typeof one === 'string' || one instanceof RegExp) continue
      throw new KafkaJSNonRetriableError(
        `Invalid topic ${one} (${typeof one}), the topic name has to be a String or a RegExp`,
      )
    }
    const names = await this.resolvePatterns(wanted)
    for (const name of names) this.topics.set(name, { fromBeginning })
    await this.parts.cluster.addMultipleTargetTopics(names)
  }

  private async resolvePatterns(wanted: readonly (string | RegExp)[]): Promise<string[]> {
    if (wanted.every((one) => typeof one === 'string')) return [...wanted]
    const { topicMetadata } = await this.parts.cluster.metadata()
    return wanted.flatMap((pattern) => {
      if (typeof pattern === 'string') return [pattern]
      const matched = topicMetadata.map(({ topic }) => topic).filter((name) => pattern.test(name))
      const fields = { groupId: this.config.groupId, topicRegExp: String(pattern) }
      this.logger.debug('Subscription based on RegExp', { ...fields, matchedTopics: matched })
      return matched
    })
  }

  // ---- runs -------------------------------------------------------------------------------------

  async run(config: ConsumerRunConfig = {}): Promise<void> {
    const { groupId } = this.config
    if (this.runner) {
      const message = 'consumer#run was called, but the consumer is already running'
      this.logger.warn(message, { groupId })
      return
    }
    await this.start(config)
  }

  private async start(run: ConsumerRunConfig): Promise<void> {
    const { cluster, emitter, logger, consumers } = this.parts
    const { groupId } = this.config
    this.logger.info('Starting', { groupId })
    const session = new GroupSession({
      ...{ groupId, cluster, logger: this.logger, emitter, topics: this.topics },
      autoCommit: run.autoCommit !== false,
      options: this.engineOptions(),
    })
    const runner = new Runner({
      ...{ session, config: run, logger, emitter },
      retry: resolveRetry(cluster.retry, this.config.retry),
      onCrash: (error) => this.handleCrash(error, run),
    })
    this.runner = runner
    this.leaveShared = consumers.add(groupId, session)
    try {
      await cluster.connect()
    } catch (error) {
      await this.handleCrash(error as Error, run)
      return
    }
    await runner.start()
  }

  private engineOptions() {
    const { config } = this
    return {
      assignors: this.assignors,
      isolationLevel: config.readUncommitted ? 'read_uncommitted' : 'read_committed',
      maxPollRecords: Number.MAX_SAFE_INTEGER,
      maxPollIntervalMs: UNLIMITED_MS,
      rebalanceTimeoutMs: config.rebalanceTimeout ?? 60_000,
      sessionTimeoutMs: config.sessionTimeout ?? 30_000,
      heartbeatIntervalMs: config.heartbeatInterval ?? 3_000,
      maxPartitionFetchBytes: config.maxBytesPerPartition ?? 1_048_576,
      fetchMinBytes: config.minBytes ?? 1,
      fetchMaxBytes: config.maxBytes ?? 10_485_760,
      fetchMaxWaitMs: config.maxWaitTimeInMs ?? 5_000,
      requestTimeoutMs: Math.max(
        this.parts.cluster.requestTimeout,
        (config.maxWaitTimeInMs ?? 5_000) + 5_000,
      ),
      rack: config.rackId ?? '',
    } as const
  }

  private async handleCrash(error: Error, run: ConsumerRunConfig): Promise<void> {
    const { groupId, retry } = this.config
    const { retryCount, retryTime: lastRetryTime } = error as {
      retryCount?: number
      retryTime?: number
    }
    const { name, message, stack } = error
    this.logger.error(`Crash: ${name}: ${message}`, { groupId, retryCount, stack })
    // The run waits for what this does; stopping it from here would wait for itself.
    void this.endCrashedRun(error, async () => {
      const restart = isWorthRestarting(error) && (await this.maySo(error))
      this.parts.emitter.emit(CONSUMER_EVENTS.CRASH, { error, groupId, restart })
      if (!restart) return
      const retryTime = lastRetryTime || retry?.initialRetryTime || RETRY_DEFAULTS.initialRetryTime
      const fields = { retryCount, retryTime, groupId }
      this.logger.error(`Restarting the consumer in ${retryTime}ms`, fields)
      this.restart = realClock.setTimer(retryTime, () => {
        this.start(run).catch((failure: unknown) => this.handleCrash(failure as Error, run))
      })
    })
  }

  private async endCrashedRun(error: Error, then: () => Promise<void>): Promise<void> {
    try {
      await this.disconnect()
    } catch (failure) {
      const { message } = failure as Error
      this.logger.error(`Caught error when stopping the consumer: ${message}`, {
        after: error.name,
      })
    }
    await then()
  }

  private async maySo(error: Error): Promise<boolean> {
    const { groupId, retry } = this.config
    if (!retry?.restartOnFailure) return true
    try {
      return await retry.restartOnFailure(error)
    } catch (failure) {
      const message =
        'Caught error when invoking user-provided "restartOnFailure" callback. ' +
        'Defaulting to restarting.'
      const { message: reason } = failure as Error
      this.logger.error(message, { error: reason, cause: error.message, groupId })
      return true
    }
  }

  // ---- while running ----------------------------------------------------------------------------

  async commitOffsets(given: readonly TopicPartitionOffsetAndMetadata[] = []): Promise<void> {
    const entries = given.map(({ topic, partition, offset, metadata = null }) => {
      checkPartition(topic, partition)
      const number = offsetOf(offset)
      if (number < 0n) throw new KafkaJSNonRetriableError('Offset must not be a negative number')
      if (metadata === null || typeof metadata === 'string') {
        return { topic, partitions: [{ partition, offset: String(number), metadata }] }
      }
      throw new KafkaJSNonRetriableError(
        `Invalid offset metadata, expected string or null, received ${metadata}`,
      )
    })
    const { session } = this
    if (!this.runner?.isRunning || entries.length === 0) return
    await withRetry(resolveRetry(this.config.retry), () => session.commit(entries))
  }

  seek({ topic, partition, offset }: TopicPartitionOffset): void {
    checkPartition(topic, partition)
    const number = offsetOf(offset)
    if (number < 0n && number !== BigInt(LATEST_OFFSET) && number !== BigInt(EARLIEST_OFFSET)) {
      throw new KafkaJSNonRetriableError('Offset must not be a negative number')
    }
    this.session.seek({ topic, partition: Number(partition), offset: String(number) })
  }

  pause(topicPartitions: Parameters<Consumer['pause']>[0] = []): void {
    checkTopicPartitions(topicPartitions, 'pause')
    this.session.pause(topicPartitions)
  }

  resume(topicPartitions: Parameters<Consumer['resume']>[0] = []): void {
    checkTopicPartitions(topicPartitions, 'resume')
    this.session.resume(topicPartitions)
  }

  paused() {
    return this.runner?.session.paused() ?? []
  }
}

/** As in kafkajs: what was retried in vain, and what says of itself that it may be tried again. */
function isWorthRestarting(error: Error): boolean {
  if (error.name === 'KafkaJSNumberOfRetriesExceeded') return true
  let origin: unknown = error
  while ((origin as Error).cause !== undefined) origin = (origin as Error).cause
  return (origin as { retriable?: boolean }).retriable === true
}

export function createConsumer(config: ConsumerConfig, parts: ConsumerParts): Consumer {
  const core = new ConsumerCore(config, parts)
  const { cluster, emitter } = parts
  const { logger } = core
  return {
    events: CONSUMER_EVENTS,
    on: listenWith('consumer', CONSUMER_EVENTS, { emitter, logger }) as Consumer['on'],
    logger: () => logger,
    connect: () => core.connect(),
    disconnect: () => core.disconnect(),
    subscribe: (subscription) => core.subscribe(subscription),
    stop: () => core.stop(),
    run: (run) => core.run(run),
    commitOffsets: (offsets) => core.commitOffsets(offsets),
    seek: (target) => core.seek(target),
    describeGroup: async () => {
      const { groupId } = config
      const broker = await cluster.findGroupCoordinator({ groupId })
      const [group] = await describeGroupsAt(cluster, broker, [groupId])
      return group as NonNullable<typeof group>
    },
    pause: (topics) => core.pause(topics),
    paused: () => core.paused(),
    resume: (topics) => core.resume(topics),
  }
}
