import { type CompressionId, compress, decompress } from '../compression/codecs.ts'
import {
  ATTRIBUTES_POSITION,
  attributesOf,
  BATCH_LENGTH_POSITION,
  BATCH_OVERHEAD,
  batchSizeOf,
  COMPRESSION_MASK,
  CRC_POSITION,
  compressionOf,
  computeBatchCrc,
  LOG_OVERHEAD,
} from './batch-header.ts'

/**
 * The same batch with its records packed by another codec, for topics whose `compression.type` is
 * not "producer". Header fields stay; length, attributes and checksum follow the new bytes. Both
 * codecs must have been loaded.
 */
export function recompress(
  batch: Buffer,
  codec: CompressionId,
  options: { readonly level?: number | undefined; readonly sizeMax: number },
): Buffer {
  const packed = batch.subarray(BATCH_OVERHEAD, batchSizeOf(batch))
  const plain = decompress(compressionOf(batch), packed, options)
  const records = compress(codec, plain, { level: options.level })
  const copy = Buffer.allocUnsafeSlow(BATCH_OVERHEAD + records.length)
  batch.copy(copy, 0, 0, BATCH_OVERHEAD)
  records.copy(copy, BATCH_OVERHEAD)
  copy.writeInt32BE(copy.length - LOG_OVERHEAD, BATCH_LENGTH_POSITION)
  copy.writeInt16BE((attributesOf(batch) & ~COMPRESSION_MASK) | codec, ATTRIBUTES_POSITION)
  copy.writeUInt32BE(computeBatchCrc(copy), CRC_POSITION)
  return copy
}
