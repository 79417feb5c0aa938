/**
 * The dead letter queue (KIP-1191): records that a share group gives up go to the topic it names,
 * with headers that say where they came from and why; key, value and headers of their own only when
 * the group wants them copied.
 *
 * They are written before the group gives the records up, so a crash in between gives one twice but
 * loses none. A queue that cannot be used stops nobody: what is wrong is logged, and the record is
 * given up all the same, as Apache Kafka does.
 */
import { type Clock, type Logger, messageOf } from '@ottla/base'
import { BatchBuilder, loadCodec, type RecordHeaderInput, readBatches } from '@ottla/protocol'
import { type PartitionLog, StorageError } from '@ottla/storage'
import type { ConfigResolver } from '../config/config-resolver.ts'
import type { MetadataImage, TopicImage } from '../metadata/metadata-image.ts'
import type { Partitions } from '../partitions.ts'
import type { TopicAdmin } from '../topic-admin.ts'
import type { FailedRecords } from './share-partition.ts'
import type { SharePartitionKey } from './share-state-records.ts'

const SHARE_VERSION_WITH_DEAD_LETTERS = 2

export interface DeadLetterOptions {
  readonly partitions: Partitions
  readonly image: MetadataImage
  readonly topics: TopicAdmin
  readonly configs: ConfigResolver
  readonly clock: Clock
  readonly logger: Logger
}

const MESSAGES = {
  rejected: 'A member of the group has rejected the record.',
  worn: 'The record was delivered as often as the group allows.',
} as const

interface Original {
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: readonly RecordHeaderInput[]
}

const NOT_COPIED: Original = { key: null, value: null, headers: [] }

export class DeadLetters {
  private readonly options: DeadLetterOptions

  constructor(options: DeadLetterOptions) {
    this.options = options
  }

  async write(
    key: SharePartitionKey,
    log: PartitionLog,
    failed: readonly FailedRecords[],
  ): Promise<void> {
    const { image, configs, logger } = this.options
    const { groupId } = key
    const topic = String(configs.groupOwn(groupId, 'errors.deadletterqueue.topic.name'))
    const isServed = (image.features.get('share.version') ?? 0) >= SHARE_VERSION_WITH_DEAD_LETTERS
    if (topic === '' || !isServed) return
    try {
      const fault = await this.unusable(topic)
      if (fault === undefined) await this.append(key, log, { topic, failed })
      else logger.warn('dead letter queue cannot be used', { groupId, topic, reason: fault })
    } catch (error) {
      if (!(error instanceof StorageError)) throw error
      const reason = messageOf(error)
      logger.error('dead letters cannot be written', { groupId, topic, reason })
    }
  }

  private async unusable(topic: string): Promise<string | undefined> {
    const { image, configs, topics } = this.options
    if (topic.startsWith('__')) return 'it must not begin with __'
    const prefix = String(configs.broker('errors.deadletterqueue.topic.name.prefix') ?? '')
    if (!topic.startsWith(prefix)) return `it must begin with ${prefix}`
    if (!image.topics.has(topic)) {
      if (configs.broker('errors.deadletterqueue.auto.create.topics.enable') !== true) {
        return 'there is no such topic'
      }
      const settings = [{ name: 'errors.deadletterqueue.group.enable', value: 'true' }]
      const [created] = await topics.create([
        {
          name: topic,
          numPartitions: -1,
          replicationFactor: -1,
          assignments: [],
          configs: settings,
        },
      ])
      return created?.errorCode === 0 ? undefined : 'it cannot be created'
    }
    const isOpen = configs.topic(topic, 'errors.deadletterqueue.group.enable') === true
    return isOpen ? undefined : 'its setting errors.deadletterqueue.group.enable is false'
  }

  private async append(
    key: SharePartitionKey,
    source: PartitionLog,
    { topic, failed }: { readonly topic: string; readonly failed: readonly FailedRecords[] },
  ): Promise<void> {
    const { image, partitions, clock } = this.options
    const target = image.topics.get(topic) as TopicImage
    const partition = key.partition % target.partitions.length
    const log = partitions.get(topic, partition)
    if (!log) throw new StorageError('UNKNOWN_TOPIC_OR_PARTITION', `no ${topic}-${partition}`)
    await log.ready()
    const originals = await this.originals(key, source, failed)
    const builder = new BatchBuilder()
    const timestamp = clock.now()
    let count = 0
    for (const { firstOffset, lastOffset, deliveryCount, reason } of failed) {
      for (let offset = firstOffset; offset <= lastOffset; offset++) {
        const original = originals ? originals.get(offset) : NOT_COPIED
        // Compaction has removed it: there is nothing to keep.
        if (!original) continue
        const headers = [
          ...original.headers,
          { key: '__dlq.errors.topic', value: source.topic },
          { key: '__dlq.errors.partition', value: String(key.partition) },
          { key: '__dlq.errors.offset', value: String(offset) },
          { key: '__dlq.errors.group', value: key.groupId },
          { key: '__dlq.errors.delivery.count', value: String(deliveryCount) },
          { key: '__dlq.errors.message', value: MESSAGES[reason] },
        ]
        builder.append(timestamp, original.key, original.value, headers)
        count++
      }
    }
    if (count === 0) return
    const { leaderEpoch } = target.partitions[partition] as { leaderEpoch: number }
    const result = log.append(builder.finish(), { origin: 'coordinator', leaderEpoch })
    if (result.kind === 'refused') throw new StorageError(result.error, result.message)
    await log.whenDurable(result.lastOffset)
  }

  /** The records by offset; undefined when the group wants no copies. */
  private async originals(
    { groupId }: SharePartitionKey,
    log: PartitionLog,
    failed: readonly FailedRecords[],
  ): Promise<ReadonlyMap<number, Original> | undefined> {
    const { configs } = this.options
    if (configs.groupOwn(groupId, 'errors.deadletterqueue.copy.record.enable') !== true) {
      return undefined
    }
    const originals = new Map<number, Original>()
    for (const { firstOffset, lastOffset } of failed) {
      for (let next = Math.max(firstOffset, log.logStartOffset); next <= lastOffset; ) {
        const { chunks } = await log.read(next, READING)
        const batches = chunks.flatMap((chunk) => [...readBatches(chunk)])
        if (batches.length === 0) break
        for (const batch of batches) {
          next = batch.lastOffset + 1
          await loadCodec(batch.compression)
          if (batch.isControl) continue
          for (const { offset, key, value, headers } of batch.records()) {
            if (offset < firstOffset || offset > lastOffset) continue
            originals.set(offset, { key, value, headers })
          }
        }
      }
    }
    return originals
  }
}

const READING = { bytesMax: 1024 * 1024, upTo: 'high-watermark', atLeastOneBatch: true } as const
