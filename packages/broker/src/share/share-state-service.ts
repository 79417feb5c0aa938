/**
 * The shell around the states of share partitions: loads `__share_group_state` by replay, appends
 * what is decided, answers once it is durable, and deletes what is no longer needed.
 *
 * A partition of the topic is loaded when the first request for a state in it arrives. The topic
 * is not compacted: every state is written anew from time to time, and the records in front of the
 * oldest snapshot that is still needed are deleted.
 */
import { type Clock, type Logger, messageOf, type Timer } from '@ottla/base'
import { BatchBuilder, type ErrorName } from '@ottla/protocol'
import { type PartitionLog, StorageError } from '@ottla/storage'
import { batchesOf } from '../batches-of.ts'
import { partitionForKey } from '../coordinator/partition-for-key.ts'
import type { MetadataImage } from '../metadata/metadata-image.ts'
import { SHARE_STATE_TOPIC } from '../metadata/topic-names.ts'
import type { Partitions } from '../partitions.ts'
import type { TopicAdmin } from '../topic-admin.ts'
import {
  decodeShareState,
  encodeShareState,
  type SharePartitionKey,
  type ShareStateRecord,
  textOf,
} from './share-state-records.ts'
import { type ShareState, ShareStates, type StateDecision, snapshotOf } from './share-states.ts'

export interface ShareStateServiceOptions {
  readonly partitions: Partitions
  readonly image: MetadataImage
  readonly topics: TopicAdmin
  readonly clock: Clock
  readonly logger: Logger
  readonly updatesPerSnapshot: number
  readonly pruneIntervalMs: number
}

export class ShareStateService {
  readonly states: ShareStates
  private readonly options: ShareStateServiceOptions
  private readonly loading = new Map<number, Promise<void>>()
  /** Partitions whose states are all known; only of those something may be deleted. */
  private readonly loaded = new Set<number>()
  private timer: Timer | undefined

  constructor(options: ShareStateServiceOptions) {
    this.options = options
    this.states = new ShareStates(options.updatesPerSnapshot)
    this.armPruning()
  }

  /** Makes sure that a state can be looked up, or says why it cannot. */
  async load(key: SharePartitionKey): Promise<ErrorName | undefined> {
    const { topics, logger } = this.options
    if (!this.options.image.topics.has(SHARE_STATE_TOPIC)) {
      await topics.ensureInternal(SHARE_STATE_TOPIC)
    }
    const partition = this.partitionOf(key)
    let load = this.loading.get(partition)
    if (!load) {
      load = this.replayPartition(partition)
      this.loading.set(partition, load)
    }
    try {
      await load
      return undefined
    } catch (error) {
      logger.error('share group state cannot be loaded', { partition, reason: messageOf(error) })
      return 'COORDINATOR_NOT_AVAILABLE'
    }
  }

  private partitionOf(key: SharePartitionKey): number {
    return partitionForKey(textOf(key), this.options.partitions.of(SHARE_STATE_TOPIC).length)
  }

  private async replayPartition(partition: number): Promise<void> {
    const log = this.options.partitions.get(SHARE_STATE_TOPIC, partition)
    if (!log) {
      throw new StorageError('UNKNOWN_TOPIC_OR_PARTITION', `no ${SHARE_STATE_TOPIC}-${partition}`)
    }
    await log.ready()
    for await (const batch of batchesOf(log)) {
      for (const { key, value, offset } of batch.records()) {
        const record = decodeShareState(key as Buffer, value)
        if (record && offset >= log.logStartOffset) this.states.replay(record, offset)
      }
    }
    this.loaded.add(partition)
  }

  /** Decides about a state, and gives the answer once what was decided is durable. */
  async perform(
    key: SharePartitionKey,
    decide: (states: ShareStates, nowMs: number) => StateDecision,
  ): Promise<ErrorName> {
    const fault = await this.load(key)
    if (fault) return fault
    const { records, error } = decide(this.states, this.options.clock.now())
    if (records.length > 0) await this.append(this.partitionOf(key), records)
    return error
  }

  private append(partition: number, records: readonly ShareStateRecord[]): Promise<void> {
    const { partitions, image, clock } = this.options
    const log = partitions.get(SHARE_STATE_TOPIC, partition) as PartitionLog
    const builder = new BatchBuilder()
    const timestamp = clock.now()
    for (const record of records) {
      const { key, value } = encodeShareState(record)
      builder.append(timestamp, key, value)
    }
    const topic = image.topics.get(SHARE_STATE_TOPIC)
    const leaderEpoch = topic?.partitions[partition]?.leaderEpoch ?? 0
    const result = log.append(builder.finish(), { origin: 'coordinator', leaderEpoch })
    if (result.kind === 'refused') {
      return Promise.reject(new StorageError(result.error, result.message))
    }
    records.forEach((record, i) => {
      this.states.replay(record, result.baseOffset + i)
    })
    return log.whenDurable(result.lastOffset)
  }

  private armPruning(): void {
    const { clock, pruneIntervalMs, logger } = this.options
    this.timer = clock.setTimer(pruneIntervalMs, () => {
      this.armPruning()
      this.prune().catch((error: unknown) => {
        logger.error('old share group state cannot be deleted', { reason: messageOf(error) })
      })
    })
  }

  /**
   * Deletes the records in front of the oldest snapshot that is still needed. Which that is, is
   * found out for all states at one moment: one that is made in the meantime lies behind the cut.
   */
  async prune(): Promise<void> {
    for (const [partition, states] of this.byPartition()) await this.renew(partition, states)
    const cuts = [...this.byPartition()].flatMap(([partition, states]) => {
      const log = this.options.partitions.get(SHARE_STATE_TOPIC, partition)
      const needed = states.map(({ snapshotOffset }) => snapshotOffset)
      // A snapshot that is not durable yet does not stand for the one before it.
      if (!log || needed.some((offset) => offset >= log.highWatermark)) return []
      return [{ log, offset: Math.min(log.highWatermark, ...needed) }]
    })
    for (const { log, offset } of cuts) await log.deleteRecordsBefore(offset)
  }

  private byPartition(): Map<number, ShareState[]> {
    const states = new Map<number, ShareState[]>()
    for (const partition of this.loaded) states.set(partition, [])
    for (const state of this.states.all()) states.get(this.partitionOf(state.key))?.push(state)
    return states
  }

  /** A state that never changes must not keep all the updates of the others. */
  private async renew(partition: number, states: readonly ShareState[]): Promise<void> {
    const log = this.options.partitions.get(SHARE_STATE_TOPIC, partition)
    if (!log) return
    const wanted = (this.options.updatesPerSnapshot + 1) * (states.length + 1)
    const stale = states.filter(({ snapshotOffset }) => log.logEndOffset - snapshotOffset > wanted)
    const now = this.options.clock.now()
    const snapshots = stale.map((state) => snapshotOf(this.states.get(state.key) ?? state, now))
    if (snapshots.length > 0) await this.append(partition, snapshots)
  }

  close(): void {
    this.timer?.cancel()
  }
}
