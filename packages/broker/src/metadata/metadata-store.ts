/**
 * The shell around the metadata image: a genuine KRaft log with one voter in
 * `__cluster_metadata-0`.
 *
 * A change is decided against the image, appended, waited for until it is durable, then replayed
 * into the image, and only then answered; changes run one after another, so a decision always sees
 * everything decided before it. A restart replays the newest snapshot and the log behind it.
 *
 * Each start is a new leader epoch: its first batch is the LeaderChange record, and `quorum-state`
 * beside the log names the epoch, as a controller of Apache Kafka would leave it.
 */
import { type Clock, type Logger, METADATA_TOPIC_ID, type Random, randomUuid } from '@ottla/base'
import { BatchBuilder, buildLeaderChange } from '@ottla/protocol'
import {
  type FileSystem,
  type LogDirectories,
  type PartitionLog,
  replaceFile,
} from '@ottla/storage'
import { batchesOf } from '../batches-of.ts'
import { metadataLogConfig } from '../config/topic-log-config.ts'
import type { Endpoint } from '../endpoints.ts'
import { METADATA_VERSION_4_4_IV2, supportedFeatures } from '../features.ts'
import type { MetadataImage } from './metadata-image.ts'
import {
  decodeMetadataRecord,
  encodeMetadataRecord,
  type MetadataRecord,
  metadataRecord,
} from './metadata-record.ts'
import { readLatestSnapshot, readSnapshotRecords } from './metadata-snapshot.ts'
import type { Decision } from './topic-controller.ts'
import { METADATA_TOPIC } from './topic-names.ts'

export interface MetadataStoreOptions {
  readonly nodeId: number
  readonly logs: LogDirectories
  readonly logDir: string
  readonly fileSystem: FileSystem
  readonly image: MetadataImage
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

/** Records of one batch; a larger change becomes several batches. */
const BATCH_RECORDS_MAX = 5_000

export class MetadataStore {
  /** Offset of the last record replayed. */
  lastOffset = -1
  brokerEpoch = -1
  private readonly options: MetadataStoreOptions
  private readonly log: PartitionLog
  private epoch = 0
  private tail: Promise<unknown> = Promise.resolve()
  private readonly listeners: ((record: MetadataRecord) => void)[] = []

  private constructor(options: MetadataStoreOptions, log: PartitionLog) {
    this.options = options
    this.log = log
  }

  get leaderEpoch(): number {
    return this.epoch
  }

  /** Opens the log, replays it, and starts a new leader epoch. */
  static async open(options: MetadataStoreOptions): Promise<MetadataStore> {
    const { logs } = options
    const existing = logs.get(METADATA_TOPIC, 0)
    const { directoryId } = logs
    const place = { topicId: METADATA_TOPIC_ID, config: metadataLogConfig, directoryId }
    const log = existing ?? logs.create(METADATA_TOPIC, 0, place)
    logs.setConfig(METADATA_TOPIC, metadataLogConfig)
    await log.ready()
    const store = new MetadataStore(options, log)
    await store.load()
    await store.lead()
    return store
  }

  /** Calls back for each record that becomes part of the image from now on. */
  onRecord(listener: (record: MetadataRecord) => void): void {
    this.listeners.push(listener)
  }

  /** Runs one decision; resolves with its answer once its records are durable. */
  change<T>(decide: (image: MetadataImage) => Decision<T>): Promise<T> {
    const run = this.tail.then(async () => {
      const { records, response } = decide(this.options.image)
      await this.commit(records)
      return response
    })
    this.tail = run.catch(() => undefined)
    return run
  }

  private async load(): Promise<void> {
    const { fileSystem, logDir, image } = this.options
    const snapshot = readLatestSnapshot(fileSystem, `${logDir}/${METADATA_TOPIC}-0`)
    for (const record of snapshot?.records ?? []) image.replay(record)
    this.epoch = snapshot?.epoch ?? 0
    this.lastOffset = (snapshot?.endOffset ?? 0) - 1
    const start = Math.max(snapshot?.endOffset ?? 0, this.log.logStartOffset)
    for await (const batch of batchesOf(this.log, start)) {
      if (!batch.isControl) {
        for (const record of batch.records()) {
          if (record.offset >= start) image.replay(decodeMetadataRecord(record.value as Buffer))
        }
      }
      this.epoch = Math.max(this.epoch, batch.leaderEpoch)
      this.lastOffset = batch.lastOffset
    }
  }

