/**
 * The shell around what `__remote_log_metadata` says: loads its partitions by replay, appends
 * records, and lets them count once they are durable.
 *
 * The topic, its records and the choice of a record's partition are those of Apache Kafka's
 * TopicBasedRemoteLogMetadataManager, so that either broker can go on with the other's archive. Its
 * partitions are read when one of the logs they tell of is needed first.
 */
import { type Clock, type Logger, murmur2, type Uuid } from '@ottla/base'
import { BatchBuilder } from '@ottla/protocol'
import { type PartitionLog, StorageError } from '@ottla/storage'
import { batchesOf } from '../batches-of.ts'
import { REMOTE_LOG_TOPIC } from '../metadata/topic-names.ts'
import {
  decodeRemoteLogRecord,
  encodeRemoteLogRecord,
  type RemoteLogRecord,
  type TieredPartition,
} from './remote-log-records.ts'
import { RemoteSegments } from './remote-segments.ts'

export interface RemoteLogTopicOptions {
  /** Logs of the topic, none as long as it does not exist. */
  readonly logs: () => readonly PartitionLog[]
  /** Makes the topic. */
  readonly create: () => Promise<void>
  readonly leaderEpoch: (partition: number) => number
  readonly clock: Clock
  readonly logger: Logger
}

export class RemoteLogTopic {
  private readonly options: RemoteLogTopicOptions
  private readonly loading = new Map<number, Promise<void>>()
  private readonly byPartition = new Map<string, RemoteSegments>()

  constructor(options: RemoteLogTopicOptions) {
    this.options = options
  }

  /** What the archive holds of a partition. */
  async segmentsOf(of: TieredPartition): Promise<RemoteSegments> {
    await this.ready()
    await this.load(metadataPartitionOf(of, this.options.logs().length))
    return this.take(of)
  }

  /** What the archive holds of all partitions, those of deleted topics included. */
  async all(): Promise<RemoteSegments[]> {
    const { logs } = this.options
    for (let partition = 0; partition < logs().length; partition++) await this.load(partition)
    return [...this.byPartition.values()]
  }

  private async ready(): Promise<void> {
    if (this.options.logs().length === 0) await this.options.create()
  }

  private load(partition: number): Promise<void> {
    let load = this.loading.get(partition)
    if (!load) {
      load = this.replayAll(partition)
      // What failed is tried again by the next who asks.
      load.catch(() => this.loading.delete(partition))
      this.loading.set(partition, load)
    }
    return load
  }

  private async replayAll(partition: number): Promise<void> {
    const log = this.options.logs()[partition]
    if (!log)
      throw new StorageError('UNKNOWN_TOPIC_OR_PARTITION', `no ${REMOTE_LOG_TOPIC}-${partition}`)
    await log.ready()
    for await (const batch of batchesOf(log)) {
      if (batch.isControl) continue
      for (const { value } of batch.records()) {
        if (value) this.replay(decodeRemoteLogRecord(value as Buffer))
      }
    }
  }

  private replay(record: RemoteLogRecord): void {
    const segments = this.take(record.of)
    segments.replay(record)
    if (segments.isGone) this.byPartition.delete(nameOf(record.of))
  }

  private take(of: TieredPartition): RemoteSegments {
    const name = nameOf(of)
    let segments = this.byPartition.get(name)
    if (!segments) {
      segments = new RemoteSegments(of)
      this.byPartition.set(name, segments)
    }
    return segments
  }

  /** Appends a record; it counts, and the promise resolves, once it is durable. */
  async write(record: RemoteLogRecord): Promise<void> {
    const { clock, leaderEpoch } = this.options
    await this.ready()
    const logs = this.options.logs()
    const partition = metadataPartitionOf(record.of, logs.length)
    await this.load(partition)
    const log = logs[partition] as PartitionLog
    const builder = new BatchBuilder()
    builder.append(clock.now(), null, encodeRemoteLogRecord(record))
    const result = log.append(builder.finish(), {
      origin: 'coordinator',
      leaderEpoch: leaderEpoch(partition),
    })
    if (result.kind === 'refused') throw new StorageError(result.error, result.message)
    await log.whenDurable(result.lastOffset)
    this.replay(record)
  }
}

const nameOf = ({ topicId, partition }: TieredPartition): string => `${topicId}:${partition}`

/** The partition of `__remote_log_metadata` that tells of a partition. */
export function metadataPartitionOf(of: TieredPartition, count: number): number {
  const id = uuidBytes(of.topicId)
  // Java's Objects.hash over the least and the most significant half of the id and the number.
  let hash = 1
  for (const part of [longHash(id, 8), longHash(id, 0), of.partition]) {
    hash = (Math.imul(hash, 31) + part) | 0
  }
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(hash)
  return (murmur2(bytes) & 0x7fff_ffff) % count
}

const uuidBytes = (id: Uuid): Buffer => Buffer.from(id, 'base64url')

/** Java's Long.hashCode of the eight bytes at `at`. */
const longHash = (bytes: Buffer, at: number): number =>
  bytes.readInt32BE(at) ^ bytes.readInt32BE(at + 4)
