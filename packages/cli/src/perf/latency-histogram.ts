/**
 * Latencies in buckets that grow with the value: 32 to each doubling, so a percentile is exact to
 * about 3 % however many are recorded, in a fixed few kilobytes.
 */
const BUCKETS_PER_DOUBLING = 32
const DOUBLINGS = 40
/** Below a microsecond everything is one bucket. */
const SMALLEST_MS = 0.001

export class LatencyHistogram {
  private readonly counts = new Uint32Array(BUCKETS_PER_DOUBLING * DOUBLINGS)
  private total = 0
  private sumMs = 0
  private maxMs = 0

  record(ms: number): void {
    const position = Math.log2(Math.max(ms, SMALLEST_MS) / SMALLEST_MS) * BUCKETS_PER_DOUBLING
    const bucket = Math.min(this.counts.length - 1, Math.ceil(position))
    this.counts[bucket] = (this.counts[bucket] as number) + 1
    this.total++
    this.sumMs += ms
    if (ms > this.maxMs) this.maxMs = ms
  }

  get count(): number {
    return this.total
  }

  /** Upper bound of the bucket that holds the percentile, at most the largest value seen. */
  percentile(percent: number): number {
    const rank = Math.max(1, Math.ceil((percent / 100) * this.total))
    let seen = 0
    for (let bucket = 0; bucket < this.counts.length; bucket++) {
      seen += this.counts[bucket] as number
      if (seen < rank) continue
      return Math.min(this.maxMs, SMALLEST_MS * 2 ** (bucket / BUCKETS_PER_DOUBLING))
    }
    return this.maxMs
  }

  summary(): LatencySummary {
    const round = (ms: number) => Math.round(ms * 1_000) / 1_000
    return {
      meanMs: round(this.total === 0 ? 0 : this.sumMs / this.total),
      p50Ms: round(this.percentile(50)),
      p95Ms: round(this.percentile(95)),
      p99Ms: round(this.percentile(99)),
      p999Ms: round(this.percentile(99.9)),
      maxMs: round(this.maxMs),
    }
  }
}

export interface LatencySummary {
  readonly meanMs: number
  readonly p50Ms: number
  readonly p95Ms: number
  readonly p99Ms: number
  readonly p999Ms: number
  readonly maxMs: number
}
