/**
 * Bytes of the archive in memory: chunks of segments and whole indexes, at most so many, those used
 * longest ago given up first. Who asks for what is just being fetched shares the fetch.
 *
 * What is asked for is lent: it is held for its reader from the moment it is here, before anything
 * can be given up, until the reader releases it. Memory is used again when neither the cache nor a
 * reader holds it; whoever forgets to release makes garbage.
 */
import { assert } from '@ottla/base'

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
    assert(this.holders >= 0, 'what is lent is released once')
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
  /** Those that were read to their end since they were asked for, in this order. */
  private readonly passed = new Set<string>()
  private readonly bytesMax: number
  private readonly passedMax: number
  private bytes = 0

  /** `passedMax`: so many are kept of those that were read to their end. */
  constructor(bytesMax: number, passedMax = Number.POSITIVE_INFINITY) {
    this.bytesMax = bytesMax
    this.passedMax = passedMax
  }

  get size(): number {
    return this.bytes
  }

  has(key: string): boolean {
    return this.entries.has(key)
  }

  /** Whether it is here already, and not only on its way. */
  isHere(key: string): boolean {
    return this.entries.get(key)?.lent !== undefined
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
    this.passed.delete(key)
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
    for (const oldest of this.entries.keys()) {
      if (this.bytes <= this.bytesMax) break
      this.giveUp(oldest)
    }
  }

  /** Somebody has read it to its end, and will hardly ask for it again. */
  pass(key: string): void {
    this.passed.delete(key)
    if (this.isHere(key)) this.passed.add(key)
    for (const oldest of this.passed) {
      if (this.passed.size <= this.passedMax) break
      this.giveUp(oldest)
    }
  }

  private giveUp(key: string): void {
    const lent = this.entries.get(key)?.lent
    // What is being fetched counts when it is here.
    if (!lent) return
    this.entries.delete(key)
    this.passed.delete(key)
    this.bytes -= lent.bytes.length
    lent.release()
  }
}
