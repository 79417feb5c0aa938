/**
 * Records of `__remote_log_metadata`, in Apache Kafka's formats (KIP-405):
 *
 *   0 segment    a copy has begun: offsets, epochs, size; state COPY_STARTED
 *   1 update     a segment's further states, in this order:
 *                COPY_STARTED -> COPY_FINISHED -> DELETE_STARTED -> DELETE_FINISHED
 *                (a copy that came to nothing goes to DELETE_STARTED at once)
 *   2 partition  the deletion of all that a partition has: marked, started, finished
 *
 * Each is framed like a record of the metadata log:
 *
 *   uvarint frame version (1) | uvarint record type | uvarint record version (0) | message
 */
import type { Uuid } from '@ottla/base'
import {
  type Fields,
  type FieldsInput,
  MalformedMessageError,
  type Message,
  Reader,
  RemoteLogSegmentMetadataRecord,
  RemoteLogSegmentMetadataUpdateRecord,
  RemotePartitionDeleteMetadataRecord,
  readerOf,
  Writer,
  writerOf,
} from '@ottla/protocol'

export const SegmentState = {
  COPY_STARTED: 0,
  COPY_FINISHED: 1,
  DELETE_STARTED: 2,
  DELETE_FINISHED: 3,
} as const
export type SegmentState = (typeof SegmentState)[keyof typeof SegmentState]

export const PartitionDeleteState = { MARKED: 0, STARTED: 1, FINISHED: 2 } as const
export type PartitionDeleteState = (typeof PartitionDeleteState)[keyof typeof PartitionDeleteState]

/** A partition of one life of a topic: a topic made anew has another id. */
export interface TieredPartition {
  readonly topic: string
  readonly topicId: Uuid
  readonly partition: number
}

export interface SegmentEpoch {
  readonly leaderEpoch: number
  readonly offset: number
}

export interface RemoteSegment {
  readonly id: Uuid
  readonly startOffset: number
  /** Of the last record. */
  readonly endOffset: number
  readonly maxTimestampMs: number
  readonly sizeBytes: number
  /** Where each leader epoch of the segment begins, the first at its start. */
  readonly epochs: readonly SegmentEpoch[]
  readonly isTxnIndexEmpty: boolean
  readonly state: SegmentState
  readonly brokerId: number
  readonly eventTimestampMs: number
  /** What a storage plugin of Apache Kafka wants to know again. */
  readonly customMetadata: Buffer | null
}

interface Event {
  readonly of: TieredPartition
  readonly brokerId: number
  readonly eventTimestampMs: number
}

export interface SegmentEvent extends Event {
  readonly kind: 'segment'
  readonly segment: RemoteSegment
}

export interface UpdateEvent extends Event {
  readonly kind: 'update'
  readonly id: Uuid
  readonly state: SegmentState
  readonly customMetadata: Buffer | null
}

export interface PartitionEvent extends Event {
  readonly kind: 'partition'
  readonly state: PartitionDeleteState
}

export type RemoteLogRecord = SegmentEvent | UpdateEvent | PartitionEvent

const FRAME_VERSION = 1
const RECORD_VERSION = 0

const Type = { SEGMENT: 0, UPDATE: 1, PARTITION: 2 } as const

export function encodeRemoteLogRecord(record: RemoteLogRecord): Buffer {
  const topicIdPartition = {
    name: record.of.topic,
    id: record.of.topicId,
    partition: record.of.partition,
  }
  const { brokerId, eventTimestampMs } = record
  switch (record.kind) {
    case 'segment':
      return frame(RemoteLogSegmentMetadataRecord, Type.SEGMENT, {
        remoteLogSegmentId: { topicIdPartition, id: record.segment.id },
        startOffset: record.segment.startOffset,
        endOffset: record.segment.endOffset,
        brokerId,
        maxTimestampMs: record.segment.maxTimestampMs,
        eventTimestampMs,
        segmentLeaderEpochs: [...record.segment.epochs],
        segmentSizeInBytes: record.segment.sizeBytes,
        customMetadata: record.segment.customMetadata,
        remoteLogSegmentState: record.segment.state,
        txnIndexEmpty: record.segment.isTxnIndexEmpty,
      })
    case 'update':
      return frame(RemoteLogSegmentMetadataUpdateRecord, Type.UPDATE, {
        remoteLogSegmentId: { topicIdPartition, id: record.id },
        brokerId,
        eventTimestampMs,
        customMetadata: record.customMetadata,
        remoteLogSegmentState: record.state,
      })
    case 'partition':
      return frame(RemotePartitionDeleteMetadataRecord, Type.PARTITION, {
        topicIdPartition,
        brokerId,
        eventTimestampMs,
        remotePartitionDeleteState: record.state,
      })
  }
}

