/**
 * The five codecs of record batches by the number in the batch's attributes.
 *
 * All calls are synchronous; `loadCodec` must have been awaited once for a codec before it is used
 * (only zstd on older Node versions needs it, where it compiles WebAssembly). Nothing is loaded
 * before its first use.
 */
import { constants } from 'node:buffer'
import { assert } from '@ottla/base'
import { CorruptCompressionError, DecompressedTooLargeError } from './compression-errors.ts'
import { compressGzip, decompressGzip } from './gzip.ts'
import { compressLz4, decompressLz4 } from './lz4.ts'
import { wasmBlockEncoder } from './lz4-encoder.ts'
import { compressSnappy, decompressSnappy, snappyBlocks } from './snappy.ts'
import { compressZstd, decompressZstd, isZstdNative, isZstdReady, loadZstd } from './zstd.ts'

/** Kafka's names of the codecs and their numbers in batch attributes. */
export const COMPRESSION = { none: 0, gzip: 1, snappy: 2, lz4: 3, zstd: 4 } as const
export type CompressionName = keyof typeof COMPRESSION
/** A number from the attributes of a batch; 5 to 7 name no codec. */
export type CompressionId = number

const NAMES = Object.keys(COMPRESSION) as CompressionName[]

/** Name of a codec, or undefined for a number that names none. */
export const compressionName = (codec: CompressionId): CompressionName | undefined => NAMES[codec]

/** Prepares a codec. Cheap when there is nothing to do, so it may be called per batch. */
export async function loadCodec(codec: CompressionId): Promise<void> {
  if (codec === COMPRESSION.zstd) await loadZstd()
}

/** True when the codec may be used without awaiting `loadCodec`. */
export const isCodecReady = (codec: CompressionId): boolean =>
  codec !== COMPRESSION.zstd || isZstdReady()

/** Codecs that run on a slower stand-in on this platform, for one line in the log. */
export function codecFallbacks(): CompressionName[] {
  const fallbacks: CompressionName[] = []
  if (!snappyBlocks()[1]) fallbacks.push('snappy')
  if (!wasmBlockEncoder()) fallbacks.push('lz4')
  if (!isZstdNative()) fallbacks.push('zstd')
  return fallbacks
}

export interface CompressOptions {
  /**
   * gzip 1 to 9, zstd up to 22; snappy and lz4 have none (Kafka's lz4 levels are accepted and make
   * no difference).
   */
  readonly level?: number | undefined
  /** Gives memory of at least the size, where the codec can write to memory of others (lz4). */
  readonly allocate?: ((size: number) => Buffer) | undefined
}

/** Compresses the records of a batch. */
export function compress(
  codec: CompressionId,
  bytes: Uint8Array,
  options: CompressOptions = {},
): Buffer {
  const { level } = options
  switch (codec) {
    case COMPRESSION.none:
      return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
    case COMPRESSION.gzip:
      return compressGzip(bytes, level)
    case COMPRESSION.snappy:
      return compressSnappy(bytes)
    case COMPRESSION.lz4:
      return compressLz4(bytes, options)
    default:
      assert(codec === COMPRESSION.zstd, `no codec has the number ${codec}`)
      return compressZstd(bytes, level)
  }
}

export interface DecompressOptions {
  /** Most bytes that may come of it. */
  readonly sizeMax: number
  /**
   * Gives memory of at least the size for the result, where the codec can write to memory of
   * others (lz4). It may be asked more than once; all it gave is free when the result is.
   */
  readonly allocate?: ((size: number) => Buffer) | undefined
}

/**
 * Decompresses the records of a batch. Throws a {@link CorruptCompressionError} or a
 * {@link DecompressedTooLargeError}.
 */
export function decompress(
  codec: CompressionId,
  bytes: Buffer,
  options: DecompressOptions,
): Buffer {
  // zlib refuses limits that no buffer could reach.
  const sizeMax = Math.min(options.sizeMax, constants.MAX_LENGTH)
  switch (codec) {
    case COMPRESSION.none:
      if (bytes.length > sizeMax) throw new DecompressedTooLargeError('none', sizeMax)
      return bytes
    case COMPRESSION.gzip:
      return decompressGzip(bytes, sizeMax)
    case COMPRESSION.snappy:
      return decompressSnappy(bytes, sizeMax)
    case COMPRESSION.lz4:
      return decompressLz4(bytes, sizeMax, options)
    case COMPRESSION.zstd:
      return decompressZstd(bytes, sizeMax)
    default:
      throw new CorruptCompressionError(`codec ${codec}`, 'no such codec')
  }
}
