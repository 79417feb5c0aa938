import type { Clock } from '@ottla/base'

/** Holds a worker back to so many bytes a second (`log.cleaner.io.max.bytes.per.second`). */
export class Throttle {
  private readonly clock: Clock
  private readonly bytesPerSecondMax: number
  private readonly startMs: number
  private bytes = 0

  constructor(clock: Clock, bytesPerSecondMax: number) {
    this.clock = clock
    this.bytesPerSecondMax = bytesPerSecondMax
    this.startMs = clock.monotonicMs()
  }

  /** Notes work that was done; resolves when the next may begin. */
  async took(bytes: number): Promise<void> {
    if (this.bytesPerSecondMax === Number.POSITIVE_INFINITY) return
    this.bytes += bytes
    const dueMs = this.startMs + (this.bytes / this.bytesPerSecondMax) * 1000
    const waitMs = dueMs - this.clock.monotonicMs()
    if (waitMs <= 0) return
    await new Promise<void>((resolve) => this.clock.setTimer(waitMs, resolve))
  }
}
