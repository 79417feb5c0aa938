/**
 * The shell around the metadata image: a genuine KRaft log with one voter in
 * `__cluster_metadata-0`.
 *
 * A change is decided against the image, appended, waited for until it is durable, then replayed
 * into the image, and only then answered; changes run one after another, so a decision always sees
 * everything decided before it. A restart replays the newest snapshot and the log behind it. What
 * metadata-snapshots.ts decides happens between two changes.
 *
 * Each start is a new leader epoch: its first batch is the LeaderChange record, and `quorum-state`
 * beside the log names the epoch, as a controller of Apache Kafka would leave it.
 */
import {
  type Clock,
  type Logger,
  METADATA_TOPIC_ID,
  OttlaError,
  type Random,
  randomUuid,
  ZERO_UUID,
} from '@ottla/base'
import { BatchBuilder, buildLeaderChange, type RecordBatch } from '@ottla/protocol'
import {
  type FileSystem,
  type LogConfig,
  type LogDirectories,
  type PartitionLog,
  replaceFile,
} from '@ottla/storage'
import { batchesOf } from '../batches-of.ts'
import type { Endpoint } from '../endpoints.ts'
import { METADATA_VERSION, supportedFeatures } from '../features.ts'
import type { MetadataImage } from './metadata-image.ts'
import { encodeMetadataRecord, type MetadataRecord, metadataRecord } from './metadata-record.ts'
import {
  listSnapshots,
  metadataRecordsOf,
  readSnapshot,
  removeSnapshotLeftovers,
} from './metadata-snapshot.ts'
import { MetadataSnapshots, type SnapshotSettings } from './metadata-snapshots.ts'
import { QuorumImage } from './quorum-image.ts'
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
  /** Settings of the log itself. */
  readonly config: LogConfig
  readonly snapshots: SnapshotSettings
  /** Levels of features that a fresh directory starts with. */
  readonly initialLevels: ReadonlyMap<string, number>
}

/** Records of one batch; a larger change becomes several batches. */
const BATCH_RECORDS_MAX = 5_000

export class MetadataStore {
  /** Offset of the last record replayed. */
  lastOffset = -1
  brokerEpoch = -1
  private readonly options: MetadataStoreOptions
  private readonly log: PartitionLog
  private readonly quorum = new QuorumImage()
  private readonly snapshots: MetadataSnapshots
  private epoch = 0
  private tail: Promise<unknown> = Promise.resolve()
  private readonly listeners: ((record: MetadataRecord) => void)[] = []

  private constructor(options: MetadataStoreOptions, log: PartitionLog) {
    this.options = options
    this.log = log
    const { quorum } = this
    this.snapshots = new MetadataSnapshots({ ...options, log, quorum, settings: options.snapshots })
  }

  get leaderEpoch(): number {
    return this.epoch
  }

  /** Opens the log, replays it, and starts a new leader epoch. */
  static async open(options: MetadataStoreOptions): Promise<MetadataStore> {
    const { logs, config } = options
    const existing = logs.get(METADATA_TOPIC, 0)
    const { directoryId } = logs
    const place = { topicId: METADATA_TOPIC_ID, config, directoryId }
    const log = existing ?? logs.create(METADATA_TOPIC, 0, place)
    logs.setConfig(METADATA_TOPIC, config)
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
    this.tail = run.catch(() => undefined).then(() => this.snapshotWhenDue())
    return run
  }

  /** Resolves when nothing is being written any more. */
  async settle(): Promise<void> {
    await this.tail
  }

  /** Deletes snapshots and segments that `metadata.max.retention.*` do not keep. */
  clean(): Promise<void> {
    const run = this.tail.then(() => this.snapshots.clean())
    this.tail = run.catch(() => undefined)
    return run
  }

  /** Between two changes, so that image and log agree. */
  private async snapshotWhenDue(): Promise<void> {
    if (this.snapshots.isDue) await this.snapshots.take(this.epoch)
  }

  private async load(): Promise<void> {
    const { fileSystem, image, nodeId, logs } = this.options
    const { log, snapshots, quorum } = this
    removeSnapshotLeftovers(fileSystem, log.directory)
    const newest = listSnapshots(fileSystem, log.directory).at(-1)
    for (const batch of newest ? readSnapshot(fileSystem, newest.path) : []) this.replay(batch)
    this.epoch = newest?.epoch ?? 0
    const start = newest?.endOffset ?? 0
    checkGap(log, start)
    this.lastOffset = start - 1
    for await (const batch of batchesOf(log, start)) {
      this.replay(batch, start)
      this.epoch = Math.max(this.epoch, batch.leaderEpoch)
      this.lastOffset = batch.lastOffset
      snapshots.note(batch.size, batch.maxTimestamp)
    }
    quorum.checkAlone(nodeId, logs.directoryId)
    const level = image.level(METADATA_VERSION)
    const { minVersion, maxVersion } = supportedFeatures[0] as (typeof supportedFeatures)[number]
    if (level > 0 && (level < minVersion || level > maxVersion)) {
      const age = level > maxVersion ? 'newer' : 'older'
      throw new OttlaError(`metadata.version ${level} is ${age} than this ottla understands`, {
        code: 'UNSUPPORTED_METADATA_VERSION',
        hint: `It reads the levels ${minVersion} to ${maxVersion}.`,
      })
    }
  }

