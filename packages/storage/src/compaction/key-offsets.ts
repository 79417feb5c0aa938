/**
 * The newest offset of every key in the part of a log that is about to be cleaned, in bounded
 * memory: when it is full, the cleaning covers as much of the log as it knows, and the next pass
 * goes on from there.
 *
 *   slots   hash (0 = free) | place of the key in the arena | offset, low and high half
 *   arena   size of the key, its bytes | size, bytes | ...
 *
 * Slots are searched one after the other from where the hash points, and lie in one array, so that
 * a search touches one line of the processor's cache there and one in the arena. Both grow by
 * doubling.
 *
 * Keys are kept and compared whole. Apache Kafka keeps 16 bytes of MD5 instead, which is smaller
 * for long keys and slower for short ones; here no two keys can ever be taken for one. The hash is
 * seeded, so that nobody can choose keys that fall into one place.
 *
 * Must always hold: at least one slot is free, so that every search ends.
 *
 * HOT: guarded by bench/micro/storage-compaction.bench.ts; every record of the uncleaned part is
 * set once, every record of the log looked up once.
 */
const WORDS = 4
const SLOT_BYTES = 4 * WORDS
const SIZE_BYTES = 4
const SLOTS_MIN = 1024
const TWO_32 = 2 ** 32
const ARENA_MIN = 64 * 1024

export interface KeyOffsetsOptions {
  /**
   * Most bytes of memory, half for the slots and half for the keys; while one of them grows, half
   * as much again for a moment.
   */
  readonly bytesMax: number
  /** Share of the slots that may be taken, below 1; 0.9 as `log.cleaner.io.buffer.load.factor`. */
  readonly loadFactor: number
  readonly seed: number
}

export class KeyOffsets {
  /** Keys known. */
  count = 0
  private countMax = 0
  private mask = 0
  private slots = new Int32Array(0)
  private readonly slotsMax: number
  private readonly loadFactor: number
  private arena: Buffer
  private arenaEnd = 0
  private readonly arenaMax: number
  private readonly seed: number

  constructor(options: KeyOffsetsOptions) {
    const half = options.bytesMax / 2
    this.slotsMax = 2 ** Math.floor(Math.log2(Math.max(SLOTS_MIN, half / SLOT_BYTES)))
    this.loadFactor = options.loadFactor
    this.arenaMax = Math.max(ARENA_MIN, Math.min(half, TWO_32 - 1))
    this.arena = Buffer.allocUnsafeSlow(ARENA_MIN)
    this.seed = options.seed | 0
    this.resize(SLOTS_MIN)
  }

  /** Bytes of memory held. */
  get bytes(): number {
    return this.slots.byteLength + this.arena.length
  }

  /** Notes the offset of the key in `bytes`; false, and nothing noted, when there is no room. */
  set(bytes: Uint8Array, at: number, size: number, offset: number): boolean {
    const hash = this.hashOf(bytes, at, size)
    let slot = this.find(hash, bytes, at, size)
    if (this.slots[slot] === 0) {
      if (!this.reserve(size)) return false
      if (this.count >= this.countMax) {
        if (this.mask + 1 >= this.slotsMax) return false
        this.resize((this.mask + 1) * 2)
        slot = this.find(hash, bytes, at, size)
      }
      this.slots[slot] = hash
      this.slots[slot + 1] = this.arenaEnd
      this.arena.writeUInt32LE(size, this.arenaEnd)
      this.arena.set(bytes.subarray(at, at + size), this.arenaEnd + SIZE_BYTES)
      this.arenaEnd += SIZE_BYTES + size
      this.count++
    }
    this.slots[slot + 2] = (offset % TWO_32) | 0
    this.slots[slot + 3] = Math.floor(offset / TWO_32)
    return true
  }

  /** The newest offset of the key, or -1. */
  get(bytes: Uint8Array, at: number, size: number): number {
    const { slots } = this
    const slot = this.find(this.hashOf(bytes, at, size), bytes, at, size)
    if (slots[slot] === 0) return -1
    return (slots[slot + 3] as number) * TWO_32 + ((slots[slot + 2] as number) >>> 0)
  }

  /** First word of the slot that has the key, or of the free one where it belongs. */
  private find(hash: number, bytes: Uint8Array, at: number, size: number): number {
    const { slots, mask } = this
    let slot = hash & mask
    for (;;) {
      const found = slots[slot * WORDS]
      if (found === 0) return slot * WORDS
      if (found === hash && this.isKey(slot * WORDS, bytes, at, size)) return slot * WORDS
      slot = (slot + 1) & mask
    }
  }

  /** So many slots, a power of two; what was known moves to its new places. */
  private resize(count: number): void {
    const old = this.slots
    this.slots = new Int32Array(count * WORDS)
    this.mask = count - 1
    this.countMax = Math.max(1, Math.min(count - 1, Math.floor(count * this.loadFactor)))
    for (let at = 0; at < old.length; at += WORDS) {
      if (old[at] === 0) continue
      let slot = (old[at] as number) & this.mask
      while (this.slots[slot * WORDS] !== 0) slot = (slot + 1) & this.mask
      this.slots.set(old.subarray(at, at + WORDS), slot * WORDS)
    }
  }

  private isKey(slot: number, bytes: Uint8Array, at: number, size: number): boolean {
    const { arena } = this
    const place = (this.slots[slot + 1] as number) >>> 0
    if (arena.readUInt32LE(place) !== size) return false
    const key = place + SIZE_BYTES
    for (let i = 0; i < size; i++) if (arena[key + i] !== bytes[at + i]) return false
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
    hash ^= hash >>> 16
    // 0 says that the slot is free.
    return hash === 0 ? 1 : hash
  }

  private reserve(size: number): boolean {
    const need = this.arenaEnd + SIZE_BYTES + size
    if (need <= this.arena.length) return true
    if (need > this.arenaMax) return false
    const larger = Buffer.allocUnsafeSlow(
      Math.min(this.arenaMax, Math.max(need, this.arena.length * 2)),
    )
    this.arena.copy(larger, 0, 0, this.arenaEnd)
    this.arena = larger
    return true
  }
}
