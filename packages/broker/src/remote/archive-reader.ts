/**
 * Reads of archived objects, in chunks that are cached, with the next ones fetched ahead for
 * whoever reads on. So many fetches run at once (`remote.log.reader.threads`), so many wait
 * (`remote.log.reader.max.pending.tasks`), and more are refused.
 */
import { BufferPool } from '@ottla/base'
import { StorageError } from '@ottla/storage'
import { LentBytes, ObjectCache } from './object-cache.ts'
import type { RateLimit } from './rate-limit.ts'
import type { RemoteSegment, TieredPartition } from './remote-log-records.ts'
import { objectKey, type SegmentObject } from './segment-objects.ts'
import type { RemoteStore } from './store/remote-store.ts'

const CHUNK_BYTES = 2 * 1024 * 1024
const CHUNKS_AHEAD = 2
/** Memory that is kept to be used again. */
const FREE_BYTES_MAX = 16 * 1024 * 1024
/** Chunks that are kept behind their readers where the system keeps them as well. */
const PASSED_MAX = 4

export interface LentView {
  readonly bytes: Buffer
  readonly release: () => void
}

export interface ArchiveReaderOptions {
  readonly store: RemoteStore
  readonly cacheBytesMax: number
  readonly limit: RateLimit
  readonly fetchesMax: () => number
  readonly waitingMax: number
  readonly chunkBytes?: number
}

export class ArchiveReader {
  readonly cache: ObjectCache
  fetchedBytes = 0
  failedFetches = 0
  private readonly options: ArchiveReaderOptions
  private readonly chunkBytes: number
  private readonly memory = new BufferPool(FREE_BYTES_MAX)
  private running = 0
  private readonly waiting: (() => void)[] = []

  constructor(options: ArchiveReaderOptions) {
    this.options = options
    this.chunkBytes = options.chunkBytes ?? CHUNK_BYTES
    const passedMax = options.store.isLocal ? PASSED_MAX : Number.POSITIVE_INFINITY
    this.cache = new ObjectCache(options.cacheBytesMax, passedMax)
  }

  /** The whole of a small object, the caller's to keep. */
  async whole(of: TieredPartition, segment: RemoteSegment, object: SegmentObject): Promise<Buffer> {
    const key = objectKey(of, segment, object)
    const fetch = async () => new LentBytes(await this.fetch(key, { from: 0 }))
    return (await this.cache.get(key, fetch)).bytes
  }

  /**
   * Bytes [from, to) of a segment, which must lie within it: a view of the cache where possible.
   * Whoever has read them releases them, once.
   */
  async bytes(
    of: TieredPartition,
    segment: RemoteSegment,
    from: number,
    to: number,
  ): Promise<LentView> {
    const first = Math.floor(from / this.chunkBytes)
    const last = Math.floor((to - 1) / this.chunkBytes)
    if (first === last) {
      const chunk = await this.chunk(of, segment, first)
      const start = first * this.chunkBytes
      const bytes = chunk.bytes.subarray(from - start, to - start)
      return { bytes, release: () => chunk.release() }
    }
    const asked: Promise<LentBytes>[] = []
    for (let i = first; i <= last; i++) asked.push(this.chunk(of, segment, i))
    const chunks = await Promise.all(asked)
    const memory = this.memory.take(to - from)
    let filled = 0
    chunks.forEach((chunk, i) => {
      const start = (first + i) * this.chunkBytes
      filled += chunk.bytes.copy(memory, filled, Math.max(from - start, 0), to - start)
      chunk.release()
    })
    return { bytes: memory.subarray(0, filled), release: () => this.memory.give(memory) }
  }

  /** Bytes from a position on that lie in the same chunk, and are read without a copy. */
  bytesInChunkFrom(position: number): number {
    return this.chunkBytes - (position % this.chunkBytes)
  }

  /** Whether bytes [from, to) of a segment are had without waiting. */
  isHere(segment: RemoteSegment, from: number, to: number): boolean {
    const last = Math.floor((to - 1) / this.chunkBytes)
    for (let i = Math.floor(from / this.chunkBytes); i <= last; i++) {
      if (!this.cache.isHere(chunkName(segment, i))) return false
    }
    return true
  }

  /** Somebody has read bytes [from, to) of a segment, and reads on behind them. */
  passed(segment: RemoteSegment, from: number, to: number): void {
    const isEnd = to === segment.sizeBytes
    const end = isEnd ? Math.ceil(to / this.chunkBytes) : Math.floor(to / this.chunkBytes)
    for (let i = Math.floor(from / this.chunkBytes); i < end; i++) {
      this.cache.pass(chunkName(segment, i))
    }
  }

  /** Fetches the chunks from `position` on that are likely to be read next. */
  readAhead(of: TieredPartition, segment: RemoteSegment, position: number): void {
    const first = Math.floor(position / this.chunkBytes)
    const end = Math.ceil(segment.sizeBytes / this.chunkBytes)
    for (let i = first; i < Math.min(first + CHUNKS_AHEAD, end); i++) {
      this.cache.prefetch(chunkName(segment, i), () => this.fetchChunk(of, segment, i))
    }
  }

  private chunk(of: TieredPartition, segment: RemoteSegment, i: number): Promise<LentBytes> {
    return this.cache.get(chunkName(segment, i), () => this.fetchChunk(of, segment, i))
  }

  private async fetchChunk(
    of: TieredPartition,
    segment: RemoteSegment,
    i: number,
  ): Promise<LentBytes> {
    const from = i * this.chunkBytes
    const to = Math.min(from + this.chunkBytes, segment.sizeBytes)
    const memory = this.memory.take(to - from)
    try {
      const bytes = await this.fetch(objectKey(of, segment, 'log'), { from, to, memory })
      return new LentBytes(bytes, () => this.memory.give(memory))
    } catch (error) {
      // What failed may still be writing to it.
      this.memory.abandon(memory)
      throw error
    }
  }

  private async fetch(
    key: string,
    { from, to, memory }: { from: number; to?: number; memory?: Buffer },
  ): Promise<Buffer> {
    await this.turn()
    try {
      if (to !== undefined) await this.options.limit.take(to - from)
      const bytes = await this.options.store.get(key, from, to, memory)
      this.fetchedBytes += bytes.length
      return bytes
    } catch (error) {
      this.failedFetches++
      throw error
    } finally {
      this.running--
      this.waiting.shift()?.()
    }
  }

  private async turn(): Promise<void> {
    const { fetchesMax, waitingMax } = this.options
    if (this.running >= fetchesMax()) {
      if (this.waiting.length >= waitingMax) {
        throw new StorageError('KAFKA_STORAGE_ERROR', 'too many reads of the archive are waiting')
      }
      await new Promise<void>((resolve) => this.waiting.push(resolve))
    }
    this.running++
  }
}

const chunkName = (segment: RemoteSegment, i: number): string => `${segment.id}#${i}`
