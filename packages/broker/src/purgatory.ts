/**
 * Where requests wait for something to happen in a partition. A wait ends when the high watermark
 * of one of the partitions moves, when its time is up, when the client has gone or the broker
 * stops; it leaves no listener and no timer behind.
 */
import type { Clock } from '@ottla/base'
import type { ServerConnection } from '@ottla/network'

/** Longest wait that is granted, whatever a client asks for. */
const WAIT_MS_MAX = 300_000

/** A partition, as far as it is waited for. */
export interface Watched {
  onHighWatermark(listener: () => void): () => void
}

export interface Wait {
  readonly waitMs: number
  readonly clock: Clock
  readonly connection: ServerConnection
  /** Aborted when the broker stops. */
  readonly stopping: AbortSignal
}

export function waitForNews(
  logs: readonly Watched[],
  { waitMs, clock, connection, stopping }: Wait,
): Promise<void> {
  return new Promise((resolve) => {
    let isDone = false
    const unsubscribe: (() => void)[] = []
    const wake = () => {
      if (isDone) return
      isDone = true
      timer.cancel()
      for (const stop of unsubscribe) stop()
      resolve()
    }
    const timer = clock.setTimer(Math.min(waitMs, WAIT_MS_MAX), wake)
    for (const log of logs) unsubscribe.push(log.onHighWatermark(wake))
    unsubscribe.push(connection.onceClosed(wake))
    stopping.addEventListener('abort', wake, { once: true })
    unsubscribe.push(() => stopping.removeEventListener('abort', wake))
  })
}
