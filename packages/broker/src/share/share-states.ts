/**
 * The states of all share partitions, as `__share_group_state` tells them. A pure state machine:
 * a decision gives records and an answer, `replay` is the only mutator.
 *
 * State epochs are those of the group when a state was made; who writes with an older one is
 * fenced, and so is a leader that another has followed. A start offset never goes back by a write.
 *
 * Must always hold: `snapshotOffset` is where the newest snapshot of a state lies; nothing in front
 * of the lowest of them in a partition is needed any more.
 */
import type { ErrorName } from '@ottla/protocol'
import { type SharePartitionKey, type ShareStateRecord, textOf } from './share-state-records.ts'
import { combineBatches, type StateBatch } from './state-batches.ts'

/** The start offset is to be found out by the group's share.auto.offset.reset. */
export const UNKNOWN_OFFSET = -1

export interface ShareState {
  readonly key: SharePartitionKey
  readonly snapshotEpoch: number
  readonly stateEpoch: number
  readonly leaderEpoch: number
  /** The highest ever seen; whoever comes with an older one is fenced. */
  readonly leaderEpochMax: number
  readonly startOffset: number
  readonly deliveryCompleteCount: number
  readonly createTimestamp: number
  readonly batches: readonly StateBatch[]
  readonly updateCount: number
  readonly snapshotOffset: number
}

export interface StateWrite {
  readonly stateEpoch: number
  readonly leaderEpoch: number
  /** -1: as before. */
  readonly startOffset: number
  readonly deliveryCompleteCount: number
  readonly stateBatches: readonly StateBatch[]
}

export interface StateDecision {
  readonly records: readonly ShareStateRecord[]
  readonly error: ErrorName
}

const refused = (error: ErrorName): StateDecision => ({ records: [], error })

/** Snapshot epochs are 16 bits wide on disk. */
const SNAPSHOT_EPOCH_MAX = 65_535

export class ShareStates {
  private readonly states = new Map<string, ShareState>()
  private readonly updatesPerSnapshot: number

  constructor(updatesPerSnapshot: number) {
    this.updatesPerSnapshot = updatesPerSnapshot
  }

  get(key: SharePartitionKey): ShareState | undefined {
    return this.states.get(textOf(key))
  }

  all(): Iterable<ShareState> {
    return this.states.values()
  }

  initialize(
    key: SharePartitionKey,
    { stateEpoch, startOffset }: { readonly stateEpoch: number; readonly startOffset: number },
    nowMs: number,
  ): StateDecision {
    if (key.partition < 0 || stateEpoch < 0) return refused('INVALID_REQUEST')
    const before = this.get(key)
    if (before && stateEpoch < before.stateEpoch) return refused('FENCED_STATE_EPOCH')
    const value = {
      snapshotEpoch: nextEpoch(before),
      stateEpoch,
      leaderEpoch: 0,
      startOffset,
      deliveryCompleteCount: startOffset === UNKNOWN_OFFSET ? -1 : 0,
      createTimestamp: nowMs,
      writeTimestamp: nowMs,
      stateBatches: [],
    }
    return { records: [{ kind: 'snapshot', key, value }], error: 'NONE' }
  }

  write(key: SharePartitionKey, write: StateWrite, nowMs: number): StateDecision {
    const before = this.get(key)
    if (!before || key.partition < 0) return refused('INVALID_REQUEST')
    if (write.leaderEpoch < 0 || write.stateEpoch < 0) return refused('INVALID_REQUEST')
    if (write.leaderEpoch < before.leaderEpochMax) return refused('FENCED_LEADER_EPOCH')
    if (write.stateEpoch < before.stateEpoch) return refused('FENCED_STATE_EPOCH')
    return { records: [this.changed(before, write, nowMs)], error: 'NONE' }
  }

