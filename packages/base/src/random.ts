/** Randomness, passed in: real in a broker, seeded in a test so that one number repeats a run. */
export interface Random {
  /** An integer in [0, bound). */
  integer(bound: number): number
  /** `size` random bytes. */
  bytes(size: number): Uint8Array
}

export const realRandom: Random = {
  integer: (bound) => Math.floor(Math.random() * bound),
  bytes: (size) => globalThis.crypto.getRandomValues(new Uint8Array(size)),
}

/** Mulberry32: small, fast, good enough to explore schedules; not for secrets. */
export class SeededRandom implements Random {
  private state: number

  constructor(seed: number) {
    this.state = seed >>> 0
  }

  /** A float in [0, 1). */
  float(): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0
    let t = this.state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }

  integer(bound: number): number {
    return Math.floor(this.float() * bound)
  }

  bytes(size: number): Uint8Array {
    const out = new Uint8Array(size)
    for (let i = 0; i < size; i++) out[i] = this.integer(256)
    return out
  }

  /** True with the given probability. */
  chance(probability: number): boolean {
    return this.float() < probability
  }

  pick<T>(items: readonly T[]): T {
    return items[this.integer(items.length)] as T
  }
}
