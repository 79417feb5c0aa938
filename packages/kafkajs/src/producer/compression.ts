/**
 * Codecs are built into the engine. `CompressionCodecs` has them in kafkajs's form for whoever
 * asks, takes what applications register, as kafkajs needed it for Snappy, LZ4 and ZSTD, and leaves
 * that alone: records are compressed and read by the engine all the same.
 */
import type { CompressionName } from '@ottla/client'
import { compress, decompress, loadCodec } from '@ottla/protocol'
import { CompressionTypes } from '../constants.ts'
import { KafkaJSNotImplemented } from '../errors.ts'

const NAMES: readonly CompressionName[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd']

export function compressionName(type: number | undefined): CompressionName {
  const name = NAMES[type ?? CompressionTypes.None]
  if (name) return name
  throw new KafkaJSNotImplemented(`Unknown compression type ${type}: see CompressionTypes`)
}

// biome-ignore lint/suspicious/noExplicitAny: as in kafkajs; what a codec is was never typed
type CodecFactory = () => any

/** A buffer of kafkajs's own, of which codecs use the bytes. */
interface Encoder {
  readonly buffer: Buffer
}

const builtIn =
  (type: CompressionTypes): CodecFactory =>
  () => ({
    compress: async ({ buffer }: Encoder): Promise<Buffer> => {
      await loadCodec(type)
      return compress(type, buffer)
    },
    decompress: async (bytes: Buffer): Promise<Buffer> => {
      await loadCodec(type)
      return decompress(type, bytes, { sizeMax: Number.MAX_SAFE_INTEGER })
    },
  })

export const CompressionCodecs: Record<1 | 2 | 3 | 4, CodecFactory> = {
  [CompressionTypes.GZIP]: builtIn(CompressionTypes.GZIP),
  [CompressionTypes.Snappy]: builtIn(CompressionTypes.Snappy),
  [CompressionTypes.LZ4]: builtIn(CompressionTypes.LZ4),
  [CompressionTypes.ZSTD]: builtIn(CompressionTypes.ZSTD),
}
