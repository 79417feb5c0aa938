/**
 * Time, passed in. Nothing outside this file reads the machine's clock or sets a timer, so that a
 * test can run a broker in virtual time.
 */
export interface Clock {
  /** Wall clock, milliseconds since 1970. May jump; use it for timestamps only. */
  now(): number
  /** Monotonic milliseconds from an arbitrary start. Use it for timeouts and durations. */
  monotonicMs(): number
  /** Calls back once after at least `delayMs`. Delays beyond 2^31-1 ms are waited for in steps. */
  setTimer(delayMs: number, callback: () => void): Timer
}

export interface Timer {
  cancel(): void
}

/** setTimeout fires at once for larger delays, so longer ones are cut into steps. */
const TIMER_STEP_MS_MAX = 2 ** 31 - 1

class RealTimer implements Timer {
  private handle: NodeJS.Timeout | undefined
  private readonly callback: () => void
  private remainingMs: number

  constructor(delayMs: number, callback: () => void) {
    this.callback = callback
    this.remainingMs = Math.max(0, delayMs)
    this.arm()
  }

  private arm(): void {
    const stepMs = Math.min(this.remainingMs, TIMER_STEP_MS_MAX)
    this.remainingMs -= stepMs
    this.handle = setTimeout(() => {
      if (this.remainingMs > 0) this.arm()
      else this.callback()
    }, stepMs)
  }

  cancel(): void {
    clearTimeout(this.handle)
  }
}

export const realClock: Clock = {
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  setTimer: (delayMs, callback) => new RealTimer(delayMs, callback),
}

/** Resolves after `delayMs` on the given clock; rejects with the signal's reason when aborted. */
export function delay(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason)
      return
    }
    const onAbort = () => {
      timer.cancel()
      reject(signal?.reason)
    }
    const timer = clock.setTimer(delayMs, () => {
      signal?.removeEventListener('abort', onAbort)
      resolve()
    })
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}

/** A clock that stands still until `advance` is called; timers run in order of their due time. */
export class VirtualClock implements Clock {
  private current: number
  private readonly start: number
  private nextId = 0
  private readonly timers = new Map<number, { dueMs: number; callback: () => void }>()

  constructor(startMs = 1_700_000_000_000) {
    this.current = startMs
    this.start = startMs
  }

  now(): number {
    return this.current
  }

  monotonicMs(): number {
    return this.current - this.start
  }

  setTimer(delayMs: number, callback: () => void): Timer {
    const id = this.nextId++
    this.timers.set(id, { dueMs: this.current + Math.max(0, delayMs), callback })
    return { cancel: () => void this.timers.delete(id) }
  }

  /** Moves time forward and runs every timer that falls due on the way. */
  advance(byMs: number): void {
    const endMs = this.current + byMs
    for (;;) {
      let next: [number, { dueMs: number; callback: () => void }] | undefined
      for (const entry of this.timers) {
        if (entry[1].dueMs <= endMs && (!next || entry[1].dueMs < next[1].dueMs)) next = entry
      }
      if (!next) break
      this.timers.delete(next[0])
      this.current = Math.max(this.current, next[1].dueMs)
      next[1].callback()
    }
    this.current = endMs
  }
}
