import { gunzipSync, gzipSync } from 'node:zlib'
import { codeOf } from '@ottla/base'
import { CorruptCompressionError, DecompressedTooLargeError } from './compression-errors.ts'

/** Levels 1 to 9; -1 is the default of zlib, 6. */
export function compressGzip(bytes: Uint8Array, level = -1): Buffer {
  return gzipSync(bytes, { level })
}

/** Reads one or more gzip members. */
export function decompressGzip(bytes: Buffer, sizeMax: number): Buffer {
  try {
    return gunzipSync(bytes, { maxOutputLength: Math.max(1, sizeMax) })
  } catch (error) {
    if (codeOf(error) === 'ERR_BUFFER_TOO_LARGE') {
      throw new DecompressedTooLargeError('gzip', sizeMax)
    }
    throw new CorruptCompressionError('gzip', 'stream cannot be decoded', error)
  }
}
