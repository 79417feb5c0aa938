/**
 * Codecs are built into the engine. `CompressionCodecs` takes what applications register, as
 * kafkajs needed it for Snappy, LZ4 and ZSTD, and leaves it alone.
 */
import type { CompressionName } from '@ottla/client'
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

const builtIn: CodecFactory = () => ({})

export const CompressionCodecs: Record<1 | 2 | 3 | 4, CodecFactory> = {
  [CompressionTypes.GZIP]: builtIn,
  [CompressionTypes.Snappy]: builtIn,
  [CompressionTypes.LZ4]: builtIn,
  [CompressionTypes.ZSTD]: builtIn,
}
