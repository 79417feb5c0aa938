/**
 * Batch by batch through a file of batches, checksums included. What cannot be a batch is told as a
 * gap, and the walk goes on behind it when there is a batch to go on with.
 *
 *   | batch | batch | xxxx gap xxxx | batch | ... | xx gap to the end |
 */
import {
  BATCH_OVERHEAD,
  batchSizeOf,
  COMPRESSION,
  isBatchCrcValid,
  lastOffsetOf,
  loadCodec,
  RecordBatch,
} from '@ottla/protocol'
import type { FileHandle } from '../file-system.ts'
import { findNextBatch, ScanWindow, segmentBatchFault } from '../segment-scan.ts'

/** A batch; its bytes are valid until the next step. */
export interface BatchStep {
  readonly kind: 'batch'
  readonly position: number
  readonly batch: RecordBatch
}

/** Bytes in [position, end) that are no batch. */
export interface GapStep {
  readonly kind: 'gap'
  readonly position: number
  readonly end: number
  readonly fault: string
  /** First offset that is missing. */
  readonly offset: number
  /** Base offset of the batch behind the gap; undefined when the file ends with it. */
  readonly resumesAt: number | undefined
}

export type WalkStep = BatchStep | GapStep

/** Loads what has to be loaded before batches of any codec can be decoded on the spot. */
export const loadCodecs = (): Promise<void> => loadCodec(COMPRESSION.zstd)

export async function* walkBatches(
  file: FileHandle,
  firstOffset: number,
): AsyncGenerator<WalkStep> {
  const size = file.size()
  const window = new ScanWindow(file, size)
  let [position, nextOffset] = [0, firstOffset]
  while (position < size) {
    const found = await batchAt(window, { position, size, nextOffset })
    if (typeof found !== 'string') {
      const batch = new RecordBatch(window.chunk, found)
      const bytes = batch.size
      nextOffset = lastOffsetOf(window.chunk, found) + 1
      yield { kind: 'batch', position, batch }
      position += bytes
      continue
    }
    const next = await findNextBatch(file, { from: position, end: size, nextOffset })
    const gap = { kind: 'gap' as const, position, fault: found, offset: nextOffset }
    yield { ...gap, end: next?.position ?? size, resumesAt: next?.baseOffset }
    position = next?.position ?? size
  }
}

interface Place {
  readonly position: number
  readonly size: number
  readonly nextOffset: number
}

/** Index of a good batch in the window, or what is wrong with it. */
async function batchAt(
  window: ScanWindow,
  { position, size, nextOffset }: Place,
): Promise<number | string> {
  const left = size - position
  if (left < BATCH_OVERHEAD) return `${left} bytes are fewer than a batch header`
  let at = await window.require(position, BATCH_OVERHEAD)
  if (at < 0) return 'the file ends early'
  const fault = segmentBatchFault(window.chunk, at, nextOffset, left)
  if (fault !== undefined) return fault
  at = await window.require(position, batchSizeOf(window.chunk, at))
  if (at < 0) return 'the file ends early'
  return isBatchCrcValid(window.chunk, at) ? at : 'checksum does not agree'
}
