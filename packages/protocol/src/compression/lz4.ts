/**
 * LZ4 frames. We write what Apache's and librdkafka's readers take: independent blocks of 64 KiB,
 * no checksums, no content size. We read every variant of the format.
 *
 *   frame   04 22 4D 18 | FLG | BD | content size LE64? | dictionary id LE32? | HC
 *           { size LE32 (high bit: stored as is) | bytes | xxh32 LE32? }...
 *           00 00 00 00 | xxh32 of the content LE32?
 *   FLG     version 01 | independent | block checksums | content size | content checksum | 0 | dict
 *   HC      second byte of the xxh32 of FLG ... dictionary id
 *
 * Frames may follow each other, and skippable frames (5x 2A 4D 18, size LE32) are skipped.
 */
import { CorruptCompressionError, DecompressedTooLargeError } from './compression-errors.ts'
import { decodeLz4Block, encodeLz4Block, lz4BlockSizeMax } from './lz4-block.ts'
import { loadOptionalPackage } from './optional-package.ts'
import { xxh32 } from './xxh32.ts'

interface Lz4Native {
  /** The block behind four bytes of uncompressed size. */
  compressSync(bytes: Uint8Array): Buffer
  uncompressSync(bytes: Uint8Array): Buffer
}

const MAGIC = 0x184d2204
const SKIPPABLE_MAGIC = 0x184d2a50
const BLOCK_BYTES = 64 * 1024
const STORED_BIT = 0x8000_0000
/** Magic, FLG (version 1, independent blocks), BD (64 KiB), and the checksum of the two. */
const HEADER = Buffer.from([0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82])
const INDEPENDENT = 0x20
const BLOCK_CHECKSUM = 0x10
const CONTENT_SIZE = 0x08
const CONTENT_CHECKSUM = 0x04
const DICTIONARY = 0x01

let native: Lz4Native | undefined | null

/** The native package, or undefined where it has no binary. */
export function lz4Native(): Lz4Native | undefined {
  if (native === undefined) native = loadOptionalPackage<Lz4Native>('lz4-napi') ?? null
  return native ?? undefined
}

const corrupt = (reason: string) => new CorruptCompressionError('lz4', reason)

const encodeBlock = (block: Uint8Array, package_: Lz4Native | undefined): Buffer =>
  package_ ? package_.compressSync(block).subarray(4) : encodeLz4Block(block)

export function compressLz4(bytes: Uint8Array, package_ = lz4Native()): Buffer {
  const chunks: Uint8Array[] = [HEADER]
  for (let at = 0; at < bytes.length; at += BLOCK_BYTES) {
    const block = bytes.subarray(at, at + BLOCK_BYTES)
    const encoded = encodeBlock(block, package_)
    const isStored = encoded.length >= block.length
    const size = Buffer.allocUnsafe(4)
    size.writeUInt32LE(isStored ? block.length + STORED_BIT : encoded.length, 0)
    chunks.push(size, isStored ? block : encoded)
  }
  chunks.push(Buffer.alloc(4))
  return Buffer.concat(chunks)
}

export function decompressLz4(bytes: Buffer, sizeMax: number, package_ = lz4Native()): Buffer {
  const reader = new FrameReader(bytes, sizeMax, package_)
  const chunks: Buffer[] = []
  while (reader.hasMore()) reader.frame(chunks)
  return chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)
}

interface FrameHeader {
  readonly flags: number
  readonly blockSizeMax: number
}

class FrameReader {
  private readonly bytes: Buffer
  private readonly sizeMax: number
  private readonly package_: Lz4Native | undefined
  private position = 0
  /** Bytes decompressed so far, over all frames. */
  private size = 0

  constructor(bytes: Buffer, sizeMax: number, package_: Lz4Native | undefined) {
    this.bytes = bytes
    this.sizeMax = sizeMax
    this.package_ = package_
  }

  hasMore(): boolean {
    return this.position < this.bytes.length
  }

  private take(size: number): number {
    const position = this.position
    if (size > this.bytes.length - position) throw corrupt('frame is cut off')
    this.position = position + size
    return position
  }

  private word(): number {
    return this.bytes.readUInt32LE(this.take(4))
  }

  /** Reads one frame and adds what its blocks stand for. */
  frame(chunks: Buffer[]): void {
    const magic = this.word()
    if (magic >>> 4 === SKIPPABLE_MAGIC >>> 4) {
      this.take(this.word())
      return
    }
    if (magic !== MAGIC) throw corrupt(`magic ${magic.toString(16)} is not that of a frame`)
    const header = this.header()
    const first = chunks.length
    if (header.flags & INDEPENDENT) this.independentBlocks(header, chunks)
    else chunks.push(this.linkedBlocks(header))
    if (header.flags & CONTENT_CHECKSUM) this.checkContent(chunks.slice(first))
  }

