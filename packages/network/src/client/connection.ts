/**
 * One connection to a broker, from the client's side.
 *
 * Kafka answers the requests of a connection in the order in which they were sent, so waiting
 * requests are a queue, not a map: the next response belongs to the head of the queue, and a
 * correlation id that differs from the head's means that the stream can no longer be trusted.
 *
 *   connecting --> open --> closed
 *        \____________________/
 *
 * Must always hold:
 * - every request settles exactly once: with its response, or with the error that closed the
 *   connection;
 * - a request that times out closes the connection. Its response may still come, and waiting for it
 *   would keep everything behind it waiting too (Kafka's own client does the same);
 * - one timer per connection watches the head of the queue, since the head is always the oldest.
 *   Requests with a shorter timeout than the one in front of them are watched by that head's timer
 *   at the latest moment any of them is due;
 * - while somebody has the connection exclusively, to authenticate, all others wait their turn.
 */
import { createConnection, type TcpNetConnectOpts } from 'node:net'
import type { Duplex } from 'node:stream'
import { type ConnectionOptions as TlsOptions, connect as tlsConnect } from 'node:tls'
import { AbortError, type BufferPool, type ClientLogger, type Clock, type Timer } from '@ottla/base'
import {
  type Api,
  correlationIdOf,
  decodeResponse,
  encodeRequest,
  type Fields,
  type FieldsInput,
  type FieldsValue,
} from '@ottla/protocol'
import { FRAME_BYTES_MAX_DEFAULT, FrameReceiver } from '../frame.ts'
import { ConnectionError, RequestTimeoutError } from './connection-errors.ts'
import { feed, type OpenSocket, openedInTime } from './own-socket.ts'

export interface ClientConnectionOptions {
  readonly host: string
  readonly port: number
  readonly clientId: string
  readonly clock: Clock
  readonly logger: ClientLogger
  /** Options of node:tls; undefined for a plain connection. */
  readonly tls?: TlsOptions | undefined
  readonly connectTimeoutMs: number
  /** Opens what the connection runs over, in place of a TCP socket of its own. */
  readonly openSocket?: OpenSocket | undefined
  readonly frameBytesMax?: number
  /** Where responses lie; whoever has read one may give it back with `giveFrame`. */
  readonly frames?: BufferPool | undefined
  /** Called once when an established connection has ended, for whatever reason. */
  readonly onClose?: (error: Error) => void
  /** Called with each answer: the name of the API, and the milliseconds since its request. */
  readonly onAnswer?: (api: string, latencyMs: number) => void
  /** Called with every request that was answered or given up. */
  readonly onRequest?: ((report: RequestReport) => void) | undefined
}

/** One request as whoever watches a client's traffic sees it. */
export interface RequestReport {
  /** `host:port` of the broker. */
  readonly broker: string
  readonly clientId: string
  readonly apiKey: number
  readonly apiName: string
  readonly apiVersion: number
  readonly correlationId: number
  /** Wall clock, milliseconds since 1970. */
  readonly sentAtMs: number
  readonly durationMs: number
  /** Bytes of the response; 0 when none came or none was expected. */
  readonly responseBytes: number
  /** Requests of the connection that still wait for their response. */
  readonly inFlight: number
  readonly hasTimedOut: boolean
}

export interface RequestOptions {
  readonly timeoutMs: number
  /** acks=0: the broker sends no response, the request settles once it is written. */
  readonly isResponseExpected?: boolean
}

/** Sends a request and resolves with the decoded response. */
export type Exchange = <Q extends Fields, S extends Fields>(
  api: Api<Q, S>,
  version: number,
  body: FieldsInput<Q>,
  options: RequestOptions,
) => Promise<FieldsValue<S>>

interface WaitingRequest {
  readonly correlationId: number
  readonly apiKey: number
  readonly apiVersion: number
  readonly sentAtMs: number
  readonly api: string
  readonly timeoutMs: number
  readonly dueMs: number
  readonly settle: (frame: Buffer | undefined, error: Error | undefined) => void
}

export class ClientConnection {
  readonly broker: string
  private readonly socket: Duplex
  private readonly options: ClientConnectionOptions
  private readonly waiting: WaitingRequest[] = []
  private waitingHead = 0
  private nextCorrelationId = 0
  private timer: Timer | undefined
  private closedWith: Error | undefined
  private readonly closeListeners: (() => void)[] = []
  /** Requests that wait until nobody has the connection exclusively. */
  private held: (() => void)[] | undefined
  /** Monotonic time of the last request or response, for closing what nobody uses. */
  lastUsedMs: number

