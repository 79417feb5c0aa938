/**
 * Names of an archived segment's objects, the same in a directory and in S3:
 *
 *   <topic>-<partition>-<topic id>/
 *     00000000000000000042-<segment id>.log                      the segment, as it is on disk
 *     00000000000000000042-<segment id>.index                    offset -> position
 *     00000000000000000042-<segment id>.timeindex                timestamp -> offset
 *     00000000000000000042-<segment id>.txnindex                 only with aborted transactions
 *     00000000000000000042-<segment id>.snapshot                 producers at the segment's end
 *     00000000000000000042-<segment id>.leader_epoch_checkpoint  epochs up to the segment's end
 *
 * It is the layout of Apache Kafka's LocalTieredStorage, so that a directory can be read by both.
 */
import { isUuid, type Uuid } from '@ottla/base'
import type { RemoteSegment, TieredPartition } from './remote-log-records.ts'

export const SEGMENT_OBJECTS = [
  'log',
  'index',
  'timeindex',
  'txnindex',
  'snapshot',
  'leader_epoch_checkpoint',
] as const
export type SegmentObject = (typeof SEGMENT_OBJECTS)[number]

export const partitionPrefix = ({ topic, partition, topicId }: TieredPartition): string =>
  `${topic}-${partition}-${topicId}/`

export function objectKey(
  of: TieredPartition,
  segment: Pick<RemoteSegment, 'id' | 'startOffset'>,
  object: SegmentObject,
): string {
  const offset = String(segment.startOffset).padStart(20, '0')
  return `${partitionPrefix(of)}${offset}-${segment.id}.${object}`
}

/** Objects a segment has while it is COPY_FINISHED. */
export function objectsOf(segment: Pick<RemoteSegment, 'isTxnIndexEmpty'>): SegmentObject[] {
  return SEGMENT_OBJECTS.filter((object) => object !== 'txnindex' || !segment.isTxnIndexEmpty)
}

export interface ParsedKey {
  readonly of: TieredPartition
  readonly segmentId: Uuid
  readonly startOffset: number
  readonly object: SegmentObject
}

const KEY = /^([a-zA-Z0-9._-]+)-(\d+)-([A-Za-z0-9_-]{22})\/(\d{20})-([A-Za-z0-9_-]{22})\.([a-z_]+)$/

/** What an object is, or undefined when it is none of a segment's. */
export function parseObjectKey(key: string): ParsedKey | undefined {
  const [, topic = '', partition, topicId = '', offset, segmentId = '', suffix] =
    KEY.exec(key) ?? []
  const object = SEGMENT_OBJECTS.find((name) => name === suffix)
  if (!object || !isUuid(topicId) || !isUuid(segmentId)) return undefined
  return {
    of: { topic, topicId, partition: Number(partition) },
    segmentId,
    startOffset: Number(offset),
    object,
  }
}
