/**
 * The topic settings a log acts on, parsed. The broker makes one of these from its table of topic
 * settings; "no limit" is Infinity for times and sizes where Kafka says Long.MAX_VALUE or -1.
 */
export type CleanupPolicy = 'delete' | 'compact'
export type TimestampType = 'CreateTime' | 'LogAppendTime'
export type TopicCompression = 'producer' | 'uncompressed' | 'gzip' | 'snappy' | 'lz4' | 'zstd'

export interface LogConfig {
  /** `segment.bytes` */
  readonly segmentBytes: number
  /** `segment.ms` */
  readonly segmentMs: number
  /** `segment.index.bytes` */
  readonly segmentIndexBytes: number
  /** `segment.jitter.ms` */
  readonly segmentJitterMs: number
  /** `index.interval.bytes` */
  readonly indexIntervalBytes: number
  /** `retention.ms`; Infinity or negative keeps for ever. */
  readonly retentionMs: number
  /** `retention.bytes`; Infinity or negative keeps everything. */
  readonly retentionBytes: number
  /** `max.message.bytes`: of one batch, as it is stored. */
  readonly maxMessageBytes: number
  /** `cleanup.policy` */
  readonly cleanupPolicy: readonly CleanupPolicy[]
  /** `message.timestamp.type` */
  readonly messageTimestampType: TimestampType
  /** `message.timestamp.before.max.ms` */
  readonly messageTimestampBeforeMaxMs: number
  /** `message.timestamp.after.max.ms` */
  readonly messageTimestampAfterMaxMs: number
  /** `compression.type`: anything but `producer` makes the log recompress. */
  readonly compressionType: TopicCompression
  /** `compression.gzip.level` or `compression.zstd.level`; undefined is the codec's own. */
  readonly compressionLevel?: number | undefined
  /** `file.delete.delay.ms` */
  readonly fileDeleteDelayMs: number
  /** `flush.messages`, `flush.ms`: only matter with the flush policy `os`. */
  readonly flushMessages: number
  readonly flushMs: number
  /** `producer.id.expiration.ms`, a broker setting. */
  readonly producerIdExpirationMs: number
  /** `delete.retention.ms`: how long a cleaned log keeps tombstones. */
  readonly deleteRetentionMs: number
  /** `min.cleanable.dirty.ratio`, 0 to 1 */
  readonly minCleanableDirtyRatio: number
  /** `min.compaction.lag.ms` */
  readonly minCompactionLagMs: number
  /** `max.compaction.lag.ms`; Infinity is no limit. */
  readonly maxCompactionLagMs: number
  /**
   * What the archive has of the log (`remote.storage.enable`): nothing, what was copied before
   * copying was stopped (`remote.log.copy.disable`), or everything but the newest segments.
   */
  readonly tier: 'none' | 'read-only' | 'copied'
  /** `local.retention.ms` with a tier that is copied to; -2 follows `retention.ms`. */
  readonly localRetentionMs: number
  /** `local.retention.bytes` with a tier that is copied to; -2 follows `retention.bytes`. */
  readonly localRetentionBytes: number
}

export const defaultLogConfig: LogConfig = {
  segmentBytes: 1024 * 1024 * 1024,
  segmentMs: 604_800_000,
  segmentIndexBytes: 10 * 1024 * 1024,
  segmentJitterMs: 0,
  indexIntervalBytes: 4096,
  retentionMs: 604_800_000,
  retentionBytes: -1,
  maxMessageBytes: 1_048_588,
  cleanupPolicy: ['delete'],
  messageTimestampType: 'CreateTime',
  messageTimestampBeforeMaxMs: Number.POSITIVE_INFINITY,
  messageTimestampAfterMaxMs: 3_600_000,
  compressionType: 'producer',
  fileDeleteDelayMs: 60_000,
  flushMessages: Number.POSITIVE_INFINITY,
  flushMs: Number.POSITIVE_INFINITY,
  producerIdExpirationMs: 86_400_000,
  deleteRetentionMs: 86_400_000,
  minCleanableDirtyRatio: 0.5,
  minCompactionLagMs: 0,
  maxCompactionLagMs: Number.POSITIVE_INFINITY,
  tier: 'none',
  localRetentionMs: -2,
  localRetentionBytes: -2,
}
