/**
 * Bytes of the archive in memory: chunks of segments and whole indexes, at most so many, those used
 * longest ago given up first. Who asks for what is just being fetched shares the fetch.
 *
 * Buffers are handed out and never written to again: whoever has one keeps it, and what is given up
 * here is garbage once nobody has it.
 */
interface Entry {
  readonly bytes: Promise<Buffer>
  size: number
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

  get(key: string, fetch: () => Promise<Buffer>): Promise<Buffer> {
    const known = this.entries.get(key)
    if (known) {
      this.hits++
      this.entries.delete(key)
      this.entries.set(key, known)
      return known.bytes
    }
    this.misses++
    return this.add(key, fetch())
  }

  /** Fetches what may be asked for soon; a failure is met by whoever asks then. */
  prefetch(key: string, fetch: () => Promise<Buffer>): void {
    if (this.entries.has(key)) return
    this.add(key, fetch()).catch(() => undefined)
  }

  private add(key: string, fetched: Promise<Buffer>): Promise<Buffer> {
    const entry: Entry = { bytes: fetched, size: 0 }
    this.entries.set(key, entry)
    fetched.then(
      (bytes) => this.fetched(key, entry, bytes.length),
      () => {
        if (this.entries.get(key) === entry) this.entries.delete(key)
      },
    )
    return fetched
  }

  private fetched(key: string, entry: Entry, size: number): void {
    if (this.entries.get(key) !== entry) return
    entry.size = size
    this.bytes += size
    for (const [oldest, { size: oldSize }] of this.entries) {
      if (this.bytes <= this.bytesMax) break
      // What is being fetched counts when it is here.
      if (oldSize === 0) continue
      this.entries.delete(oldest)
      this.bytes -= oldSize
    }
  }

  clear(): void {
    this.entries.clear()
    this.bytes = 0
  }
}
