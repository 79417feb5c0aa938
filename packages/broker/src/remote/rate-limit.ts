import { type Clock, delay } from '@ottla/base'

/**
 * Bytes a second that may be copied to or fetched from the archive, on average over a window
 * (`remote.log.manager.*.max.bytes.per.second` and their quota windows).
 */
export class RateLimit {
  private readonly clock: Clock
  private readonly bytesPerSecondMax: () => number
  private readonly windowSeconds: number
  /** What may be used now; below zero something is owed. Starts full. */
  private tokens = Number.POSITIVE_INFINITY
  private filledMs: number

  constructor(clock: Clock, bytesPerSecondMax: () => number, windowSeconds: number) {
    this.clock = clock
    this.bytesPerSecondMax = bytesPerSecondMax
    this.windowSeconds = windowSeconds
    this.filledMs = clock.monotonicMs()
  }

  /** Resolves when `bytes` may be moved; what is too large for the window is owed afterwards. */
  async take(bytes: number, signal?: AbortSignal): Promise<void> {
    for (;;) {
      const rate = this.bytesPerSecondMax()
      if (rate >= Number.MAX_SAFE_INTEGER) return
      const now = this.clock.monotonicMs()
      const earned = ((now - this.filledMs) / 1000) * rate
      this.tokens = Math.min(this.tokens + earned, rate * this.windowSeconds)
      this.filledMs = now
      if (this.tokens > 0) {
        this.tokens -= bytes
        return
      }
      await delay(this.clock, Math.max(1, (-this.tokens / rate) * 1000), signal)
    }
  }
}
