/**
 * Snappy as Kafka carries it: raw blocks in the framing of the Java library (xerial).
 *
 *   82 53 4E 41 50 50 59 00 | int32 version 1 | int32 lowest compatible version 1
 *   { int32 size | raw snappy block }...
 *
 * We write blocks of 32 KiB, as Java does. We also read a raw block without framing, which
 * librdkafka, sarama and kafkajs have written, and headers in the middle of the blocks, which come
 * from concatenated streams.
 */
import { CorruptCompressionError, DecompressedTooLargeError } from './compression-errors.ts'
import { loadOptionalPackage } from './optional-package.ts'

interface SnappyNative {
  compressSync(bytes: Uint8Array, options: { copyOutputData: boolean }): Buffer
  uncompressSync(bytes: Uint8Array, options: { copyOutputData: boolean }): Buffer
}

interface SnappyPlain {
  compress(bytes: Uint8Array): Uint8Array
  uncompress(bytes: Uint8Array): Uint8Array
}

/** Raw blocks, by native code or by JavaScript. */
export interface SnappyBlocks {
  compress(bytes: Uint8Array): Uint8Array
  uncompress(bytes: Uint8Array): Uint8Array
}

const BLOCK_BYTES = 32 * 1024
const MAGIC = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00])
const HEADER = Buffer.concat([MAGIC, Buffer.from([0, 0, 0, 1, 0, 0, 0, 1])])
/** A copy element of three bytes stands for at most 64 bytes. */
const EXPANSION_MAX = 22

let blocks: SnappyBlocks | undefined
let native = true

/** The implementation in use; false in the second place when it is the JavaScript one. */
export function snappyBlocks(): readonly [SnappyBlocks, boolean] {
  if (!blocks) {
    const package_ = loadOptionalPackage<SnappyNative>('snappy')
    native = package_ !== undefined
    blocks = package_ ? nativeBlocks(package_) : plainSnappyBlocks()
  }
  return [blocks, native]
}

/** Copying beats handing out native memory: 4 us instead of 110 us for 32 KiB (Node 20). */
function nativeBlocks(package_: SnappyNative): SnappyBlocks {
  const options = { copyOutputData: true }
  return {
    compress: (bytes) => package_.compressSync(bytes, options),
    uncompress: (bytes) => package_.uncompressSync(bytes, options),
  }
}

/** The JavaScript implementation, also the oracle of the native one. */
export function plainSnappyBlocks(): SnappyBlocks {
  const package_ = loadOptionalPackage<SnappyPlain>('snappyjs')
  if (!package_) throw new CorruptCompressionError('snappy', 'no implementation is installed')
  return package_
}

export function compressSnappy(bytes: Uint8Array, raw = snappyBlocks()[0]): Buffer {
  const chunks: Uint8Array[] = [HEADER]
  for (let at = 0; at < bytes.length; at += BLOCK_BYTES) {
    const block = raw.compress(bytes.subarray(at, at + BLOCK_BYTES))
    const size = Buffer.allocUnsafe(4)
    size.writeInt32BE(block.length, 0)
    chunks.push(size, block)
  }
  return Buffer.concat(chunks)
}

export function decompressSnappy(bytes: Buffer, sizeMax: number, raw = snappyBlocks()[0]): Buffer {
  if (!hasMagic(bytes, 0)) return decodeBlock(bytes, sizeMax, sizeMax, raw)
  const chunks: Buffer[] = []
  let position = 0
  let left = sizeMax
  while (position < bytes.length) {
    if (hasMagic(bytes, position)) {
      position = skipHeader(bytes, position)
      continue
    }
    if (bytes.length - position < 4) throw corrupt('block size is cut off')
    const size = bytes.readInt32BE(position)
    position += 4
    if (size <= 0 || size > bytes.length - position) throw corrupt(`block of ${size} bytes`)
    const chunk = decodeBlock(bytes.subarray(position, position + size), left, sizeMax, raw)
    left -= chunk.length
    chunks.push(chunk)
    position += size
  }
  return chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)
}

const corrupt = (reason: string) => new CorruptCompressionError('snappy', reason)

const hasMagic = (bytes: Buffer, at: number): boolean =>
  bytes.length - at >= MAGIC.length && MAGIC.compare(bytes, at, at + MAGIC.length) === 0

function skipHeader(bytes: Buffer, at: number): number {
  if (bytes.length - at < HEADER.length) throw corrupt('header is cut off')
  const lowest = bytes.readInt32BE(at + 12)
  if (lowest > 1) throw corrupt(`needs a reader of version ${lowest}`)
  return at + HEADER.length
}

/** Decodes one raw block whose claimed size fits what is left and what its bytes can stand for. */
function decodeBlock(block: Buffer, left: number, sizeMax: number, raw: SnappyBlocks): Buffer {
  const size = claimedSize(block)
  if (size > left) throw new DecompressedTooLargeError('snappy', sizeMax)
  if (size > block.length * EXPANSION_MAX) throw corrupt(`claims ${size} bytes`)
  let decoded: Uint8Array
  try {
    decoded = raw.uncompress(block)
  } catch (error) {
    throw new CorruptCompressionError('snappy', 'block cannot be decoded', error)
  }
  if (decoded.length !== size) throw corrupt(`${decoded.length} bytes instead of ${size}`)
  return Buffer.isBuffer(decoded)
    ? decoded
    : Buffer.from(decoded.buffer, decoded.byteOffset, decoded.length)
}

/** The varint in front of a raw block. */
function claimedSize(block: Buffer): number {
  let size = 0
  for (let i = 0; i < 5 && i < block.length; i++) {
    const byte = block[i] as number
    size += (byte & 0x7f) * 2 ** (7 * i)
    if (byte < 0x80) return size
  }
  throw corrupt('block without a size')
}
