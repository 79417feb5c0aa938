/**
 * The logs of this node's partitions, found by topic and number without building a key. Filled from
 * the metadata image; what lies on disk without being in the image is left alone and reported.
 */
import { type Logger, messageOf } from '@ottla/base'
import { COMPRESSION, loadCodec } from '@ottla/protocol'
import type { LogConfig, LogDirectories, LogTier, PartitionLog } from '@ottla/storage'
import type { TopicImage } from './metadata/metadata-image.ts'
import { METADATA_TOPIC } from './metadata/topic-names.ts'

export class Partitions {
  /** Gives a tiered log its archive; set, before any log is used, when there is one. */
  tierOf: ((log: PartitionLog) => LogTier | undefined) | undefined
  private readonly byTopic = new Map<string, PartitionLog[]>()
  private readonly logs: LogDirectories
  private readonly configOf: (topic: string) => LogConfig
  private readonly logger: Logger

  constructor(logs: LogDirectories, configOf: (topic: string) => LogConfig, logger: Logger) {
    this.logs = logs
    this.configOf = configOf
    this.logger = logger
  }

  get(topic: string, partition: number): PartitionLog | undefined {
    return this.byTopic.get(topic)?.[partition]
  }

  /** Whether the partition's log directory has failed. */
  isOffline(topic: string, partition: number): boolean {
    return this.get(topic, partition)?.isOffline === true
  }

  of(topic: string): readonly PartitionLog[] {
    return this.byTopic.get(topic) ?? []
  }

  *all(): Iterable<PartitionLog> {
    for (const logs of this.byTopic.values()) yield* logs
  }

  /** Makes the logs of a topic that are missing; they are durable once `ready` resolves. */
  add(topic: TopicImage): PartitionLog[] {
    const logs = this.byTopic.get(topic.name) ?? []
    const config = this.configOf(topic.name)
    const created: PartitionLog[] = []
    for (const { partition, directories } of topic.partitions) {
      if (logs[partition]) continue
      const [directoryId] = directories
      const existing = this.logs.get(topic.name, partition)
      if (existing) logs[partition] = existing
      else if (this.logs.isElsewhere(directoryId)) {
        logs[partition] = this.logs.offlineLog(topic.name, partition, config)
      } else {
        const place = { topicId: topic.id, config, directoryId }
        const log = this.logs.create(topic.name, partition, place)
        created.push(log)
        logs[partition] = log
      }
    }
    this.byTopic.set(topic.name, logs)
    this.configure(topic.name, config)
    return created
  }

  async remove(topic: TopicImage): Promise<void> {
    this.byTopic.delete(topic.name)
    await Promise.all(topic.partitions.map((p) => this.logs.delete(topic.name, p.partition)))
  }

  /** Applies changed settings to the logs of one topic, or of all. */
  reconfigure(topic?: string): void {
    const names = topic === undefined ? this.byTopic.keys() : [topic]
    for (const name of names) {
      if (this.byTopic.has(name)) this.configure(name, this.configOf(name))
    }
  }

  private configure(topic: string, config: LogConfig): void {
    this.logs.setConfig(topic, config)
    for (const log of this.of(topic)) {
      log.tier = config.tier === 'none' ? undefined : (log.tier ?? this.tierOf?.(log))
    }
    if (config.compressionType !== 'zstd') return
    loadCodec(COMPRESSION.zstd).catch((error: unknown) => {
      this.logger.error('zstd cannot be loaded', { reason: messageOf(error) })
    })
  }

  /** Names what is on disk and belongs to no topic; it is neither served nor deleted. */
  reportStrays(): void {
    for (const { topic, partition } of this.logs.partitions()) {
      if (topic === METADATA_TOPIC || this.get(topic, partition)) continue
      this.logger.warn('directory belongs to no topic and is left alone', { topic, partition })
    }
  }
}
