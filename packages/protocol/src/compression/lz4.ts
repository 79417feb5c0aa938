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
import {
  type BlockDecoder,
  type BlockEncoder,
  encodeLz4Block,
  lz4BlockSizeMax,
  plainBlockDecoder,
} from './lz4-block.ts'
import { wasmBlockDecoder } from './lz4-decoder.ts'
import { wasmBlockEncoder } from './lz4-encoder.ts'
import { xxh32 } from './xxh32.ts'

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
/** How far back a match reaches. */
const HISTORY_BYTES = 64 * 1024
/** Blocks that stand for more make the output grow again. */
const LIKELY_RATIO_MAX = 16

const corrupt = (reason: string) => new CorruptCompressionError('lz4', reason)

export interface Lz4Writing {
  readonly encode?: BlockEncoder | undefined
  /** Gives memory of at least the size for the frame. */
  readonly allocate?: ((size: number) => Buffer) | undefined
}

export function compressLz4(bytes: Uint8Array, writing: Lz4Writing = {}): Buffer {
  const { allocate = Buffer.allocUnsafe } = writing
  const encode = writing.encode ?? wasmBlockEncoder() ?? encodeLz4Block
  const blocks = Math.ceil(bytes.length / BLOCK_BYTES)
  // What does not shrink is stored as it is.
  const output = allocate(HEADER.length + 4 * blocks + bytes.length + 4)
  output.set(HEADER)
  let end = HEADER.length
  for (let at = 0; at < bytes.length; at += BLOCK_BYTES) {
    const block = bytes.subarray(at, at + BLOCK_BYTES)
    const encoded = encode(block)
    const isStored = encoded.length >= block.length
    end = output.writeUInt32LE(isStored ? block.length + STORED_BIT : encoded.length, end)
    output.set(isStored ? block : encoded, end)
    end += isStored ? block.length : encoded.length
  }
  return output.subarray(0, output.writeUInt32LE(0, end))
}

export interface Lz4Reading {
  readonly decoder?: BlockDecoder | undefined
  /** Gives memory of at least the size for the output; it may be asked more than once. */
  readonly allocate?: ((size: number) => Buffer) | undefined
}

export function decompressLz4(bytes: Buffer, sizeMax: number, reading: Lz4Reading = {}): Buffer {
  const reader = new FrameReader(bytes, sizeMax, reading)
  while (reader.hasMore()) reader.frame()
  return reader.content()
}

interface FrameHeader {
  readonly flags: number
  readonly blockSizeMax: number
}

/**
 * Reads frames into one output. A block is decoded before room for it is made, so that small
 * contents get the memory they need; from then on the sizes of the blocks behind it say how much
 * all of them can stand for, and the output usually has its final size after the first.
 */
class FrameReader {
  private readonly bytes: Buffer
  private readonly sizeMax: number
  private readonly decoder: BlockDecoder
  private readonly allocate: (size: number) => Buffer
  private position = 0
  private output: Buffer = Buffer.alloc(0)
  /** Bytes decompressed so far, over all frames. */
  private size = 0

  constructor(bytes: Buffer, sizeMax: number, reading: Lz4Reading) {
    this.bytes = bytes
    this.sizeMax = sizeMax
    this.decoder = reading.decoder ?? wasmBlockDecoder() ?? plainBlockDecoder
    this.allocate = reading.allocate ?? Buffer.allocUnsafe
  }

  content(): Buffer {
    return this.output.subarray(0, this.size)
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
  frame(): void {
    const magic = this.word()
    if (magic >>> 4 === SKIPPABLE_MAGIC >>> 4) {
      this.take(this.word())
      return
    }
    if (magic !== MAGIC) throw corrupt(`magic ${magic.toString(16)} is not that of a frame`)
    const header = this.header()
    const start = this.size
    for (let block = this.block(header); block; block = this.block(header)) {
      this.append(block.stored ? block.bytes : this.decode(header, block.bytes, start), header)
    }
    if (header.flags & CONTENT_CHECKSUM && this.word() !== xxh32(this.output, start, this.size)) {
      throw corrupt('content checksum does not match')
    }
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

  /** The next block's bytes, or undefined at the end mark. */
  private block(header: FrameHeader): { bytes: Buffer; stored: boolean } | undefined {
    const encoded = this.word()
    if (encoded === 0) return undefined
    const size = encoded % STORED_BIT
    if (size > header.blockSizeMax) throw corrupt('block exceeds the block size of its frame')
    const start = this.take(size)
    if (header.flags & BLOCK_CHECKSUM) {
      if (this.word() !== xxh32(this.bytes, start, start + size)) {
        throw corrupt('block checksum does not match')
      }
    }
    return { bytes: this.bytes.subarray(start, start + size), stored: encoded >= STORED_BIT }
  }

  /** Blocks that are not independent may refer to what came before them in their frame. */
  private decode(header: FrameHeader, block: Buffer, frameStart: number): Uint8Array {
    const isLinked = (header.flags & INDEPENDENT) === 0
    const reach = isLinked ? Math.min(HISTORY_BYTES, this.size - frameStart) : 0
    const history = this.output.subarray(this.size - reach, this.size)
    const sizeMax = Math.min(header.blockSizeMax, lz4BlockSizeMax(block.length))
    return this.decoder.decode(block, history, sizeMax)
  }

  private append(content: Uint8Array, header: FrameHeader): void {
    const size = this.size + content.length
    if (size > this.sizeMax) throw this.tooLarge()
    if (size > this.output.length) {
      const wanted = Math.max(size + this.comingMax(header), this.output.length * 2)
      const larger = this.allocate(Math.min(wanted, this.sizeMax))
      larger.set(this.content())
      this.output = larger
    }
    this.output.set(content, this.size)
    this.size = size
  }

  /** Most that the blocks still to come are likely to stand for, from their sizes alone. */
  private comingMax(header: FrameHeader): number {
    const extra = header.flags & BLOCK_CHECKSUM ? 4 : 0
    let coming = 0
    for (let at = this.position; at + 4 <= this.bytes.length; ) {
      const encoded = this.bytes.readUInt32LE(at)
      if (encoded === 0) break
      const size = encoded % STORED_BIT
      coming +=
        encoded >= STORED_BIT ? size : Math.min(header.blockSizeMax, size * LIKELY_RATIO_MAX)
      at += 4 + size + extra
    }
    return coming
  }
}
