import { OttlaError } from '@ottla/base'

/** Compressed bytes that their codec cannot read. */
export class CorruptCompressionError extends OttlaError {
  constructor(codec: string, reason: string, cause?: unknown) {
    super(`${codec} data is corrupt: ${reason}`, { code: 'CORRUPT_COMPRESSION', cause })
  }
}

/** Compressed bytes that would grow beyond what the caller allows. */
export class DecompressedTooLargeError extends OttlaError {
  readonly sizeMax: number

  constructor(codec: string, sizeMax: number) {
    super(`${codec} data decompresses to more than ${sizeMax} bytes`, {
      code: 'DECOMPRESSED_TOO_LARGE',
    })
    this.sizeMax = sizeMax
  }
}
