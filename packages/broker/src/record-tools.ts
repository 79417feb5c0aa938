/** What the log asks of those who can look inside a batch; see storage's RecordTools. */
import {
  COMPRESSION,
  findRecordByTimestamp,
  isCodecReady,
  RecordBatch,
  recompress,
  validateRecords,
} from '@ottla/protocol'
import type { RecordTools, TopicCompression } from '@ottla/storage'

/**
 * Most that one batch may decompress to; the setting max.decompressed.message.bytes of Kafka 4.4.
 */
const DECOMPRESSED_BYTES_MAX = 256 * 1024 * 1024

const CODECS: Readonly<Record<Exclude<TopicCompression, 'producer'>, number>> = {
  uncompressed: COMPRESSION.none,
  gzip: COMPRESSION.gzip,
  snappy: COMPRESSION.snappy,
  lz4: COMPRESSION.lz4,
  zstd: COMPRESSION.zstd,
}

export const recordTools: RecordTools = {
  check(batch, { needsKeys }) {
    const rules = { requireKeys: needsKeys, sizeMax: DECOMPRESSED_BYTES_MAX }
    const result = validateRecords(batch, 0, rules)
    if (result.kind === 'valid') return undefined
    const { error, message, recordErrors } = result
    return { error, message, recordErrors }
  },
  recompress(batch, compression, level) {
    if (compression === 'producer') return batch
    const codec = CODECS[compression]
    // While zstd is still loading the batch stays as it came; it is as good in its own codec.
    if (!isCodecReady(codec)) return batch
    return recompress(batch, codec, { sizeMax: DECOMPRESSED_BYTES_MAX, level })
  },
  findByTimestamp: (batch, timestamp, startOffset) =>
    findRecordByTimestamp(new RecordBatch(batch), timestamp, startOffset),
}