  /** Lets a partition's leader read a state; one of a newer epoch takes it over. */
  read(key: SharePartitionKey, leaderEpoch: number, nowMs: number): StateDecision {
    const before = this.get(key)
    if (!before || key.partition < 0 || leaderEpoch < 0) return refused('INVALID_REQUEST')
    if (leaderEpoch < before.leaderEpochMax) return refused('FENCED_LEADER_EPOCH')
    if (leaderEpoch === before.leaderEpochMax) return { records: [], error: 'NONE' }
    const write = { ...before, stateBatches: [] }
    return { records: [this.changed({ ...before, leaderEpoch }, write, nowMs)], error: 'NONE' }
  }

  private changed(before: ShareState, write: StateWrite, nowMs: number): ShareStateRecord {
    const { key, leaderEpoch } = before
    const startOffset = Math.max(before.startOffset, write.startOffset)
    const deliveryCompleteCount = completeCount(before, write)
    if (before.updateCount < this.updatesPerSnapshot) {
      const value = {
        snapshotEpoch: before.snapshotEpoch,
        leaderEpoch,
        startOffset,
        deliveryCompleteCount,
        stateBatches: combineBatches([], write.stateBatches, startOffset),
      }
      return { kind: 'update', key, value }
    }
    const stateBatches = combineBatches(before.batches, write.stateBatches, startOffset)
    const changed = { ...before, leaderEpoch, startOffset, deliveryCompleteCount }
    return snapshotOf({ ...changed, batches: stateBatches }, nowMs)
  }

  delete(key: SharePartitionKey): StateDecision {
    if (key.partition < 0) return refused('INVALID_REQUEST')
    const records = this.get(key) ? [{ kind: 'snapshot', key, value: null } as const] : []
    return { records, error: 'NONE' }
  }

  /** `offset` is where the record lies in its partition. */
  replay(record: ShareStateRecord, offset: number): void {
    const text = textOf(record.key)
    const before = this.states.get(text)
    if (record.kind === 'update') {
      if (!before) return
      const { value } = record
      const startOffset = value.startOffset < 0 ? before.startOffset : value.startOffset
      this.states.set(text, {
        ...before,
        leaderEpoch: value.leaderEpoch,
        leaderEpochMax: Math.max(before.leaderEpochMax, value.leaderEpoch),
        startOffset,
        deliveryCompleteCount: value.deliveryCompleteCount,
        batches: combineBatches(before.batches, value.stateBatches, startOffset),
        updateCount: before.updateCount + 1,
      })
    } else if (record.value === null) this.states.delete(text)
    else {
      const { stateBatches, writeTimestamp: _, ...value } = record.value
      const batches = combineBatches([], stateBatches, value.startOffset)
      const { key } = record
      const leaderEpochMax = Math.max(before?.leaderEpochMax ?? 0, value.leaderEpoch)
      const state = { ...value, key, leaderEpochMax, batches }
      this.states.set(text, { ...state, updateCount: 0, snapshotOffset: offset })
    }
  }
}

/** How many records behind the start offset are done; it counts anew behind a new start. */
function completeCount(before: ShareState, write: StateWrite): number {
  if (write.startOffset > before.startOffset) return write.deliveryCompleteCount
  if (write.startOffset < before.startOffset) return before.deliveryCompleteCount
  return Math.max(write.deliveryCompleteCount, before.deliveryCompleteCount)
}

const nextEpoch = (state: ShareState | undefined): number =>
  state ? (state.snapshotEpoch + 1) % (SNAPSHOT_EPOCH_MAX + 1) : 0

/** A record that says all of a state, so that those before it are not needed any more. */
export function snapshotOf(state: ShareState, nowMs: number): ShareStateRecord {
  const { key, stateEpoch, leaderEpoch, startOffset, deliveryCompleteCount, batches } = state
  const value = {
    snapshotEpoch: nextEpoch(state),
    stateEpoch,
    leaderEpoch,
    startOffset,
    deliveryCompleteCount,
    createTimestamp: state.createTimestamp,
    writeTimestamp: nowMs,
    stateBatches: [...batches],
  }
  return { kind: 'snapshot', key, value }
}
