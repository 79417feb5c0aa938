/**
 * Bytes of the archive in memory: chunks of segments and whole indexes, at most so many, those used
 * longest ago given up first. Who asks for what is just being fetched shares the fetch.
 *
 * What is asked for is lent: it is held for its reader from the moment it is here, before anything
 * can be given up, until the reader releases it. Memory is used again when neither the cache nor a
 * reader holds it; whoever forgets to release makes garbage.
 */
export class LentBytes {
  readonly bytes: Buffer
  private holders = 1
  private readonly reuse: ((bytes: Buffer) => void) | undefined

  /** Held by the cache to begin with. */
  constructor(bytes: Buffer, reuse?: (bytes: Buffer) => void) {
    this.bytes = bytes
    this.reuse = reuse
  }

  retain(): void {
    this.holders++
  }

  release(): void {
    this.holders--
    if (this.holders === 0) this.reuse?.(this.bytes)
  }
}

interface Entry {
  readonly fetched: Promise<LentBytes>
  /** Set when it is here. */
  lent: LentBytes | undefined
  /** Readers that wait for it. */
  waiting: number
}

export class ObjectCache {
  hits = 0
  misses = 0
  private readonly entries = new Map<string, Entry>()
  private readonly bytesMax: number
  private bytes = 0

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax
  }

  get size(): number {
    return this.bytes
  }

  has(key: string): boolean {
    return this.entries.has(key)
  }

  /** The bytes, held for the caller until it releases them. */
  get(key: string, fetch: () => Promise<LentBytes>): Promise<LentBytes> {
    const known = this.entries.get(key)
    if (!known) {
      this.misses++
      return this.add(key, fetch(), 1)
    }
    this.hits++
    this.entries.delete(key)
    this.entries.set(key, known)
    if (known.lent) known.lent.retain()
    else known.waiting++
    return known.fetched
  }

  /** Fetches what may be asked for soon; a failure is met by whoever asks then. */
  prefetch(key: string, fetch: () => Promise<LentBytes>): void {
    if (this.entries.has(key)) return
    this.add(key, fetch(), 0).catch(() => undefined)
  }

  private add(key: string, fetched: Promise<LentBytes>, waiting: number): Promise<LentBytes> {
    const entry: Entry = { fetched, lent: undefined, waiting }
    this.entries.set(key, entry)
    fetched.then(
      (lent) => this.keep(entry, lent),
      () => {
        if (this.entries.get(key) === entry) this.entries.delete(key)
      },
    )
    return fetched
  }

  private keep(entry: Entry, lent: LentBytes): void {
    entry.lent = lent
    for (let i = 0; i < entry.waiting; i++) lent.retain()
    this.bytes += lent.bytes.length
    for (const [oldest, { lent: old }] of this.entries) {
      if (this.bytes <= this.bytesMax) break
      // What is being fetched counts when it is here.
      if (!old) continue
      this.entries.delete(oldest)
      this.bytes -= old.bytes.length
      old.release()
    }
  }
}