  private async lead(): Promise<void> {
    const { nodeId, clock, image, fileSystem, logDir } = this.options
    this.epoch++
    const voter = { voterId: nodeId }
    const change = buildLeaderChange(
      { version: 0, leaderId: nodeId, voters: [voter], grantingVoters: [voter] },
      { timestamp: clock.now(), leaderEpoch: this.epoch },
    )
    await this.append(change)
    await this.writeQuorumState()
    if (image.features.size === 0) {
      const bootstrap = readSnapshotRecords(fileSystem, `${logDir}/bootstrap.checkpoint`)
      await this.commit(bootstrap.length > 0 ? bootstrap : freshRecords())
    }
    const level = image.features.get('metadata.version') ?? 0
    if (level > METADATA_VERSION_4_4_IV2) {
      throw new Error(`metadata.version ${level} is newer than this ottla understands`)
    }
  }

  /**
   * Announces this node to whoever reads the log: clients of Apache Kafka's tools, and its brokers.
   */
  async registerBroker(listeners: readonly (Endpoint & { name: string })[]): Promise<void> {
    const { nodeId, random, logs } = this.options
    const brokerEpoch = this.log.logEndOffset
    await this.commit([
      metadataRecord('RegisterBrokerRecord', {
        brokerId: nodeId,
        incarnationId: randomUuid(random),
        brokerEpoch,
        endPoints: listeners.map(({ name, host, port }) => ({
          name,
          host,
          port,
          securityProtocol: 0,
        })),
        features: supportedFeatures.map(({ name, minVersion, maxVersion }) => ({
          name,
          minSupportedVersion: minVersion,
          maxSupportedVersion: maxVersion,
        })),
        rack: null,
        fenced: false,
        logDirs: logs
          .online()
          .map(({ directoryId }) => directoryId)
          .sort(),
      }),
      ...this.leaderless(),
    ])
    this.brokerEpoch = brokerEpoch
  }

  /** Partitions that Apache Kafka left without a leader when it stopped. */
  private leaderless(): MetadataRecord[] {
    const { image, nodeId } = this.options
    const records: MetadataRecord[] = []
    for (const topic of image.topics.values()) {
      for (const { partition, leader, replicas } of topic.partitions) {
        if (leader === nodeId || !replicas.includes(nodeId)) continue
        records.push(
          metadataRecord('PartitionChangeRecord', {
            partitionId: partition,
            topicId: topic.id,
            leader: nodeId,
            isr: [nodeId],
          }),
        )
      }
    }
    return records
  }

  private async commit(records: readonly MetadataRecord[]): Promise<void> {
    const { clock, image } = this.options
    for (let start = 0; start < records.length; start += BATCH_RECORDS_MAX) {
      const part = records.slice(start, start + BATCH_RECORDS_MAX)
      const builder = new BatchBuilder()
      const timestamp = clock.now()
      for (const record of part) builder.append(timestamp, null, encodeMetadataRecord(record))
      await this.append(builder.finish({ leaderEpoch: this.epoch }))
      for (const record of part) {
        image.replay(record)
        for (const listener of this.listeners) listener(record)
      }
    }
  }

  private async append(batch: Buffer): Promise<void> {
    const result = this.log.append(batch, { origin: 'raft', leaderEpoch: this.epoch })
    if (result.kind === 'refused') throw new Error(`metadata log: ${result.message}`)
    await this.log.whenDurable(result.lastOffset)
    this.lastOffset = result.lastOffset
  }

  private async writeQuorumState(): Promise<void> {
    const { fileSystem, logDir, nodeId } = this.options
    const state = {
      clusterId: '',
      leaderId: nodeId,
      leaderEpoch: this.epoch,
      votedId: -1,
      appliedOffset: 0,
      currentVoters: [{ voterId: nodeId }],
      data_version: 0,
    }
    const path = `${logDir}/${METADATA_TOPIC}-0/quorum-state`
    await replaceFile(fileSystem, path, Buffer.from(JSON.stringify(state)))
  }
}

function freshRecords(): MetadataRecord[] {
  const levels = supportedFeatures
    .filter((feature) => feature.initial > 0)
    .map(({ name, initial }) =>
      metadataRecord('FeatureLevelRecord', { name, featureLevel: initial }),
    )
  // With eligible leader replicas the effective minimum must be stored, not taken from a file.
  const minimum = metadataRecord('ConfigRecord', {
    resourceType: 4,
    resourceName: '',
    name: 'min.insync.replicas',
    value: '1',
  })
  return [...levels, minimum]
}
