/**
 * Frames on a byte stream: int32 size, then that many bytes.
 *
 * Two splitters, for the two ways bytes arrive:
 *
 * - FrameSplitter is given chunks that somebody else allocated. A frame inside one chunk is a view
 *   of it; only a frame that spans chunks is copied.
 * - FrameReceiver owns the memory that the socket reads into (Node's `onread`). Small frames pass
 *   through a scratch buffer; from the moment a larger one is known to be coming, the socket reads
 *   straight into that frame, so its bytes are not copied at all. Given memory that is used again,
 *   it lends its frames: they are valid until `onFrame` returns. Given a pool, it takes them from
 *   there, and whoever gets a frame gives it back with `giveFrame` or leaves it to the garbage.
 *
 * Must always hold: a declared size alone allocates at most `ALLOCATION_BYTES_MAX`; beyond that a
 * frame's buffer grows only as fast as its bytes arrive. A size that is negative or above the limit
 * ends the connection, since the stream cannot be read any further.
 */
import { BufferPool, OttlaError } from '@ottla/base'

/** Kafka's own limit (socket.request.max.bytes); fetch responses stay below it too. */
export const FRAME_BYTES_MAX_DEFAULT = 104_857_600
/**
 * Most that is allocated because of a size whose bytes have not come yet: a fetch of 4 MiB and what
 * stands around it, which would else be copied for the sake of its last bytes.
 */
const ALLOCATION_BYTES_MAX = 4 * 1024 * 1024 + 64 * 1024
const SIZE_BYTES = 4

/** The size in front of a frame cannot be one. */
export class FrameSizeError extends OttlaError {
  readonly size: number

  constructor(size: number, sizeMax: number) {
    super(`A frame of ${size} bytes was announced; the limit is ${sizeMax}`, {
      code: 'FRAME_SIZE',
      hint: 'Is the other side a Kafka broker or client, and does one of both expect TLS?',
    })
    this.size = size
  }
}

/** A frame whose bytes arrive in pieces. */
class PartialFrame {
  private buffer: Buffer
  private filled = 0
  private readonly size: number
  private readonly pool: BufferPool | undefined

  constructor(size: number, pool?: BufferPool) {
    this.size = size
    this.pool = pool
    this.buffer = this.allocate(Math.min(size, ALLOCATION_BYTES_MAX))
  }

  private allocate(size: number): Buffer {
    return this.pool ? this.pool.take(size) : Buffer.allocUnsafeSlow(size)
  }

  get missing(): number {
    return this.size - this.filled
  }

  /** Where the next bytes go; never empty while bytes are missing. */
  target(): Buffer {
    if (this.filled === this.buffer.length) this.grow()
    return this.buffer.subarray(this.filled, this.size)
  }

  private grow(): void {
    const larger = this.allocate(Math.min(this.size, this.buffer.length * 2))
    this.buffer.copy(larger, 0, 0, this.filled)
    this.release()
    this.buffer = larger
  }

  /** Gives the memory back to the pool; nobody may hold the bytes any more. */
  release(): void {
    this.pool?.give(this.buffer)
  }

  advance(count: number): void {
    this.filled += count
  }

  copyFrom(source: Buffer, start: number, end: number): void {
    let position = start
    while (position < end) {
      const copied = source.copy(this.target(), 0, position, end)
      this.filled += copied
      position += copied
    }
  }

  bytes(): Buffer {
    return this.buffer.length === this.size ? this.buffer : this.buffer.subarray(0, this.size)
  }
}

function checkedSize(size: number, sizeMax: number): number {
  if (size < 0 || size > sizeMax) throw new FrameSizeError(size, sizeMax)
  return size
}

/** Splits chunks into frames; each frame is passed on without its size. */
export class FrameSplitter {
  private readonly sizeMax: number
  private readonly header = Buffer.alloc(SIZE_BYTES)
  private headerFilled = 0
  private partial: PartialFrame | undefined

  constructor(sizeMax = FRAME_BYTES_MAX_DEFAULT) {
    this.sizeMax = sizeMax
  }

  /** Bytes of the frame in progress that are still to come; 0 between frames. */
  get missing(): number {
    return this.partial?.missing ?? 0
  }

  push(chunk: Buffer, onFrame: (frame: Buffer) => void): void {
    let position = 0
    while (position < chunk.length) {
      if (this.partial) position = this.continueFrame(chunk, position, onFrame)
      else position = this.startFrame(chunk, position, onFrame)
    }
  }

