/**
 * Control batches: the records that the log itself writes between those of the users.
 *
 *   key    int16 version 0 | int16 type
 *   value  end-transaction markers: int16 version 0 | int32 coordinator epoch
 *          others: the message, whose first field repeats its version
 *
 * Readers skip types they do not know. A marker is transactional, the others are not.
 */
import { assert } from '@ottla/base'
import { decodeMessage, decodePrefixed, encodeMessage, encodePrefixed } from '../codec.ts'
import {
  ControlRecordTypeSchema,
  EndTxnMarker,
  KRaftVersionRecord,
  LeaderChangeMessage,
  SnapshotFooterRecord,
  SnapshotHeaderRecord,
  VotersRecord,
} from '../internal-records/log-records.ts'
import type { InferInput } from '../schema/schema.ts'
import { MalformedMessageError } from '../wire/malformed-message-error.ts'
import { BatchBuilder, type BatchFields } from './batch-builder.ts'

/** Types of control records as they stand in the key. */
export const CONTROL_RECORD = {
  ABORT: 0,
  COMMIT: 1,
  LEADER_CHANGE: 2,
  SNAPSHOT_HEADER: 3,
  SNAPSHOT_FOOTER: 4,
  KRAFT_VERSION: 5,
  KRAFT_VOTERS: 6,
} as const
export type ControlRecordName = keyof typeof CONTROL_RECORD

/** Where and when a control record is written. */
export interface ControlRecordPlace {
  readonly timestamp: number
  readonly baseOffset?: number
  readonly leaderEpoch?: number
}

const keyOf = (type: number): Buffer => encodePrefixed(ControlRecordTypeSchema, 0, 0, { type })

function build(
  type: number,
  value: Buffer,
  place: ControlRecordPlace,
  fields: BatchFields = {},
): Buffer {
  const builder = new BatchBuilder({ sizeInitial: 128 + value.length })
  builder.append(place.timestamp, keyOf(type), value)
  return builder.finish({
    ...fields,
    isControl: true,
    baseOffset: place.baseOffset ?? 0,
    leaderEpoch: place.leaderEpoch ?? -1,
  })
}

export interface TransactionEnd {
  readonly isCommit: boolean
  readonly producerId: number
  readonly producerEpoch: number
  readonly coordinatorEpoch: number
}

/** The marker that ends a transaction in one partition. */
export function buildEndTransactionMarker(end: TransactionEnd, place: ControlRecordPlace): Buffer {
  const { isCommit, producerId, producerEpoch, coordinatorEpoch } = end
  const value = encodePrefixed(EndTxnMarker, 0, 0, { coordinatorEpoch })
  return build(isCommit ? CONTROL_RECORD.COMMIT : CONTROL_RECORD.ABORT, value, place, {
    isTransactional: true,
    producerId,
    producerEpoch,
  })
}

/**
 * Announces the leader of a quorum's epoch. Apache Kafka 4.4 writes and reads version 0 only,
 * whatever the table offers, so directory ids of the voters are not part of it.
 */
export function buildLeaderChange(
  message: InferInput<typeof LeaderChangeMessage>,
  place: ControlRecordPlace,
): Buffer {
  assert(message.version === 0, 'Apache Kafka reads version 0 of leader changes only')
  return build(CONTROL_RECORD.LEADER_CHANGE, encodeMessage(LeaderChangeMessage, 0, message), place)
}

/** First record of a metadata snapshot. */
export function buildSnapshotHeader(
  lastContainedLogTimestamp: number,
  place: ControlRecordPlace,
): Buffer {
  const value = encodeMessage(SnapshotHeaderRecord, 0, { version: 0, lastContainedLogTimestamp })
  return build(CONTROL_RECORD.SNAPSHOT_HEADER, value, place)
}

/** Last record of a metadata snapshot. */
export function buildSnapshotFooter(place: ControlRecordPlace): Buffer {
  const value = encodeMessage(SnapshotFooterRecord, 0, { version: 0 })
  return build(CONTROL_RECORD.SNAPSHOT_FOOTER, value, place)
}

export function buildKRaftVersion(kRaftVersion: number, place: ControlRecordPlace): Buffer {
  const value = encodeMessage(KRaftVersionRecord, 0, { version: 0, kRaftVersion })
  return build(CONTROL_RECORD.KRAFT_VERSION, value, place)
}

export function buildVoters(
  voters: InferInput<typeof VotersRecord>['voters'],
  place: ControlRecordPlace,
): Buffer {
  const value = encodeMessage(VotersRecord, 0, { version: 0, voters })
  return build(CONTROL_RECORD.KRAFT_VOTERS, value, place)
}

export type ControlRecord =
  | { readonly type: 'ABORT' | 'COMMIT'; readonly coordinatorEpoch: number }
  | { readonly type: 'LEADER_CHANGE'; readonly message: LeaderChangeMessage }
  | { readonly type: 'SNAPSHOT_HEADER'; readonly message: SnapshotHeaderRecord }
  | { readonly type: 'SNAPSHOT_FOOTER'; readonly message: SnapshotFooterRecord }
  | { readonly type: 'KRAFT_VERSION'; readonly message: KRaftVersionRecord }
  | { readonly type: 'KRAFT_VOTERS'; readonly message: VotersRecord }
  /** A type of a newer Kafka, to be skipped. */
  | { readonly type: 'UNKNOWN'; readonly number: number }

/** Decodes a record of a control batch. */
export function decodeControlRecord(record: {
  readonly key: Buffer | null
  readonly value: Buffer | null
}): ControlRecord {
  const { key, value } = record
  if (!key || key.length < 4) throw new MalformedMessageError('control record without a type', 0)
  const number = key.readInt16BE(2)
  if (number < 0 || number > CONTROL_RECORD.KRAFT_VOTERS) return { type: 'UNKNOWN', number }
  if (!value || value.length < 2) throw new MalformedMessageError('control record is empty', 0)
  return decodeKnown(number, value)
}

function decodeKnown(number: number, value: Buffer): ControlRecord {
  switch (number) {
    case CONTROL_RECORD.LEADER_CHANGE: {
      const version = Math.min(Math.max(0, value.readInt16BE(0)), LeaderChangeMessage.highest)
      const message = decodeMessage(LeaderChangeMessage, version, value)
      return { type: 'LEADER_CHANGE', message }
    }
    case CONTROL_RECORD.SNAPSHOT_HEADER:
      return { type: 'SNAPSHOT_HEADER', message: decodeMessage(SnapshotHeaderRecord, 0, value) }
    case CONTROL_RECORD.SNAPSHOT_FOOTER:
      return { type: 'SNAPSHOT_FOOTER', message: decodeMessage(SnapshotFooterRecord, 0, value) }
    case CONTROL_RECORD.KRAFT_VERSION:
      return { type: 'KRAFT_VERSION', message: decodeMessage(KRaftVersionRecord, 0, value) }
    case CONTROL_RECORD.KRAFT_VOTERS:
      return { type: 'KRAFT_VOTERS', message: decodeMessage(VotersRecord, 0, value) }
    default: {
      const { coordinatorEpoch } = decodePrefixed(EndTxnMarker, 0, value)
      return { type: number === CONTROL_RECORD.COMMIT ? 'COMMIT' : 'ABORT', coordinatorEpoch }
    }
  }
}
