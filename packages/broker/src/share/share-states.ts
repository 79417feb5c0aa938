/**
 * The states of all share partitions, as `__share_group_state` tells them. A pure state machine:
 * a decision gives records and an answer, `replay` is the only mutator.
 *
 * State epochs grow when an administrator moves a group's start offset; who writes with an older
 * one is fenced, so a late acknowledgement cannot undo the move.
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
    const before = this.get(key)
    if (before && stateEpoch < before.stateEpoch) return refused('FENCED_STATE_EPOCH')
    const value = {
      snapshotEpoch: nextEpoch(before),
      stateEpoch,
      leaderEpoch: before?.leaderEpoch ?? 0,
      startOffset,
      deliveryCompleteCount: 0,
      createTimestamp: nowMs,
      writeTimestamp: nowMs,
      stateBatches: [],
    }
    return { records: [{ kind: 'snapshot', key, value }], error: 'NONE' }
  }

  write(key: SharePartitionKey, write: StateWrite, nowMs: number): StateDecision {
    const before = this.get(key)
    if (!before || write.leaderEpoch < 0) return refused('INVALID_REQUEST')
    if (write.stateEpoch < before.stateEpoch) return refused('FENCED_STATE_EPOCH')
    if (write.leaderEpoch < before.leaderEpoch) return refused('FENCED_LEADER_EPOCH')
    const startOffset = write.startOffset < 0 ? before.startOffset : write.startOffset
    const { leaderEpoch, deliveryCompleteCount } = write
    if (before.updateCount < this.updatesPerSnapshot) {
      const value = {
        snapshotEpoch: before.snapshotEpoch,
        leaderEpoch,
        startOffset,
        deliveryCompleteCount,
        stateBatches: combineBatches([], write.stateBatches, startOffset),
      }
      return { records: [{ kind: 'update', key, value }], error: 'NONE' }
    }
    const stateBatches = combineBatches(before.batches, write.stateBatches, startOffset)
    const changed = { ...before, leaderEpoch, startOffset, deliveryCompleteCount }
    const record = snapshotOf({ ...changed, batches: stateBatches }, nowMs)
    return { records: [record], error: 'NONE' }
  }

  delete(key: SharePartitionKey): StateDecision {
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
      this.states.set(text, { ...value, key, batches, updateCount: 0, snapshotOffset: offset })
    }
  }
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