  /** Takes the records of a batch from `from` on into the image. */
  private replay(batch: RecordBatch, from = 0): void {
    this.quorum.replay(batch)
    const skipped = Math.max(0, from - batch.baseOffset)
    for (const record of metadataRecordsOf(batch).slice(skipped)) this.options.image.replay(record)
  }

  private async lead(): Promise<void> {
    const { nodeId, clock, image } = this.options
    this.epoch++
    const voter = { voterId: nodeId }
    const change = buildLeaderChange(
      { version: 0, leaderId: nodeId, voters: [voter], grantingVoters: [voter] },
      { timestamp: clock.now(), leaderEpoch: this.epoch },
    )
    await this.append(change)
    await this.writeQuorumState()
    if (image.isInTransaction) {
      const reason = 'the leader that began it is gone'
      await this.commit([metadataRecord('AbortTransactionRecord', { reason })])
    }
    if (image.features.size === 0) await this.commit(this.firstRecords())
    await this.snapshotWhenDue()
  }

  /** What a format tool left for the first start, or the levels that were asked for. */
  private firstRecords(): MetadataRecord[] {
    const { fileSystem, logDir, initialLevels } = this.options
    const batches = readSnapshot(fileSystem, `${logDir}/bootstrap.checkpoint`)
    return batches.length > 0 ? batches.flatMap(metadataRecordsOf) : freshRecords(initialLevels)
  }

  /**
   * Announces this node to whoever reads the log: clients of Apache Kafka's tools, and its brokers.
   */
  async registerBroker(listeners: readonly (Endpoint & { name: string })[]): Promise<void> {
    this.brokerEpoch = await this.change(() => {
      const brokerEpoch = this.log.logEndOffset
      return {
        records: [this.registration(brokerEpoch, listeners), ...this.leaderless()],
        response: brokerEpoch,
      }
    })
  }

  private registration(
    brokerEpoch: number,
    listeners: readonly (Endpoint & { name: string })[],
  ): MetadataRecord {
    const { nodeId, random, logs } = this.options
    return metadataRecord('RegisterBrokerRecord', {
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
    })
  }

  /**
   * Partitions that Apache Kafka left without a leader when it stopped. Who is in the ISR again is
   * not eligible beside it any more (KIP-966); where that was left standing, it is put right.
   */
  private leaderless(): MetadataRecord[] {
    const { image, nodeId } = this.options
    const records: MetadataRecord[] = []
    for (const topic of image.topics.values()) {
      for (const partition of topic.partitions) {
        const { leader, replicas, isr, eligibleLeaderReplicas, lastKnownElr } = partition
        if (!replicas.includes(nodeId)) continue
        const isLed = leader === nodeId
        if (isLed && !eligibleLeaderReplicas.some((id) => isr.includes(id))) continue
        records.push(
          metadataRecord('PartitionChangeRecord', {
            partitionId: partition.partition,
            topicId: topic.id,
            ...(isLed ? {} : { leader: nodeId, isr: [nodeId] }),
            ...(eligibleLeaderReplicas.length > 0 ? { eligibleLeaderReplicas: [] } : {}),
            ...(lastKnownElr.length > 0 ? { lastKnownElr: [] } : {}),
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
      const level = image.level(METADATA_VERSION)
      for (const record of part) {
        builder.append(timestamp, null, encodeMetadataRecord(record, level))
      }
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
    this.snapshots.note(batch.length, this.options.clock.now())
  }

  private async writeQuorumState(): Promise<void> {
    const { fileSystem, logDir, nodeId } = this.options
    const leader = { leaderId: nodeId, leaderEpoch: this.epoch, votedId: -1 }
    const state =
      this.quorum.kraftVersion > 0
        ? { ...leader, votedDirectoryId: ZERO_UUID, data_version: 1 }
        : {
            clusterId: '',
            ...leader,
            appliedOffset: 0,
            currentVoters: [{ voterId: nodeId }],
            data_version: 0,
          }
    const path = `${logDir}/${METADATA_TOPIC}-0/quorum-state`
    await replaceFile(fileSystem, path, Buffer.from(JSON.stringify(state)))
  }
}

/** Snapshot and log together must hold everything, and the log must go on behind the snapshot. */
function checkGap(log: PartitionLog, snapshotEnd: number): void {
  const { logStartOffset, logEndOffset } = log
  const what =
    snapshotEnd < logStartOffset
      ? `The metadata log begins at offset ${logStartOffset} and no snapshot reaches it`
      : `A metadata snapshot reaches offset ${snapshotEnd}, where the log ends at ${logEndOffset}`
  if (snapshotEnd >= logStartOffset && snapshotEnd <= logEndOffset) return
  throw new OttlaError(what, {
    code: 'METADATA_GAP',
    hint: 'Restore the directory of the metadata log from a backup.',
  })
}

function freshRecords(initialLevels: ReadonlyMap<string, number>): MetadataRecord[] {
  const levels = [...initialLevels].map(([name, featureLevel]) =>
    metadataRecord('FeatureLevelRecord', { name, featureLevel }),
  )
  if (!initialLevels.has('eligible.leader.replicas.version')) return levels
  // With eligible leader replicas the effective minimum must be stored, not taken from a file.
  const minimum = metadataRecord('ConfigRecord', {
    resourceType: 4,
    resourceName: '',
    name: 'min.insync.replicas',
    value: '1',
  })
  return [...levels, minimum]
}
