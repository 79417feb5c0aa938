/**
 * Logs, their archive and `__remote_log_metadata` on one file system in memory, put together as a
 * broker does it: what the crash test of the archive kills and opens again.
 */
import { type Random, silentLogger, type VirtualClock } from '@ottla/base'
import {
  defaultLogConfig,
  type LogConfig,
  LogManager,
  type MemoryFileSystem,
  type PartitionLog,
} from '@ottla/storage'
import { recordTools } from '../../packages/broker/src/record-tools.ts'
import {
  type ArchiveCheck,
  checkArchive,
  listObjects,
} from '../../packages/broker/src/remote/archive-check.ts'
import {
  RemoteLogManager,
  type RemoteLogSettings,
  type TopicTiering,
} from '../../packages/broker/src/remote/remote-log-manager.ts'
import type { TieredPartition } from '../../packages/broker/src/remote/remote-log-records.ts'
import { RemoteLogTopic } from '../../packages/broker/src/remote/remote-log-topic.ts'
import { DirectoryStore } from '../../packages/broker/src/remote/store/directory-store.ts'
import type { RemoteStore } from '../../packages/broker/src/remote/store/remote-store.ts'

export const METADATA = '__remote_log_metadata'
const METADATA_ID = 'cmVtb3RlLWxvZy1tZXRhZA'
const METADATA_PARTITIONS = 2
const LOCAL_RETENTION_MS = 5_000
const RETENTION_MS = 60_000

/** Small segments that soon leave the disk, and later the archive. */
export const TIERED: LogConfig = {
  ...defaultLogConfig,
  segmentBytes: 1800,
  indexIntervalBytes: 100,
  fileDeleteDelayMs: 50,
  retentionMs: RETENTION_MS,
  tier: 'copied',
  localRetentionMs: LOCAL_RETENTION_MS,
}

const UNLIMITED = () => Number.POSITIVE_INFINITY
const SETTINGS: RemoteLogSettings = {
  copiesMax: () => 2,
  copyBytesPerSecondMax: UNLIMITED,
  copyWindowSeconds: 1,
  fetchesMax: () => 4,
  fetchesWaitingMax: 100,
  fetchBytesPerSecondMax: UNLIMITED,
  fetchWindowSeconds: 1,
  fetchWaitMsMax: () => 1000,
  listOffsetsWaitMsMax: () => 1000,
  cacheBytesMax: 4000,
  chunkBytes: 700,
  intervalMs: 30_000,
  retryMs: 500,
  retryMsMax: 30_000,
  retryJitter: 0.2,
}

const TIERING: TopicTiering = {
  kind: 'tiered',
  settings: {
    isCopyDisabled: false,
    copyLagMs: 0,
    copyLagBytes: Number.POSITIVE_INFINITY,
    retentionMs: RETENTION_MS,
    retentionBytes: -1,
    deletes: true,
  },
}

export interface WorldOptions {
  readonly random: Random
  readonly clock: VirtualClock
  /** Ids of the topics that exist, as the metadata log would tell. */
  readonly topicIds: ReadonlyMap<string, string>
  readonly onFatal: (error: Error) => void
  /** Faults of the store, and mistakes made on purpose. */
  readonly wrapStore?: (store: RemoteStore) => RemoteStore
  readonly wrapLog?: (log: PartitionLog) => void
}

export class ArchiveWorld {
  readonly manager: LogManager
  readonly archive: RemoteLogManager
  private readonly metadata: RemoteLogTopic
  private readonly store: DirectoryStore
  private readonly options: WorldOptions
  private readonly fileSystem: MemoryFileSystem

  private constructor(
    fileSystem: MemoryFileSystem,
    options: WorldOptions,
    parts: { manager: LogManager; store: DirectoryStore },
  ) {
    this.fileSystem = fileSystem
    this.options = options
    this.manager = parts.manager
    this.store = parts.store
    const { clock, random } = options
    this.metadata = new RemoteLogTopic({
      logs: () => this.metadataLogs(),
      create: () => Promise.reject(new Error('the metadata topic is made at the start')),
      leaderEpoch: () => 0,
      clock,
      logger: silentLogger,
    })
    this.archive = new RemoteLogManager({
      store: options.wrapStore?.(parts.store) ?? parts.store,
      metadata: this.metadata,
      logs: () => parts.manager.partitions(),
      logOf: (of) => this.logOf(of),
      topicIdOf: (topic) => options.topicIds.get(topic),
      tieringOf: (of) =>
        options.topicIds.get(of.topic) === of.topicId ? TIERING : { kind: 'gone' },
      settings: SETTINGS,
      recordTools,
      brokerId: 1,
      clock,
      random,
      logger: silentLogger,
    })
  }

  static async open(fileSystem: MemoryFileSystem, options: WorldOptions): Promise<ArchiveWorld> {
    const { clock, random, onFatal, topicIds } = options
    const manager = await LogManager.open({
      fileSystem,
      clock,
      random,
      logger: silentLogger,
      logDir: '/data',
      privateDir: '/private',
      nodeId: 1,
      clusterId: 'crash',
      flushPolicy: 'fsync',
      tailCacheBytesMax: 1000,
      onFatal,
      schedule: queueMicrotask,
    })
    const store = await DirectoryStore.open(fileSystem, '/archive', random)
    const world = new ArchiveWorld(fileSystem, options, { manager, store })
    for (let i = 0; i < METADATA_PARTITIONS; i++) {
      const config = { ...defaultLogConfig, segmentBytes: 3000, retentionMs: -1 }
      if (manager.get(METADATA, i)) manager.setConfig(METADATA, config)
      else await manager.create(METADATA, i, METADATA_ID, config).ready()
    }
    for (const [topic, id] of topicIds) await world.openTopic(topic, id)
    return world
  }

  async openTopic(topic: string, topicId: string): Promise<PartitionLog> {
    const { manager } = this
    const known = manager.get(topic, 0)
    // As a broker settles it at the start: what the metadata log does not know is not the topic's.
    if (known && known.topicId !== topicId) await manager.delete(topic, 0)
    manager.setConfig(topic, TIERED)
    const log = manager.get(topic, 0) ?? manager.create(topic, 0, topicId, TIERED)
    log.tier = this.archive.tierOf(log)
    this.options.wrapLog?.(log)
    await log.ready()
    return log
  }

  log(topic: string): PartitionLog | undefined {
    return this.manager.get(topic, 0)
  }

  private logOf(of: TieredPartition): PartitionLog | undefined {
    const log = this.manager.get(of.topic, of.partition)
    return log?.topicId === of.topicId ? log : undefined
  }

  private metadataLogs(): PartitionLog[] {
    const logs = Array.from({ length: METADATA_PARTITIONS }, (_, i) =>
      this.manager.get(METADATA, i),
    )
    return logs.filter((log) => log !== undefined)
  }

  /** Rounds until everything that was interrupted has ended. */
  async settle(): Promise<void> {
    for (let i = 0; i < 3; i++) {
      this.options.clock.advance(31_000)
      await this.archive.round()
    }
  }

  async check(): Promise<ArchiveCheck & { readonly parts: number }> {
    const objects = await listObjects(this.store)
    const names = (this.fileSystem.list('/archive') ?? []).flatMap(
      ({ name }) => this.fileSystem.list(`/archive/${name}`) ?? [],
    )
    const parts = names.filter(({ name }) => name.endsWith('.part')).length
    return { ...checkArchive(objects, await this.metadata.all()), parts }
  }

  async close(): Promise<void> {
    await this.archive.close()
    await this.manager.close()
  }
}
