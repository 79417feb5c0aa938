/**
 * One sealed segment on its way into the archive, and out of it.
 *
 *   COPY_STARTED written -> objects put -> COPY_FINISHED written: readers see it
 *   DELETE_STARTED written: readers do not see it -> objects deleted -> DELETE_FINISHED written
 *
 * The process may end between any two steps. What is then neither COPY_FINISHED nor gone is deleted
 * by the next round, and a segment that was not copied is copied again under another id.
 */
import { assert, type Clock, type Logger, type Random, randomUuid } from '@ottla/base'
import {
  type EpochEntry,
  encodeEpochCheckpoint,
  encodeProducerSnapshot,
  type FileHandle,
  type FileSystem,
  readFullyAsync,
  type SealedSegment,
  StorageError,
} from '@ottla/storage'
import type { RateLimit } from './rate-limit.ts'
import { type RemoteSegment, SegmentState, type TieredPartition } from './remote-log-records.ts'
import type { RemoteLogTopic } from './remote-log-topic.ts'
import { objectKey, objectsOf, SEGMENT_OBJECTS, type SegmentObject } from './segment-objects.ts'
import { contentOf, type ObjectContent, type RemoteStore } from './store/remote-store.ts'
import { epochsWithin } from './tiering-plan.ts'

export interface TransferContext {
  readonly store: RemoteStore
  readonly metadata: RemoteLogTopic
  readonly copyLimit: RateLimit
  readonly brokerId: number
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** Aborted when the broker stops: uploads end where they are. */
  readonly stopping: AbortSignal
}

const READ_BYTES = 1024 * 1024

export interface Upload {
  readonly of: TieredPartition
  readonly segment: SealedSegment
  readonly epochs: readonly EpochEntry[]
  readonly fileSystem: FileSystem
}

/** The segment as the archive will know it. */
export function describeUpload(context: TransferContext, upload: Upload): RemoteSegment {
  const { segment, epochs } = upload
  const within = epochsWithin(epochs, segment.baseOffset, segment.nextOffset)
  return {
    id: randomUuid(context.random),
    startOffset: segment.baseOffset,
    endOffset: segment.nextOffset - 1,
    maxTimestampMs: segment.largestTimestampMs,
    sizeBytes: segment.sizeBytes,
    // A log without any epoch was written by nobody we know; Apache Kafka wants one all the same.
    epochs: within.length > 0 ? within : [{ leaderEpoch: 0, offset: segment.baseOffset }],
    isTxnIndexEmpty: !segment.hasAbortedTransactions,
    state: SegmentState.COPY_STARTED,
    brokerId: context.brokerId,
    eventTimestampMs: context.clock.now(),
    customMetadata: null,
  }
}

/** Copies the segment; when it resolves, readers see it in the archive. */
export async function upload(
  context: TransferContext,
  what: Upload,
  described: RemoteSegment,
): Promise<void> {
  const { metadata, store, brokerId, clock } = context
  const { of } = what
  const { eventTimestampMs } = described
  const files = new UploadFiles(context, what)
  try {
    await metadata.write({ kind: 'segment', of, segment: described, brokerId, eventTimestampMs })
    for (const object of objectsOf(described)) {
      context.stopping.throwIfAborted()
      await store.put(objectKey(of, described, object), files.contentOf(object))
    }
    await metadata.write({
      kind: 'update',
      of,
      id: described.id,
      state: SegmentState.COPY_FINISHED,
      customMetadata: null,
      brokerId,
      eventTimestampMs: clock.now(),
    })
  } finally {
    files.close()
  }
}

/** Deletes a segment's objects; can be repeated, whatever is left of it. */
export async function remove(
  context: TransferContext,
  of: TieredPartition,
  segment: RemoteSegment,
): Promise<void> {
  const { metadata, store, brokerId, clock } = context
  const update = { kind: 'update', of, id: segment.id, customMetadata: null, brokerId } as const
  if (segment.state !== SegmentState.DELETE_STARTED) {
    const state = SegmentState.DELETE_STARTED
    await metadata.write({ ...update, state, eventTimestampMs: clock.now() })
  }
  for (const object of SEGMENT_OBJECTS) {
    if (object !== 'txnindex' || !segment.isTxnIndexEmpty) {
      await store.delete(objectKey(of, segment, object))
    }
  }
  const state = SegmentState.DELETE_FINISHED
  await metadata.write({ ...update, state, eventTimestampMs: clock.now() })
}

/** A segment's files, held open while it is copied: retention may remove their names meanwhile. */
class UploadFiles {
  private readonly context: TransferContext
  private readonly upload: Upload
  private readonly handles = new Map<SegmentObject, FileHandle>()

  constructor(context: TransferContext, upload: Upload) {
    this.context = context
    this.upload = upload
    const { segment, fileSystem } = upload
    for (const file of ['log', 'index', 'timeindex', 'txnindex', 'snapshot'] as const) {
      const path = segment.path(file)
      if (fileSystem.stat(path)) this.handles.set(file, fileSystem.open(path, 'read'))
      else if (file !== 'snapshot' && (file !== 'txnindex' || segment.hasAbortedTransactions)) {
        this.close()
        throw new StorageError('KAFKA_STORAGE_ERROR', `${path} is not there`)
      }
    }
  }

  contentOf(object: SegmentObject): ObjectContent {
    const { segment, epochs, of } = this.upload
    if (object === 'leader_epoch_checkpoint') {
      return contentOf(
        encodeEpochCheckpoint(epochs.filter(({ startOffset }) => startOffset < segment.nextOffset)),
      )
    }
    const handle = this.handles.get(object)
    if (handle)
      return this.fileContent(handle, object === 'log' ? segment.sizeBytes : handle.size())
    assert(object === 'snapshot', 'other files are there')
    this.context.logger.warn(
      'a segment has no producer snapshot and is archived with an empty one',
      {
        topic: of.topic,
        partition: of.partition,
        baseOffset: segment.baseOffset,
      },
    )
    return contentOf(encodeProducerSnapshot([], 0))
  }

  private fileContent(handle: FileHandle, size: number): ObjectContent {
    const { copyLimit, stopping } = this.context
    return {
      size,
      async *chunks() {
        for (let position = 0; position < size; ) {
          stopping.throwIfAborted()
          const chunk = Buffer.allocUnsafeSlow(Math.min(READ_BYTES, size - position))
          const read = await readFullyAsync(handle, chunk, position)
          if (read === 0) throw new Error(`the file ends at ${position}, and not at ${size}`)
          await copyLimit.take(read, stopping)
          yield chunk.subarray(0, read)
          position += read
        }
      },
    }
  }

  close(): void {
    for (const handle of this.handles.values()) handle.close()
    this.handles.clear()
  }
}
