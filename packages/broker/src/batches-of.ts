import { loadCodec, type RecordBatch, readBatches } from '@ottla/protocol'
import type { PartitionLog } from '@ottla/storage'

const READ_BYTES = 1024 * 1024

/**
 * Every batch of an open log from `offset` (its start when left out) to its end, with the codec of
 * each ready: what a coordinator replays when it loads.
 */
export async function* batchesOf(
  log: PartitionLog,
  offset = log.logStartOffset,
): AsyncGenerator<RecordBatch> {
  let next = offset
  while (next < log.logEndOffset) {
    const { chunks } = await log.read(next, {
      bytesMax: READ_BYTES,
      upTo: 'log-end',
      atLeastOneBatch: true,
    })
    const from = next
    for (const batch of readBatches(Buffer.concat(chunks))) {
      next = batch.lastOffset + 1
      await loadCodec(batch.compression)
      yield batch
    }
    // Nothing more up to the end: what was there is compacted away.
    if (next === from) return
  }
}