function frame<F extends Fields>(message: Message<F>, type: number, value: FieldsInput<F>): Buffer {
  const writer = new Writer(true)
  writer.unsignedVarint(FRAME_VERSION)
  writer.unsignedVarint(type)
  writer.unsignedVarint(RECORD_VERSION)
  writerOf(message, RECORD_VERSION)(writer, value)
  return Buffer.concat(writer.finish())
}

/** Throws on what it does not know: an archive that is not understood must not be deleted from. */
export function decodeRemoteLogRecord(bytes: Buffer): RemoteLogRecord {
  const reader = new Reader(bytes)
  const frameVersion = reader.unsignedVarint()
  if (frameVersion !== FRAME_VERSION) {
    throw new MalformedMessageError(`remote log metadata frame version ${frameVersion}`, 0)
  }
  const type = reader.unsignedVarint()
  const version = reader.unsignedVarint()
  if (version !== RECORD_VERSION) {
    throw new MalformedMessageError(`remote log metadata record version ${version}`, 1)
  }
  switch (type) {
    case Type.SEGMENT:
      return segmentEvent(readerOf(RemoteLogSegmentMetadataRecord, version)(reader))
    case Type.UPDATE: {
      const value = readerOf(RemoteLogSegmentMetadataUpdateRecord, version)(reader)
      const { brokerId, eventTimestampMs, remoteLogSegmentId } = value
      return {
        kind: 'update',
        of: partitionOf(remoteLogSegmentId.topicIdPartition),
        id: remoteLogSegmentId.id,
        state: value.remoteLogSegmentState as SegmentState,
        customMetadata: copyOf(value.customMetadata),
        brokerId,
        eventTimestampMs,
      }
    }
    case Type.PARTITION: {
      const value = readerOf(RemotePartitionDeleteMetadataRecord, version)(reader)
      const { brokerId, eventTimestampMs, topicIdPartition } = value
      const state = value.remotePartitionDeleteState as PartitionDeleteState
      return {
        kind: 'partition',
        of: partitionOf(topicIdPartition),
        state,
        brokerId,
        eventTimestampMs,
      }
    }
    default:
      throw new MalformedMessageError(`unknown remote log metadata record type ${type}`, 1)
  }
}

function segmentEvent(value: RemoteLogSegmentMetadataRecord): SegmentEvent {
  const { brokerId, eventTimestampMs } = value
  return {
    kind: 'segment',
    of: partitionOf(value.remoteLogSegmentId.topicIdPartition),
    brokerId,
    eventTimestampMs,
    segment: {
      id: value.remoteLogSegmentId.id,
      startOffset: value.startOffset,
      endOffset: value.endOffset,
      maxTimestampMs: value.maxTimestampMs,
      sizeBytes: value.segmentSizeInBytes,
      epochs: value.segmentLeaderEpochs.map(({ leaderEpoch, offset }) => ({ leaderEpoch, offset })),
      isTxnIndexEmpty: value.txnIndexEmpty,
      state: value.remoteLogSegmentState as SegmentState,
      brokerId,
      eventTimestampMs,
      customMetadata: copyOf(value.customMetadata),
    },
  }
}

const partitionOf = (id: { name: string; id: Uuid; partition: number }): TieredPartition => ({
  topic: id.name,
  topicId: id.id,
  partition: id.partition,
})

/** Read bytes are a view of the batch they came in. */
const copyOf = (bytes: Uint8Array | null): Buffer | null => bytes && Buffer.from(bytes)