  private constructor(
    options: ClientConnectionOptions,
    open: (socketOptions: TcpNetConnectOpts) => Duplex,
    isOwn: boolean,
  ) {
    this.options = options
    this.broker = `${options.host}:${options.port}`
    this.lastUsedMs = options.clock.monotonicMs()
    const receiver = new FrameReceiver(
      (frame) => this.handleFrame(frame),
      options.frameBytesMax ?? FRAME_BYTES_MAX_DEFAULT,
      options.frames,
    )
    this.socket = open({
      host: options.host,
      port: options.port,
      noDelay: true,
      keepAlive: true,
      onread: {
        buffer: () => receiver.target(),
        callback: (count: number) => {
          try {
            receiver.received(count)
          } catch (error) {
            this.close(error instanceof Error ? error : new Error(String(error)))
          }
          return !this.isClosed
        },
      },
    })
    if (isOwn) feed(receiver, this.socket, (error) => this.close(error))
    this.socket.on('error', (error) =>
      this.close(new ConnectionError(this.broker, error.message, error)),
    )
    this.socket.on('close', () =>
      this.close(new ConnectionError(this.broker, 'closed by the broker')),
    )
    this.socket.on('end', () =>
      this.close(new ConnectionError(this.broker, 'closed by the broker')),
    )
  }

  /** Connects; with TLS the handshake is part of it. */
  static async connect(
    options: ClientConnectionOptions,
    signal?: AbortSignal,
  ): Promise<ClientConnection> {
    const { openSocket } = options
    const own = openSocket && (await openedInTime(openSocket, options, signal))
    return ClientConnection.connectOver(own, options, signal)
  }

