/**
 * Reads of archived objects, in chunks that are cached, with the next ones fetched ahead for
 * whoever reads on. So many fetches run at once (`remote.log.reader.threads`), so many wait
 * (`remote.log.reader.max.pending.tasks`), and more are refused.
 */
import { StorageError } from '@ottla/storage'
import { ObjectCache } from './object-cache.ts'
import type { RateLimit } from './rate-limit.ts'
import type { RemoteSegment, TieredPartition } from './remote-log-records.ts'
import { objectKey, type SegmentObject } from './segment-objects.ts'
import type { RemoteStore } from './store/remote-store.ts'

const CHUNK_BYTES = 2 * 1024 * 1024
const CHUNKS_AHEAD = 2

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
  private running = 0
  private readonly waiting: (() => void)[] = []

  constructor(options: ArchiveReaderOptions) {
    this.options = options
    this.chunkBytes = options.chunkBytes ?? CHUNK_BYTES
    this.cache = new ObjectCache(options.cacheBytesMax)
  }

  /** The whole of a small object. */
  whole(of: TieredPartition, segment: RemoteSegment, object: SegmentObject): Promise<Buffer> {
    const key = objectKey(of, segment, object)
    return this.cache.get(key, () => this.fetch(key, 0, undefined))
  }

  /**
   * Bytes [from, to) of a segment, which must lie within it. A view of the cache where possible.
   */
  async bytes(
    of: TieredPartition,
    segment: RemoteSegment,
    from: number,
    to: number,
  ): Promise<Buffer> {
    const first = Math.floor(from / this.chunkBytes)
    const last = Math.floor((to - 1) / this.chunkBytes)
    const chunks: Promise<Buffer>[] = []
    for (let i = first; i <= last; i++) chunks.push(this.chunk(of, segment, i))
    const loaded = await Promise.all(chunks)
    const joined = loaded.length === 1 ? (loaded[0] as Buffer) : Buffer.concat(loaded)
    const start = first * this.chunkBytes
    return joined.subarray(from - start, to - start)
  }

  /** Fetches the chunks from `position` on that are likely to be read next. */
  readAhead(of: TieredPartition, segment: RemoteSegment, position: number): void {
    const first = Math.floor(position / this.chunkBytes)
    const end = Math.ceil(segment.sizeBytes / this.chunkBytes)
    for (let i = first; i < Math.min(first + CHUNKS_AHEAD, end); i++) {
      this.cache.prefetch(chunkName(segment, i), () => this.fetchChunk(of, segment, i))
    }
  }

  private chunk(of: TieredPartition, segment: RemoteSegment, i: number): Promise<Buffer> {
    return this.cache.get(chunkName(segment, i), () => this.fetchChunk(of, segment, i))
  }

  private fetchChunk(of: TieredPartition, segment: RemoteSegment, i: number): Promise<Buffer> {
    const from = i * this.chunkBytes
    const to = Math.min(from + this.chunkBytes, segment.sizeBytes)
    return this.fetch(objectKey(of, segment, 'log'), from, to)
  }

  private async fetch(key: string, from: number, to: number | undefined): Promise<Buffer> {
    await this.turn()
    try {
      if (to !== undefined) await this.options.limit.take(to - from)
      const bytes = await this.options.store.get(key, from, to)
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
