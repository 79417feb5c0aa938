/**
 * The newest offset of every key in the part of a log that is about to be cleaned, in bounded
 * memory: when it is full, the cleaning covers as much of the log as it knows, and the next pass
 * goes on from there.
 *
 *   slots   hash (0 = free) | place of the key in the arena | offset less the first one
 *   arena   size of the key, its bytes | size, bytes | ...
 *
 * A key is searched from the slot at its hash's share of the table, one slot after the other, so
 * that a search touches one line of the processor's cache there and one in the arena. Both grow by
 * doubling, at the end to their share of the memory: with keys as long as so far, both are full
 * together.
 *
 * Keys are kept and compared whole. Apache Kafka keeps 16 bytes of MD5 instead, which is smaller
 * for keys of more than about 12 bytes and slower; here no two keys can ever be taken for one. The
 * hash is seeded, so that nobody can choose keys that fall into one place.
 *
 * Must always hold: at least one slot is free, so that every search ends.
 *
 * HOT: guarded by bench/micro/storage-compaction.bench.ts; every record of the uncleaned part is
 * set once, every record of the cleaned part looked up once.
 */
const WORDS = 3
const SLOT_BYTES = 4 * WORDS
const SLOTS_MIN = 1024
const TWO_32 = 2 ** 32
const ARENA_MIN = 64 * 1024
/** Sizes below take one byte; this one says that four more follow. */
const LONG_SIZE = 0xff
/** A table or an arena that would grow by less is as large as it gets. */
const GROWTH_MIN = 1.05
/** Up to here a loop copies quicker than a call. */
const SHORT_KEY = 32

export interface KeyOffsetsOptions {
  /** Most bytes of memory; while slots or keys grow, those of before come on top for a moment. */
  readonly bytesMax: number
  /** Share of the slots that may be taken, below 1; 0.9 as `log.cleaner.io.buffer.load.factor`. */
  readonly loadFactor: number
  readonly seed: number
}

export class KeyOffsets {
  /** Keys known. */
  count = 0
  private countMax = 0
  private slotCount = 0
  private slots = new Uint32Array(0)
  private readonly bytesMax: number
  private readonly loadFactor: number
  private arena: Buffer
  private arenaEnd = 0
  private readonly seed: number
  private firstOffset = -1

  constructor(options: KeyOffsetsOptions) {
    this.bytesMax = Math.max(options.bytesMax, ARENA_MIN + SLOTS_MIN * SLOT_BYTES)
    this.loadFactor = options.loadFactor
    this.arena = Buffer.allocUnsafeSlow(ARENA_MIN)
    this.seed = options.seed | 0
    this.resize(SLOTS_MIN)
  }

  /** Bytes of memory held. */
  get bytes(): number {
    return this.slots.byteLength + this.arena.length
  }

  /**
   * Notes the offset of the key in `bytes`; false, and nothing noted, when there is no room.
   * Offsets only grow.
   */
  set(bytes: Uint8Array, at: number, size: number, offset: number): boolean {
    if (this.firstOffset < 0) this.firstOffset = offset
    const distance = offset - this.firstOffset
    if (distance >= TWO_32) return false
    const hash = this.hashOf(bytes, at, size)
    let word = this.find(hash, bytes, at, size)
    if (this.slots[word] === 0) {
      if (!this.reserve(size)) return false
      if (this.count >= this.countMax) {
        if (!this.grow()) return false
        word = this.find(hash, bytes, at, size)
      }
      this.slots[word] = hash
      this.slots[word + 1] = this.arenaEnd
      this.keep(bytes, at, size)
      this.count++
    }
    this.slots[word + 2] = distance
    return true
  }

  /** The newest offset of the key, or -1. */
  get(bytes: Uint8Array, at: number, size: number): number {
    const word = this.find(this.hashOf(bytes, at, size), bytes, at, size)
    if (this.slots[word] === 0) return -1
    return this.firstOffset + (this.slots[word + 2] as number)
  }

  /** The newest offset of every key, in no order. */
  forEachOffset(visit: (offset: number) => void): void {
    const { slots, firstOffset } = this
    for (let word = 0; word < slots.length; word += WORDS) {
      if (slots[word] !== 0) visit(firstOffset + (slots[word + 2] as number))
    }
  }