  private static connectOver(
    own: Duplex | undefined,
    options: ClientConnectionOptions,
    signal: AbortSignal | undefined,
  ): Promise<ClientConnection> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        own?.destroy()
        reject(new AbortError(signal.reason))
        return
      }
      const { tls } = options
      let isOpen = false
      const connection = new ClientConnection(
        {
          ...options,
          onClose: (error) => {
            finish()
            if (isOpen) options.onClose?.(error)
            else reject(error)
          },
        },
        (socketOptions) => {
          const servername = serverNameOf(options.host)
          if (own) return tls ? tlsConnect({ servername, ...tls, socket: own }) : own
          return tls
            ? tlsConnect({ servername, ...socketOptions, ...tls })
            : createConnection(socketOptions)
        },
        own !== undefined,
      )
      const timer = options.clock.setTimer(options.connectTimeoutMs, () =>
        connection.close(
          new ConnectionError(connection.broker, `no answer in ${options.connectTimeoutMs} ms`),
        ),
      )
      const onAbort = () => connection.close(new AbortError(signal?.reason))
      const finish = () => {
        timer.cancel()
        signal?.removeEventListener('abort', onAbort)
      }
      signal?.addEventListener('abort', onAbort, { once: true })
      const onOpen = () => {
        finish()
        isOpen = true
        resolve(connection)
      }
      if (own && !tls) onOpen()
      else connection.socket.once(tls ? 'secureConnect' : 'connect', onOpen)
    })
  }

  /** Calls back once the connection is closed. */
  onClosed(listener: () => void): void {
    if (this.closedWith) listener()
    else this.closeListeners.push(listener)
  }

  get address(): { readonly host: string; readonly port: number } {
    const { host, port } = this.options
    return { host, port }
  }

  get isClosed(): boolean {
    return this.closedWith !== undefined
  }

  /** Requests whose response has not come yet. */
  get inFlight(): number {
    return this.waiting.length - this.waitingHead
  }

  /** Bytes that the operating system has not taken yet. */
  get unsentBytes(): number {
    return this.socket.writableLength
  }

  /** Sends a request in the given version and resolves with the decoded response. */
  async request<Q extends Fields, S extends Fields>(
    api: Api<Q, S>,
    version: number,
    body: FieldsInput<Q>,
    options: RequestOptions,
  ): Promise<FieldsValue<S>> {
    const frame = await this.exchange(api, version, body, options)
    return decodeResponse(api, version, frame as Buffer)
  }

  /** As `request`, but leaves the response as bytes; undefined when none is expected. */
  exchange<Q extends Fields, S extends Fields>(
    api: Api<Q, S>,
    version: number,
    body: FieldsInput<Q>,
    options: RequestOptions,
  ): Promise<Buffer | undefined> {
    const { held } = this
    if (!held) return this.exchangeNow(api, version, body, options)
    return new Promise((resolve, reject) => {
      held.push(() => {
        this.exchangeNow(api, version, body, options).then(resolve, reject)
      })
    })
  }

  /**
   * Gives the connection to `work` alone: what others send meanwhile goes out when it has ended.
   * What was sent before is answered before.
   */
  async exclusively<T>(work: (exchange: Exchange) => Promise<T>): Promise<T> {
    this.held ??= []
    try {
      return await work(async (api, version, body, options) => {
        const frame = await this.exchangeNow(api, version, body, options)
        return decodeResponse(api, version, frame as Buffer)
      })
    } catch (error) {
      this.close(error as Error)
      throw error
    } finally {
      this.release()
    }
  }

  private release(): void {
    const held = this.held ?? []
    this.held = undefined
    for (const send of held) send()
  }

  private exchangeNow<Q extends Fields, S extends Fields>(
    api: Api<Q, S>,
    version: number,
    body: FieldsInput<Q>,
    options: RequestOptions,
  ): Promise<Buffer | undefined> {
    return new Promise((resolve, reject) => {
      if (this.closedWith) {
        reject(this.closedWith)
        return
      }
      const correlationId = this.nextCorrelationId
      this.nextCorrelationId = (correlationId + 1) & 0x7fffffff
      const header = { correlationId, clientId: this.options.clientId }
      const chunks = encodeRequest(api, version, header, body)
      const nowMs = this.options.clock.monotonicMs()
      this.lastUsedMs = nowMs
      const { onRequest } = this.options
      const about = {
        correlationId,
        apiKey: api.key,
        apiVersion: version,
        sentAtMs: onRequest ? this.options.clock.now() : 0,
      }
      if (options.isResponseExpected === false) {
        this.write(chunks)
        if (onRequest) this.report({ ...about, api: api.name }, nowMs, 0)
        resolve(undefined)
        return
      }
      this.waiting.push({
        ...about,
        api: api.name,
        timeoutMs: options.timeoutMs,
        dueMs: nowMs + options.timeoutMs,
        settle: (frame, error) => {
          if (onRequest) {
            const hasTimedOut = error instanceof RequestTimeoutError
            this.report({ ...about, api: api.name, hasTimedOut }, nowMs, frame?.length ?? 0)
          }
          if (error) reject(error)
          else resolve(frame)
        },
      })
      if (this.inFlight === 1) this.watchHead()
      this.write(chunks)
    })
  }

  private report(
    request: Pick<
      WaitingRequest,
      'correlationId' | 'apiKey' | 'apiVersion' | 'sentAtMs' | 'api'
    > & {
      readonly hasTimedOut?: boolean
    },
    startMs: number,
    responseBytes: number,
  ): void {
    const { clientId, clock, onRequest } = this.options
    const { api: apiName, correlationId, apiKey, apiVersion, sentAtMs } = request
    onRequest?.({
      ...{ apiName, correlationId, apiKey, apiVersion, sentAtMs, clientId, responseBytes },
      broker: this.broker,
      durationMs: clock.monotonicMs() - startMs,
      inFlight: this.inFlight,
      hasTimedOut: request.hasTimedOut ?? false,
    })
  }

  private write(chunks: readonly Buffer[]): void {
    const { socket } = this
    if (chunks.length === 1) {
      socket.write(chunks[0] as Buffer)
      return
    }
    socket.cork()
    for (const chunk of chunks) socket.write(chunk)
    socket.uncork()
  }

  private handleFrame(frame: Buffer): void {
    if (this.isClosed) return
    const head = this.waiting[this.waitingHead]
    const correlationId = correlationIdOf(frame)
    if (!head || head.correlationId !== correlationId) {
      const reason = `response ${correlationId} came where ${head?.correlationId ?? 'none'} was due`
      this.close(new ConnectionError(this.broker, reason))
      return
    }
    this.lastUsedMs = this.options.clock.monotonicMs()
    this.dropHead()
    this.options.onAnswer?.(head.api, this.lastUsedMs - (head.dueMs - head.timeoutMs))
    head.settle(frame, undefined)
  }

  /** Removes the head without shifting the array on every response. */
  private dropHead(): void {
    this.waitingHead++
    if (this.waitingHead === this.waiting.length) {
      this.waiting.length = 0
      this.waitingHead = 0
    } else if (this.waitingHead > 64) {
      this.waiting.splice(0, this.waitingHead)
      this.waitingHead = 0
    }
  }

  /** A running timer is left alone; when it fires it looks at whoever is the head by then. */
  private watchHead(): void {
    const head = this.waiting[this.waitingHead]
    if (this.timer || !head) return
    const delayMs = head.dueMs - this.options.clock.monotonicMs()
    this.timer = this.options.clock.setTimer(delayMs, () => {
      this.timer = undefined
      const oldest = this.waiting[this.waitingHead]
      if (!oldest) return
      if (oldest.dueMs <= this.options.clock.monotonicMs() + 1) {
        this.close(new RequestTimeoutError(this.broker, oldest.api, oldest.timeoutMs))
      } else this.watchHead()
    })
  }

  /** Ends the connection; everything that waits fails with the error. May be called again. */
  close(error: Error = new ConnectionError(this.broker, 'closed by the client')): void {
    if (this.closedWith) return
    this.closedWith = error
    this.timer?.cancel()
    this.socket.destroy()
    const waiting = this.waiting.splice(this.waitingHead)
    this.waiting.length = 0
    this.waitingHead = 0
    for (const request of waiting) request.settle(undefined, error)
    this.release()
    for (const listener of this.closeListeners) listener()
    this.options.onClose?.(error)
  }
}

/** TLS names the server it wants, except when it is an address (RFC 6066). */
const serverNameOf = (host: string): string =>
  /^[\d.]+$/.test(host) || host.includes(':') ? '' : host