  private header(): FrameHeader {
    const start = this.position
    const flags = this.bytes[this.take(1)] as number
    const descriptor = this.bytes[this.take(1)] as number
    if (flags >>> 6 !== 1) throw corrupt(`version ${flags >>> 6} is not 1`)
    const blockCode = (descriptor >>> 4) & 7
    if (blockCode < 4) throw corrupt(`block size code ${blockCode} is unknown`)
    if (flags & CONTENT_SIZE) {
      const size = this.bytes.readBigUInt64LE(this.take(8))
      if (size > this.sizeMax - this.size) throw this.tooLarge()
    }
    if (flags & DICTIONARY) throw corrupt('dictionaries are not used in Kafka')
    const checksum = (xxh32(this.bytes, start, this.position) >>> 8) & 0xff
    if (checksum !== this.bytes[this.take(1)]) throw corrupt('header checksum does not match')
    return { flags, blockSizeMax: 1 << (8 + 2 * blockCode) }
  }

  private tooLarge(): DecompressedTooLargeError {
    return new DecompressedTooLargeError('lz4', this.sizeMax)
  }

  /** Range of the next block's bytes, or undefined at the end mark. */
  private block(header: FrameHeader): { start: number; end: number; stored: boolean } | undefined {
    const encoded = this.word()
    if (encoded === 0) return undefined
    const size = encoded % STORED_BIT
    const stored = encoded >= STORED_BIT
    if (stored && size > header.blockSizeMax) throw corrupt('stored block exceeds the block size')
    const start = this.take(size)
    if (header.flags & BLOCK_CHECKSUM) {
      if (this.word() !== xxh32(this.bytes, start, start + size)) {
        throw corrupt('block checksum does not match')
      }
    }
    return { start, end: start + size, stored }
  }

  private independentBlocks(header: FrameHeader, chunks: Buffer[]): void {
    for (let block = this.block(header); block; block = this.block(header)) {
      const encoded = this.bytes.subarray(block.start, block.end)
      const chunk = block.stored ? encoded : this.decode(encoded, header.blockSizeMax)
      this.size += chunk.length
      if (this.size > this.sizeMax) throw this.tooLarge()
      chunks.push(chunk)
    }
  }

  private decode(encoded: Buffer, blockSizeMax: number): Buffer {
    const capacity = Math.min(blockSizeMax, lz4BlockSizeMax(encoded.length))
    if (this.package_) return decodeNative(this.package_, encoded, capacity)
    const target = Buffer.allocUnsafe(capacity)
    return target.subarray(0, decodeInto(encoded, target, [0, capacity]))
  }

  /** Blocks whose matches reach into earlier ones share one output that grows. */
  private linkedBlocks(header: FrameHeader): Buffer {
    let output: Buffer = Buffer.alloc(0)
    let size = 0
    for (let block = this.block(header); block; block = this.block(header)) {
      const encoded = this.bytes.subarray(block.start, block.end)
      const need = block.stored ? encoded.length : lz4BlockSizeMax(encoded.length)
      const room = Math.min(need, header.blockSizeMax)
      if (size + room > output.length) {
        output = Buffer.concat([output.subarray(0, size)], Math.max(size * 2, size + room))
      }
      if (block.stored) size += encoded.copy(output, size)
      else size = decodeInto(encoded, output, [size, size + room])
      if (this.size + size > this.sizeMax) throw this.tooLarge()
    }
    this.size += size
    return output.subarray(0, size)
  }

  private checkContent(chunks: readonly Buffer[]): void {
    const content = chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)
    if (this.word() !== xxh32(content)) throw corrupt('content checksum does not match')
  }
}

function decodeInto(encoded: Buffer, target: Buffer, range: readonly [number, number]): number {
  try {
    return decodeLz4Block(encoded, [0, encoded.length], target, range)
  } catch (error) {
    if (error instanceof RangeError) throw corrupt(error.message)
    throw error
  }
}

/** The native decoder wants the capacity in front of the block, which is copied behind it. */
function decodeNative(package_: Lz4Native, encoded: Buffer, capacity: number): Buffer {
  const prefixed = Buffer.allocUnsafe(encoded.length + 4)
  prefixed.writeUInt32LE(capacity, 0)
  encoded.copy(prefixed, 4)
  try {
    return package_.uncompressSync(prefixed)
  } catch (error) {
    throw new CorruptCompressionError('lz4', 'block cannot be decoded', error)
  }
}
