/** Connections over streams that somebody else has opened: through a proxy, a tunnel, a pipe. */
import type { Duplex } from 'node:stream'
import { AbortError, type Clock, messageOf } from '@ottla/base'
import type { FrameReceiver } from '../frame.ts'
import { ConnectionError } from './connection-errors.ts'

/**
 * Opens a stream that is connected to a broker. `signal` fires when it is not wanted any more; what
 * is opened later is destroyed.
 */
export type OpenSocket = (
  broker: { readonly host: string; readonly port: number },
  signal: AbortSignal,
) => Promise<Duplex> | Duplex

export interface OpeningParts {
  readonly host: string
  readonly port: number
  readonly clock: Clock
  readonly connectTimeoutMs: number
}

/** The stream, or a ConnectionError when it does not come in time or cannot be opened. */
export function openedInTime(
  openSocket: OpenSocket,
  { host, port, clock, connectTimeoutMs }: OpeningParts,
  signal: AbortSignal | undefined,
): Promise<Duplex> {
  const broker = `${host}:${port}`
  return new Promise((resolve, reject) => {
    const abort = new AbortController()
    let isOver = false
    const end = (error: Error) => {
      if (isOver) return
      isOver = true
      settled()
      abort.abort(error)
      reject(error)
    }
    const onAbort = () => end(new AbortError(signal?.reason))
    const timer = clock.setTimer(connectTimeoutMs, () =>
      end(new ConnectionError(broker, `its socket was not opened in ${connectTimeoutMs} ms`)),
    )
    const settled = () => {
      timer.cancel()
      signal?.removeEventListener('abort', onAbort)
    }
    const opened = (stream: Duplex) => {
      if (isOver) {
        stream.destroy()
        return
      }
      isOver = true
      settled()
      // Until the connection listens; it sees the end of the stream all the same.
      stream.once('error', () => undefined)
      resolve(stream)
    }
    if (signal?.aborted) return onAbort()
    signal?.addEventListener('abort', onAbort, { once: true })
    const opening = async () => openSocket({ host, port }, abort.signal)
    opening().then(opened, (error: unknown) =>
      end(new ConnectionError(broker, `its socket cannot be opened: ${messageOf(error)}`, error)),
    )
  })
}

/** Copies what the stream brings to where the receiver wants it. */
export function feed(
  receiver: FrameReceiver,
  stream: Duplex,
  onError: (error: Error) => void,
): void {
  stream.on('data', (chunk: Buffer) => {
    try {
      let rest = chunk
      while (rest.length > 0) {
        const count = rest.copy(receiver.target())
        rest = rest.subarray(count)
        receiver.received(count)
      }
    } catch (error) {
      onError(error instanceof Error ? error : new Error(String(error)))
    }
  })
}
