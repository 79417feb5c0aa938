/** The archive of a broker: its settings, its store, and the manager that keeps it. */
import { type Clock, ConfigError, type Logger, type Random } from '@ottla/base'
import type { FileSystem, LogTier, PartitionLog } from '@ottla/storage'
import type { BrokerConfig } from '../config/broker-config.ts'
import type { ConfigResolver } from '../config/config-resolver.ts'
import type { topicSettings } from '../config/topic-settings.ts'
import type { MetadataImage, TopicImage } from '../metadata/metadata-image.ts'
import { REMOTE_LOG_TOPIC } from '../metadata/topic-names.ts'
import type { ArchiveFigures } from '../metrics.ts'
import type { Partitions } from '../partitions.ts'
import { recordTools } from '../record-tools.ts'
import type { TopicAdmin, TopicArchive } from '../topic-admin.ts'
import {
  RemoteLogManager,
  type RemoteLogSettings,
  type TopicTiering,
} from './remote-log-manager.ts'
import type { TieredPartition } from './remote-log-records.ts'
import { RemoteLogTopic } from './remote-log-topic.ts'
import { openStore } from './store/open-store.ts'
import { copyLagOf } from './tiering-plan.ts'

export interface ArchiveOptions {
  readonly nodeId: number
  readonly config: BrokerConfig
  readonly configs: ConfigResolver
  readonly image: MetadataImage
  readonly partitions: Partitions
  readonly topics: TopicAdmin
  readonly fileSystem: FileSystem
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

export class BrokerArchive implements TopicArchive {
  readonly manager: RemoteLogManager
  private readonly options: ArchiveOptions

  private constructor(options: ArchiveOptions, manager: RemoteLogManager) {
    this.options = options
    this.manager = manager
  }

  /** Opens the store and gives every tiered log its tier; nothing is read from it yet. */
  static async open(options: ArchiveOptions): Promise<BrokerArchive> {
    const { config, configs, image, partitions, topics, nodeId, clock, logger } = options
    const url = config.get('archive.url')
    if (url === null) {
      throw new ConfigError(
        'archive.url',
        null,
        'remote.log.storage.system.enable is true, and archive.url does not say where the archive is',
        'Set archive.url to file:///path of a directory, or to s3://bucket/prefix.',
      )
    }
    const store = await openStore(url, { ...options, s3: s3SettingsOf(config) })
    const metadata = new RemoteLogTopic({
      logs: () => partitions.of(REMOTE_LOG_TOPIC),
      create: () => topics.ensureInternal(REMOTE_LOG_TOPIC),
      leaderEpoch: (partition) =>
        image.topics.get(REMOTE_LOG_TOPIC)?.partitions[partition]?.leaderEpoch ?? 0,
      clock,
      logger,
    })
    const manager = new RemoteLogManager({
      ...options,
      store,
      metadata,
      logs: () => partitions.all(),
      logOf: (of) =>
        image.topicsById.has(of.topicId) ? partitions.get(of.topic, of.partition) : undefined,
      topicIdOf: (topic) => image.topics.get(topic)?.id,
      tieringOf: (of) => tieringOf(configs, image, of),
      settings: settingsOf(config, configs),
      recordTools,
      brokerId: nodeId,
    })
    partitions.tierOf = (log: PartitionLog): LogTier | undefined => manager.tierOf(log)
    partitions.reconfigure()
    const archive = new BrokerArchive(options, manager)
    topics.archive = archive
    return archive
  }

  start(): void {
    this.manager.start()
  }

  wake(): void {
    this.manager.wake()
  }

  async topicIsGoing(topic: TopicImage): Promise<void> {
    for (const { partition } of topic.partitions) {
      const log = this.options.partitions.get(topic.name, partition)
      if (log?.tier === undefined) continue
      await this.manager.markDeleted({ topic: topic.name, topicId: topic.id, partition })
    }
  }

  figures(): ArchiveFigures {
    const { counters, reader } = this.manager
    const { fetchedBytes, failedFetches, cache } = reader
    const { hits: cacheHits, misses: cacheMisses } = cache
    return { ...counters, fetchedBytes, failedFetches, cacheHits, cacheMisses }
  }

  close(): Promise<void> {
    return this.manager.close()
  }
}

const s3SettingsOf = (config: BrokerConfig) => ({
  endpoint: config.get('archive.s3.endpoint'),
  region: config.get('archive.s3.region'),
  isPathStyle: config.get('archive.s3.path.style.access'),
  accessKeyId: config.get('archive.s3.access.key.id'),
  secretAccessKey: config.get('archive.s3.secret.access.key'),
  requestTimeoutMs: config.get('archive.s3.request.timeout.ms'),
})

/** What the topic wants of the archive now. */
function tieringOf(
  configs: ConfigResolver,
  image: MetadataImage,
  of: TieredPartition,
): TopicTiering {
  if (!image.topicsById.has(of.topicId)) return { kind: 'gone' }
  const get = (name: keyof typeof topicSettings) => configs.topic(of.topic, name)
  if (get('remote.storage.enable') !== true) {
    return { kind: 'off', deletesRemote: get('remote.log.delete.on.disable') === true }
  }
  const retentionMs = get('retention.ms') as number
  const retentionBytes = get('retention.bytes') as number
  const local = (name: 'local.retention.ms' | 'local.retention.bytes', whole: number) => {
    const value = get(name) as number
    return value === -2 ? whole : value
  }
  const settings = {
    isCopyDisabled: get('remote.log.copy.disable') === true,
    copyLagMs: copyLagOf(
      get('remote.copy.lag.ms') as number,
      local('local.retention.ms', retentionMs),
    ),
    copyLagBytes: copyLagOf(
      get('remote.copy.lag.bytes') as number,
      local('local.retention.bytes', retentionBytes),
    ),
    retentionMs,
    retentionBytes,
    deletes: (get('cleanup.policy') as readonly string[]).includes('delete'),
  }
  return { kind: 'tiered', settings }
}

function settingsOf(config: BrokerConfig, configs: ConfigResolver): RemoteLogSettings {
  const dynamic = (name: Parameters<ConfigResolver['broker']>[0]) => () =>
    configs.broker(name) as number
  const windowOf = (num: number, size: number) => num * size
  return {
    copiesMax: dynamic('remote.log.manager.copier.thread.pool.size'),
    copyBytesPerSecondMax: dynamic('remote.log.manager.copy.max.bytes.per.second'),
    copyWindowSeconds: windowOf(
      config.get('remote.log.manager.copy.quota.window.num'),
      config.get('remote.log.manager.copy.quota.window.size.seconds'),
    ),
    fetchesMax: dynamic('remote.log.reader.threads'),
    fetchesWaitingMax: config.get('remote.log.reader.max.pending.tasks'),
    fetchBytesPerSecondMax: dynamic('remote.log.manager.fetch.max.bytes.per.second'),
    fetchWindowSeconds: windowOf(
      config.get('remote.log.manager.fetch.quota.window.num'),
      config.get('remote.log.manager.fetch.quota.window.size.seconds'),
    ),
    fetchWaitMsMax: dynamic('remote.fetch.max.wait.ms'),
    listOffsetsWaitMsMax: dynamic('remote.list.offsets.request.timeout.ms'),
    cacheBytesMax: config.get('archive.cache.bytes.max'),
    intervalMs: config.get('remote.log.manager.task.interval.ms'),
    retryMs: config.get('remote.log.manager.task.retry.backoff.ms'),
    retryMsMax: config.get('remote.log.manager.task.retry.backoff.max.ms'),
    retryJitter: config.get('remote.log.manager.task.retry.jitter'),
  }
}
