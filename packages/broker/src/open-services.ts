/** Everything a broker consists of, put together in the order in which it depends on each other. */
import { statfsSync } from 'node:fs'
import {
  type Clock,
  ConfigError,
  type Logger,
  type Random,
  realClock,
  realRandom,
} from '@ottla/base'
import { type FileSystem, LogDirectories, RealFileSystem } from '@ottla/storage'
import type { BrokerServices } from './broker-services.ts'
import type { BrokerConfig } from './config/broker-config.ts'
import { ConfigResolver } from './config/config-resolver.ts'
import { metadataLogConfig, topicLogConfig } from './config/topic-log-config.ts'
import type { MigrationPolicy } from './coordinator/consumer-group/consumer-groups.ts'
import { GroupService } from './coordinator/group-service.ts'
import { TransactionService } from './coordinator/transaction-service.ts'
import { Endpoints } from './endpoints.ts'
import { initialLevels } from './features.ts'
import { FetchSessionCache } from './fetch-session.ts'
import { MetadataImage } from './metadata/metadata-image.ts'
import { MetadataStore } from './metadata/metadata-store.ts'
import { isTierable } from './metadata/topic-names.ts'
import { BrokerMetrics } from './metrics.ts'
import { settleDirectories } from './partition-directories.ts'
import { Partitions } from './partitions.ts'
import { ProducerIds } from './producer-ids.ts'
import { recordTools } from './record-tools.ts'
import type { ArchiveOptions, BrokerArchive } from './remote/open-archive.ts'
import { DeadLetters } from './share/dead-letters.ts'
import { ShareService } from './share/share-service.ts'
import { ShareStateService } from './share/share-state-service.ts'
import { StreamsTopics } from './streams-topics.ts'
import { TelemetryService } from './telemetry/telemetry-service.ts'
import { TopicAdmin } from './topic-admin.ts'

export interface OpenOptions {
  readonly clock?: Clock
  readonly random?: Random
  readonly fileSystem?: FileSystem
}

export interface OpenContext {
  /** The first is that of the metadata log. */
  readonly logDirs: readonly string[]
  /** The first holds nothing else. */
  readonly isFirstForMetadata: boolean
  readonly privateDir: string
  readonly logger: Logger
  readonly onFatal: (error: Error) => void
  readonly stopping: AbortSignal
}

/** Opens the logs, replays the metadata, and makes everything that handlers work with. */
export async function openServices(
  options: OpenOptions,
  config: BrokerConfig,
  context: OpenContext,
): Promise<BrokerServices> {
  const clock = options.clock ?? realClock
  const random = options.random ?? realRandom
  const fileSystem = options.fileSystem ?? new RealFileSystem()
  const nodeId = config.get('node.id')
  const { logDirs, logger, stopping } = context
  const [logDir = ''] = logDirs
  const logs = await LogDirectories.open({
    ...context,
    fileSystem,
    clock,
    random,
    nodeId,
    flushPolicy: config.get('flush.policy') === 'os' ? 'os' : 'fsync',
    tailCacheBytesMax: config.get('tail.cache.bytes.max'),
    openFilesMax: config.get('open.files.max'),
    recordTools,
  })
  try {
    const image = new MetadataImage()
    const configs = new ConfigResolver(config, nodeId, (type, name) => image.config(type, name))
    const partitions = new Partitions(logs, (topic) => topicLogConfig(configs, topic), logger)
    const store = { nodeId, logs, logDir, fileSystem, image, clock, random, logger }
    const metadata = await MetadataStore.open({ ...store, ...metadataOptions(config) })
    await settleDirectories({ logs, metadata, image, partitions })
    const { clusterId } = logs
    const admin = { nodeId, logs, random, config, configs, metadata, image, partitions }
    const producerIds = new ProducerIds(metadata, nodeId)
    const shared = { partitions, image, clock, random, logger }
    const groups = new GroupService({ ...shared, ...groupOptions(config, configs) })
    const topics = new TopicAdmin(admin)
    const { wasCleanShutdown } = logs
    const transactionServices = { ...shared, ...transactionOptions(config), wasCleanShutdown }
    const archive = await openArchive({ ...shared, ...admin, topics, fileSystem })
    return {
      nodeId,
      clusterId,
      config,
      configs,
      image,
      metadata,
      logs,
      partitions,
      topics,
      groups,
      streamsTopics: new StreamsTopics(topics, clock),
      share: openShare(config, configs, { ...shared, topics, groups }),
      transactions: new TransactionService({ ...transactionServices, groups, producerIds }),
      producerIds,
      archive,
      telemetry: new TelemetryService({ ...shared, ...telemetryOptions(config), metadata }),
      fetchSessions: fetchSessionsOf(config, random),
      endpoints: new Endpoints(config.advertisedListeners()),
      metrics: new BrokerMetrics(),
      volume: volumeOf,
      stopping,
      clock,
      random,
      logger,
    }
  } catch (error) {
    await logs.close()
    throw error
  }
}

/** Loaded only where there is an archive: a broker without one must not start slower for it. */
async function openArchive(options: ArchiveOptions): Promise<BrokerArchive | undefined> {
  if (!options.config.get('remote.log.storage.system.enable')) {
    refuseTieredTopics(options.configs, options.image)
    return undefined
  }
  const { BrokerArchive } = await import('./remote/open-archive.ts')
  return BrokerArchive.open(options)
}

/**
 * Without its archive a tiered log would begin where its files do, and what is archived be lost.
 */