  /** First word of the slot that has the key, or of the free one where it belongs. */
  private find(hash: number, bytes: Uint8Array, at: number, size: number): number {
    const { slots } = this
    const end = slots.length
    let word = this.home(hash)
    for (;;) {
      const found = slots[word]
      if (found === 0) return word
      if (found === hash && this.isKey(word, bytes, at, size)) return word
      word += WORDS
      if (word === end) word = 0
    }
  }

  /** Word where a search begins. */
  private home(hash: number): number {
    return Math.floor((hash * this.slotCount) / TWO_32) * WORDS
  }

  /** More slots; false when the memory has no room for enough of them. */
  private grow(): boolean {
    const { bytesMax, arena } = this
    const room = Math.min(bytesMax * (1 - this.arenaShare()), bytesMax - arena.length)
    const count = Math.min(this.slotCount * 2, Math.floor(room / SLOT_BYTES))
    if (count < this.slotCount * GROWTH_MIN) return false
    this.resize(count)
    return true
  }

  /** So many slots; what was known moves to its new places. */
  private resize(count: number): void {
    const old = this.slots
    const slots = new Uint32Array(count * WORDS)
    this.slots = slots
    this.slotCount = count
    this.countMax = Math.max(1, Math.min(count - 1, Math.floor(count * this.loadFactor)))
    for (let at = 0; at < old.length; at += WORDS) {
      const hash = old[at] as number
      if (hash === 0) continue
      let word = this.home(hash)
      while (slots[word] !== 0) {
        word += WORDS
        if (word === slots.length) word = 0
      }
      slots[word] = hash
      slots[word + 1] = old[at + 1] as number
      slots[word + 2] = old[at + 2] as number
    }
  }

  private isKey(word: number, bytes: Uint8Array, at: number, size: number): boolean {
    const { arena } = this
    let place = this.slots[word + 1] as number
    const first = arena[place++] as number
    if (first !== LONG_SIZE) {
      if (first !== size) return false
    } else {
      if (arena.readUInt32LE(place) !== size) return false
      place += 4
    }
    for (let i = 0; i < size; i++) if (arena[place + i] !== bytes[at + i]) return false
    return true
  }

  private hashOf(bytes: Uint8Array, at: number, size: number): number {
    let hash = this.seed ^ size
    for (let i = at; i < at + size; i++) {
      hash = Math.imul(hash ^ (bytes[i] as number), 0x0100_0193)
      hash = (hash << 13) | (hash >>> 19)
    }
    hash = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b)
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35)
    hash = (hash ^ (hash >>> 16)) >>> 0
    // 0 says that the slot is free.
    return hash === 0 ? 1 : hash
  }

  /** Room in the arena for a key; false when the memory has none. */
  private reserve(size: number): boolean {
    const need = this.arenaEnd + (size < LONG_SIZE ? 1 : 5) + size
    if (need <= this.arena.length) return true
    const { bytesMax } = this
    const share = Math.max(need, Math.floor(bytesMax * this.arenaShare()))
    const room = Math.min(share, bytesMax - this.slots.byteLength, TWO_32 - 1)
    const length = Math.min(room, Math.max(need, this.arena.length * 2))
    if (length < need || length < this.arena.length * GROWTH_MIN) return false
    const larger = Buffer.allocUnsafeSlow(length)
    this.arena.copy(larger, 0, 0, this.arenaEnd)
    this.arena = larger
    return true
  }

  /** Part of the memory that the arena needs for keys like those known. */
  private arenaShare(): number {
    if (this.count === 0) return 0.5
    const keyBytes = this.arenaEnd / this.count
    return keyBytes / (keyBytes + SLOT_BYTES / this.loadFactor)
  }

  /** At the end of the arena, where `reserve` has made room. */
  private keep(bytes: Uint8Array, at: number, size: number): void {
    const { arena } = this
    let place = this.arenaEnd
    if (size < LONG_SIZE) arena[place++] = size
    else {
      arena[place] = LONG_SIZE
      place = arena.writeUInt32LE(size, place + 1)
    }
    if (size > SHORT_KEY) arena.set(bytes.subarray(at, at + size), place)
    else for (let i = 0; i < size; i++) arena[place + i] = bytes[at + i] as number
    this.arenaEnd = place + size
  }
}