  private continueFrame(chunk: Buffer, position: number, onFrame: (frame: Buffer) => void): number {
    const partial = this.partial as PartialFrame
    const end = Math.min(chunk.length, position + partial.missing)
    partial.copyFrom(chunk, position, end)
    if (partial.missing === 0) {
      this.partial = undefined
      onFrame(partial.bytes())
    }
    return end
  }

  private startFrame(chunk: Buffer, start: number, onFrame: (frame: Buffer) => void): number {
    let position = start
    let size: number
    if (this.headerFilled === 0 && chunk.length - position >= SIZE_BYTES) {
      size = chunk.readInt32BE(position)
      position += SIZE_BYTES
    } else {
      const copied = chunk.copy(this.header, this.headerFilled, position)
      this.headerFilled += copied
      position += copied
      if (this.headerFilled < SIZE_BYTES) return position
      size = this.header.readInt32BE(0)
      this.headerFilled = 0
    }
    checkedSize(size, this.sizeMax)
    if (chunk.length - position >= size) {
      onFrame(chunk.subarray(position, position + size))
      return position + size
    }
    this.partial = new PartialFrame(size)
    return position
  }
}

const SCRATCH_BYTES = 64 * 1024

const newScratch = (): Buffer => Buffer.allocUnsafeSlow(SIZE_BYTES + SCRATCH_BYTES)

/** Most that is kept of the memory large frames were read into. */
const KEPT_BYTES_MAX = 8 * 1024 * 1024

/** Gives back the memory of a frame that was taken from a pool; nobody may read it any more. */
export function giveFrame(pool: BufferPool, frame: Buffer): void {
  pool.give(Buffer.from(frame.buffer))
}

/** Memory for frames that are only lent; receivers that are read one after another may share it. */
export class FrameMemory {
  readonly scratch = newScratch()
  readonly pool = new BufferPool(KEPT_BYTES_MAX)
}

/**
 * Owns the memory a socket reads into: read into `target()`, then report with `received()` before
 * anybody else reads into the same scratch buffer. The room for a size at the front of that
 * takes the piece of a size that the last read ended with.
 */
export class FrameReceiver {
  private readonly sizeMax: number
  private readonly onFrame: (frame: Buffer) => void
  private readonly scratch: Buffer
  private readonly lentFrom: FrameMemory | undefined
  private readonly pool: BufferPool | undefined
  /** A piece of a size, fewer than four bytes. */
  private readonly held = Buffer.alloc(SIZE_BYTES)
  private heldBytes = 0
  private partial: PartialFrame | undefined

  constructor(
    onFrame: (frame: Buffer) => void,
    sizeMax = FRAME_BYTES_MAX_DEFAULT,
    memory?: FrameMemory | BufferPool,
  ) {
    this.onFrame = onFrame
    this.sizeMax = sizeMax
    this.lentFrom = memory instanceof FrameMemory ? memory : undefined
    this.pool = memory instanceof FrameMemory ? memory.pool : memory
    this.scratch = this.lentFrom?.scratch ?? newScratch()
  }

  /** Bytes of the frame in progress that are still to come; 0 between frames. */
  get missing(): number {
    return this.partial?.missing ?? 0
  }

  target(): Buffer {
    return this.partial ? this.partial.target() : this.scratch.subarray(SIZE_BYTES)
  }

  /** `count` bytes have been written to the start of the last `target()`. */
  received(count: number): void {
    const partial = this.partial
    if (partial) {
      partial.advance(count)
      if (partial.missing > 0) return
      this.partial = undefined
      this.onFrame(partial.bytes())
      if (this.lentFrom) partial.release()
      return
    }
    const start = SIZE_BYTES - this.heldBytes
    this.held.copy(this.scratch, start, 0, this.heldBytes)
    this.heldBytes = 0
    this.split(start, SIZE_BYTES + count)
  }

  private split(start: number, end: number): void {
    const { scratch } = this
    let position = start
    while (end - position >= SIZE_BYTES) {
      const size = checkedSize(scratch.readInt32BE(position), this.sizeMax)
      position += SIZE_BYTES
      if (end - position < size) {
        this.partial = new PartialFrame(size, this.pool)
        this.partial.copyFrom(scratch, position, end)
        return
      }
      const frame = scratch.subarray(position, position + size)
      this.onFrame(this.lentFrom ? frame : this.copyOf(frame))
      position += size
    }
    this.heldBytes = scratch.copy(this.held, 0, position, end)
  }

  private copyOf(frame: Buffer): Buffer {
    if (!this.pool) return Buffer.from(frame)
    const copy = this.pool.take(frame.length).subarray(0, frame.length)
    copy.set(frame)
    return copy
  }
}
