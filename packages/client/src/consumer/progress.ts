/** How the loop of a consumer sleeps until there is something to look at. */
import type { Clock } from '@ottla/base'

export class Progress {
  private readonly clock: Clock
  private waiting: (() => void) | undefined
  private hasNews = false

  constructor(clock: Clock) {
    this.clock = clock
  }

  /** The loop looks at everything now: only what comes after this is news. */
  begin(): void {
    this.hasNews = false
  }

  note(): void {
    this.hasNews = true
    this.waiting?.()
  }

  /** Resolves with the next news, when the time is up, or when the signal fires. */
  wait(waitMs: number, signal: AbortSignal | undefined): Promise<void> {
    if (this.hasNews || signal?.aborted) return Promise.resolve()
    return new Promise((resolve) => {
      const finish = () => {
        timer.cancel()
        signal?.removeEventListener('abort', finish)
        this.waiting = undefined
        resolve()
      }
      const timer = this.clock.setTimer(waitMs, finish)
      signal?.addEventListener('abort', finish, { once: true })
      this.waiting = finish
    })
  }
}