function refuseTieredTopics(configs: ConfigResolver, image: MetadataImage): void {
  for (const { name } of image.topics.values()) {
    if (configs.topic(name, 'remote.storage.enable') !== true || !isTierable(name)) continue
    throw new ConfigError(
      'remote.log.storage.system.enable',
      false,
      `Topic ${name} is tiered, and tiered storage is off`,
      'Set remote.log.storage.system.enable=true and archive.url, or delete the topic first.',
    )
  }
}

const metadataOptions = (config: BrokerConfig) => ({
  config: metadataLogConfig(config),
  initialLevels: initialLevels(config.get('release.version')),
  snapshots: {
    recordBytesMax: config.get('metadata.log.max.record.bytes.between.snapshots'),
    intervalMsMax: config.get('metadata.log.max.snapshot.interval.ms'),
    retentionBytes: config.get('metadata.max.retention.bytes'),
    retentionMs: config.get('metadata.max.retention.ms'),
  },
})

const fetchSessionsOf = (config: BrokerConfig, random: Random) =>
  new FetchSessionCache(config.get('max.incremental.fetch.session.cache.slots'), random)

function openShare(
  config: BrokerConfig,
  configs: ConfigResolver,
  shared: Pick<BrokerServices, 'partitions' | 'image' | 'clock' | 'logger' | 'topics' | 'groups'>,
): ShareService {
  const states = new ShareStateService({
    ...shared,
    updatesPerSnapshot: config.get('share.coordinator.snapshot.update.records.per.snapshot'),
    pruneIntervalMs: config.get('share.coordinator.state.topic.prune.interval.ms'),
  })
  const settingsOf = (group: string) => ({
    lockDurationMs: configs.group(group, 'share.record.lock.duration.ms'),
    deliveryCountMax: configs.group(group, 'share.delivery.count.limit'),
    recordLocksMax: configs.group(group, 'share.partition.max.record.locks'),
    isCommittedOnly: configs.groupOwn(group, 'share.isolation.level') === 'read_committed',
    mayRenew: configs.groupOwn(group, 'share.renew.acknowledge.enable') === true,
    offsetReset: String(configs.groupOwn(group, 'share.auto.offset.reset')),
  })
  const sessionsMax = config.get('group.share.max.share.sessions')
  const deadLetters = new DeadLetters({ ...shared, configs })
  return new ShareService({ ...shared, states, deadLetters, sessionsMax, settingsOf })
}

const telemetryOptions = (config: BrokerConfig) => ({
  pushBytesMax: config.get('telemetry.max.bytes'),
  collector: config.get('client.telemetry.otlp.endpoint'),
})

const groupOptions = (config: BrokerConfig, configs: ConfigResolver) => ({
  consumerGroups: {
    groupSizeMax: config.get('group.consumer.max.size'),
    assignors: config.get('group.consumer.assignors'),
    sessionTimeoutMs: (group: string) => configs.group(group, 'consumer.session.timeout.ms'),
    heartbeatIntervalMs: (group: string) => configs.group(group, 'consumer.heartbeat.interval.ms'),
    assignmentIntervalMs: (group: string) =>
      configs.group(group, 'consumer.assignment.interval.ms'),
    migration: config.get('group.consumer.migration.policy').toLowerCase() as MigrationPolicy,
  },
  shareGroups: {
    groupSizeMax: config.get('group.share.max.size'),
    sessionTimeoutMs: (group: string) => configs.group(group, 'share.session.timeout.ms'),
    heartbeatIntervalMs: (group: string) => configs.group(group, 'share.heartbeat.interval.ms'),
    assignmentIntervalMs: (group: string) => configs.group(group, 'share.assignment.interval.ms'),
  },
  streamsGroups: {
    groupSizeMax: config.get('group.streams.max.size'),
    sessionTimeoutMs: (group: string) => configs.group(group, 'streams.session.timeout.ms'),
    heartbeatIntervalMs: (group: string) => configs.group(group, 'streams.heartbeat.interval.ms'),
    initialRebalanceDelayMs: (group: string) =>
      configs.group(group, 'streams.initial.rebalance.delay.ms'),
    assignmentIntervalMs: (group: string) => configs.group(group, 'streams.assignment.interval.ms'),
    standbyReplicas: (group: string) => configs.group(group, 'streams.num.standby.replicas'),
    rackAwareTags: (group: string) => configs.rackAwareTags(group),
    taskOffsetIntervalMs: config.get('group.streams.task.offset.interval.ms'),
    acceptableRecoveryLag: config.get('group.streams.acceptable.recovery.lag'),
  },
  settings: {
    sessionTimeoutMsMin: config.get('group.min.session.timeout.ms'),
    sessionTimeoutMsMax: config.get('group.max.session.timeout.ms'),
    groupSizeMax: config.get('group.max.size'),
    initialRebalanceDelayMs: config.get('group.initial.rebalance.delay.ms'),
    offsetMetadataBytesMax: config.get('offset.metadata.max.bytes'),
    offsetsRetentionMs: config.get('offsets.retention.minutes') * 60_000,
  },
  offsetsCheckIntervalMs: config.get('offsets.retention.check.interval.ms'),
})

const transactionOptions = (config: BrokerConfig) => ({
  settings: {
    timeoutMsMax: config.get('transaction.max.timeout.ms'),
    expirationMs: config.get('transactional.id.expiration.ms'),
  },
  abortCheckIntervalMs: config.get('transaction.abort.timed.out.transaction.cleanup.interval.ms'),
  expiryCheckIntervalMs: config.get('transaction.remove.expired.transaction.cleanup.interval.ms'),
})

function volumeOf(directory: string): { totalBytes: number; usableBytes: number } | undefined {
  try {
    const { blocks, bavail, bsize } = statfsSync(directory)
    return { totalBytes: blocks * bsize, usableBytes: bavail * bsize }
  } catch {
    // An in-memory file system has no volume.
    return undefined
  }
}
