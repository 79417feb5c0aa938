import { defaultLogConfig, type LogConfig } from '@ottla/storage'
import { isTierable } from '../metadata/topic-names.ts'
import type { BrokerConfig } from './broker-config.ts'
import type { ConfigResolver } from './config-resolver.ts'
import type { topicSettings } from './topic-settings.ts'

/** What the log of a topic needs to know of its settings. */
export function topicLogConfig(resolver: ConfigResolver, topic: string): LogConfig {
  const get = (name: keyof typeof topicSettings) => resolver.topic(topic, name)
  const number = (name: keyof typeof topicSettings) => get(name) as number
  return {
    ...defaultLogConfig,
    segmentBytes: number('segment.bytes'),
    segmentMs: number('segment.ms'),
    segmentIndexBytes: number('segment.index.bytes'),
    segmentJitterMs: number('segment.jitter.ms'),
    indexIntervalBytes: number('index.interval.bytes'),
    retentionMs: number('retention.ms'),
    retentionBytes: number('retention.bytes'),
    maxMessageBytes: number('max.message.bytes'),
    cleanupPolicy: get('cleanup.policy') as LogConfig['cleanupPolicy'],
    messageTimestampType: get('message.timestamp.type') as LogConfig['messageTimestampType'],
    messageTimestampBeforeMaxMs: number('message.timestamp.before.max.ms'),
    messageTimestampAfterMaxMs: number('message.timestamp.after.max.ms'),
    compressionType: get('compression.type') as LogConfig['compressionType'],
    compressionLevel: levelOf(get),
    fileDeleteDelayMs: number('file.delete.delay.ms'),
    flushMessages: number('flush.messages'),
    flushMs: number('flush.ms'),
    deleteRetentionMs: number('delete.retention.ms'),
    minCleanableDirtyRatio: number('min.cleanable.dirty.ratio'),
    minCompactionLagMs: number('min.compaction.lag.ms'),
    maxCompactionLagMs: withoutLimit(number('max.compaction.lag.ms')),
    producerIdExpirationMs: resolver.broker('producer.id.expiration.ms') as number,
    tier: tierOf(resolver, topic),
    localRetentionMs: number('local.retention.ms'),
    localRetentionBytes: number('local.retention.bytes'),
  }
}

/** Internal topics are never tiered, whatever is set on them: the archive is listed in one. */
function tierOf(resolver: ConfigResolver, topic: string): LogConfig['tier'] {
  const isEnabled = resolver.broker('remote.log.storage.system.enable') === true
  if (!isEnabled || !isTierable(topic)) return 'none'
  if (resolver.topic(topic, 'remote.storage.enable') !== true) return 'none'
  return resolver.topic(topic, 'remote.log.copy.disable') === true ? 'read-only' : 'copied'
}

/** Kafka's default of a limit that is none is Long.MAX_VALUE. */
const withoutLimit = (value: number): number =>
  value > Number.MAX_SAFE_INTEGER ? Number.POSITIVE_INFINITY : value

/** lz4's native codec has no levels. */
function levelOf(get: (name: keyof typeof topicSettings) => unknown): number | undefined {
  const codec = get('compression.type')
  if (codec === 'zstd') return get('compression.zstd.level') as number
  const level = codec === 'gzip' ? (get('compression.gzip.level') as number) : -1
  return level < 0 ? undefined : level
}

/** Settings of the log of the metadata, which is cut by its snapshots and by nothing else. */
export function metadataLogConfig(config: BrokerConfig): LogConfig {
  const segmentBytes = config.get('metadata.log.segment.bytes')
  return {
    ...defaultLogConfig,
    segmentBytes: config.get('internal.metadata.log.segment.bytes') ?? segmentBytes,
    segmentMs: config.get('metadata.log.segment.ms'),
    retentionMs: -1,
    retentionBytes: -1,
    maxMessageBytes: 8 * 1024 * 1024,
    messageTimestampAfterMaxMs: Number.POSITIVE_INFINITY,
  }
}
