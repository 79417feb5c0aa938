/**
 * The newest offset of every key in the part of a log that is about to be cleaned, in bounded
 * memory: when it is full, the cleaning covers as much of the log as it knows, and the next pass
 * goes on from there.
 *
 *   slots   hash (0 = free) | place of the key in the arena | offset      open addressing
 *   arena   size of the key, its bytes | size, bytes | ...
 *
 * Keys are kept and compared whole. Apache Kafka keeps 16 bytes of MD5 instead, which is smaller
 * for long keys and slower for short ones; here no two keys can ever be taken for one. The hash is
 * seeded, so that nobody can choose keys that fall into one place.
 *
 * Must always hold: at least one slot is free, so that every search ends.
 *
 * HOT: every record of the uncleaned part is set once, every record of the log looked up once.
 */
const SLOT_BYTES = 16
const SIZE_BYTES = 4
const SLOTS_MIN = 1024
const ARENA_MIN = 64 * 1024

export interface KeyOffsetsOptions {
  /** Most bytes of memory: half for the slots, half for the keys. */
  readonly bytesMax: number
  /** Share of the slots that may be taken, below 1; 0.9 as `log.cleaner.io.buffer.load.factor`. */
  readonly loadFactor: number
  /** No more keys than this will come; fewer slots are then enough. */
  readonly keysMax: number
  readonly seed: number
}

export class KeyOffsets {
  /** Keys known. */
  count = 0
  private readonly countMax: number
  private readonly mask: number
  private readonly hashes: Int32Array
  private readonly places: Uint32Array
  private readonly offsets: Float64Array
  private arena: Buffer
  private arenaEnd = 0
  private readonly arenaMax: number
  private readonly seed: number

  constructor(options: KeyOffsetsOptions) {
    const half = options.bytesMax / 2
    const affordable = 2 ** Math.floor(Math.log2(Math.max(SLOTS_MIN, half / SLOT_BYTES)))
    const wanted = 2 ** Math.ceil(Math.log2(Math.max(SLOTS_MIN, options.keysMax * 1.5)))
    const slots = Math.min(affordable, wanted)
    this.mask = slots - 1
    this.countMax = Math.max(1, Math.min(slots - 1, Math.floor(slots * options.loadFactor)))
    this.hashes = new Int32Array(slots)
    this.places = new Uint32Array(slots)
    this.offsets = new Float64Array(slots)
    this.arenaMax = Math.max(ARENA_MIN, Math.min(half, 2 ** 32 - 1))
    this.arena = Buffer.allocUnsafeSlow(ARENA_MIN)
    this.seed = options.seed | 0
  }

  /** Bytes of memory held. */
  get bytes(): number {
    return this.hashes.length * SLOT_BYTES + this.arena.length
  }

  /** Notes the offset of the key in `bytes`; false, and nothing noted, when there is no room. */
  set(bytes: Uint8Array, at: number, size: number, offset: number): boolean {
    const hash = this.hashOf(bytes, at, size)
    const slot = this.find(hash, bytes, at, size)
    if (this.hashes[slot] === 0) {
      if (this.count >= this.countMax || !this.reserve(size)) return false
      this.hashes[slot] = hash
      this.places[slot] = this.arenaEnd
      this.arena.writeUInt32LE(size, this.arenaEnd)
      this.arena.set(bytes.subarray(at, at + size), this.arenaEnd + SIZE_BYTES)
      this.arenaEnd += SIZE_BYTES + size
      this.count++
    }
    this.offsets[slot] = offset
    return true
  }

  /** The newest offset of the key, or -1. */
  get(bytes: Uint8Array, at: number, size: number): number {
    const slot = this.find(this.hashOf(bytes, at, size), bytes, at, size)
    return this.hashes[slot] === 0 ? -1 : (this.offsets[slot] as number)
  }

  /** The slot that has the key, or the free one where it belongs. */
  private find(hash: number, bytes: Uint8Array, at: number, size: number): number {
    let slot = hash & this.mask
    for (;;) {
      const found = this.hashes[slot]
      if (found === 0) return slot
      if (found === hash && this.isKey(slot, bytes, at, size)) return slot
      slot = (slot + 1) & this.mask
    }
  }

  private isKey(slot: number, bytes: Uint8Array, at: number, size: number): boolean {
    const { arena } = this
    const place = this.places[slot] as number
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
