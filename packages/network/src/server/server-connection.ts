/**
 * One accepted connection. Requests are handed on in the order they arrive and answered in that
 * order, whatever order their answers become ready in; a later request does not wait for an earlier
 * one to be answered before it starts, so pipelined produces share a commit round.
 *
 *   frame -> slot appended to `slots` -> handler -> slot filled -> written when it is the first
 *
 * Must always hold: bytes of requests in progress plus bytes waiting to be sent stay bounded; above
 * the bound the socket is not read. A handler that fails closes the connection, because the client
 * cannot be told anything else in Kafka's protocol.
 */
import type { Socket } from 'node:net'
import { type Clock, type Logger, messageOf } from '@ottla/base'
import { FrameMemory, FrameReceiver, FrameSplitter } from '../frame.ts'
import { readInto } from './read-into.ts'

/** A response with chunks that somebody lends until they are sent. */
export interface LentChunks {
  readonly chunks: readonly Buffer[]
  /** Called when the socket has taken all chunks; never when the connection ends before that. */
  readonly onSent: () => void
}

/**
 * Chunks of the response frame; null when nothing is to be answered; 'close' ends the connection.
 */
export type ResponseFrame = readonly Buffer[] | LentChunks | null | 'close'

/** The frame is lent: its memory is used again as soon as this function has returned. */
export type FrameHandler = (
  frame: Buffer,
  connection: ServerConnection,
) => ResponseFrame | Promise<ResponseFrame>

export interface ServerConnectionOptions {
  readonly id: number
  readonly listenerName: string
  readonly requestBytesMax: number
  /** Reading pauses while requests in progress and unsent responses exceed this many bytes. */
  readonly inFlightBytesMax: number
  readonly handler: FrameHandler
  readonly logger: Logger
  readonly clock: Clock
}

interface Slot {
  response: ResponseFrame | undefined
  readonly requestBytes: number
}

/** All connections are read on one thread, each read to its end before the next. */
const memory = new FrameMemory()

export class ServerConnection {
  readonly id: number
  readonly listenerName: string
  readonly remoteAddress: string
  readonly remotePort: number
  readonly localAddress: string
  readonly localPort: number
  /** Monotonic time of the last byte received. */
  lastReceivedMs: number
  private readonly socket: Socket
  private readonly options: ServerConnectionOptions
  /** Whichever of the two ways of reading this runtime offers. */
  private readonly frames: { readonly missing: number }
  private readonly slots: Slot[] = []
  private inFlightBytes = 0
  private paused = false
  private flushScheduled = false
  private closed = false
  private readonly onClosed = new Set<() => void>()
  private readonly onFrame = (frame: Buffer) => this.start(frame)

  constructor(socket: Socket, options: ServerConnectionOptions) {
    this.socket = socket
    this.options = options
    this.id = options.id
    this.listenerName = options.listenerName
    this.remoteAddress = (socket.remoteAddress ?? '').replace(/^::ffff:/, '')
    this.remotePort = socket.remotePort ?? 0
    this.localAddress = (socket.localAddress ?? '').replace(/^::ffff:/, '')
    this.localPort = socket.localPort ?? 0
    this.lastReceivedMs = options.clock.monotonicMs()
    this.frames = this.read(options.requestBytesMax)
    socket.on('drain', () => this.resumeIfPossible())
    socket.on('error', (error) => options.logger.debug('connection failed', { error }))
    socket.on('close', () => this.afterClose())
  }

  get isClosed(): boolean {
    return this.closed
  }

  /** True while a frame has begun and not ended; such a connection may not idle for long. */
  get isMidFrame(): boolean {
    return this.frames.missing > 0
  }

  get hasRequestsInProgress(): boolean {
    return this.slots.length > 0
  }

  /** Calls back once when the connection is gone; returns a function that withdraws it. */
  onceClosed(callback: () => void): () => void {
    if (this.closed) callback()
    else this.onClosed.add(callback)
    return () => void this.onClosed.delete(callback)
  }

  close(): void {
    this.socket.destroy()
  }

  /** Resolves once everything in progress is answered and sent, or the connection is gone. */
  async drained(): Promise<void> {
    this.socket.pause()
    this.paused = true
    while (!this.closed && (this.slots.length > 0 || this.socket.writableLength > 0)) {
      await new Promise<void>((resolve) => setImmediate(resolve))
    }
  }

  /** Begins to read: into our own memory where that can be had, else chunk by chunk. */
  private read(frameBytesMax: number): { readonly missing: number } {
    const { socket } = this
    const receiver = new FrameReceiver(this.onFrame, frameBytesMax, memory)
    const received = (count: number) => this.receive(() => receiver.received(count))
    if (readInto(socket, () => receiver.target(), received)) return receiver
    const splitter = new FrameSplitter(frameBytesMax)
    socket.on('data', (chunk) => this.receive(() => splitter.push(chunk, this.onFrame)))
    return splitter
  }

  private receive(take: () => void): void {
    this.lastReceivedMs = this.options.clock.monotonicMs()
    try {
      take()
    } catch (error) {
      this.fail('unreadable frame', error)
    }
  }

  private start(frame: Buffer): void {
    if (this.closed) return
    const slot: Slot = { response: undefined, requestBytes: frame.length }
    this.slots.push(slot)
    this.inFlightBytes += frame.length
    if (this.inFlightBytes > this.options.inFlightBytesMax) this.pause()
    let response: ResponseFrame | Promise<ResponseFrame>
    try {
      response = this.options.handler(frame, this)
    } catch (error) {
      this.fail('request failed', error)
      return
    }
    if (response instanceof Promise) {
      response.then(
        (ready) => this.fill(slot, ready),
        (error) => this.fail('request failed', error),
      )
    } else this.fill(slot, response)
  }

  private fill(slot: Slot, response: ResponseFrame): void {
    slot.response = response
    if (this.closed || this.slots[0] !== slot || this.flushScheduled) return
    this.flushScheduled = true
    // After the promise jobs of this turn, so that responses of one commit round leave together.
    process.nextTick(() => this.flush())
  }

  private flush(): void {
    this.flushScheduled = false
    if (this.closed) return
    this.socket.cork()
    let sent = 0
    for (const slot of this.slots) {
      if (slot.response === undefined) break
      sent++
      this.inFlightBytes -= slot.requestBytes
      if (slot.response === 'close') {
        this.socket.uncork()
        this.socket.end()
        return
      }
      if (slot.response) this.send(slot.response)
    }
    this.slots.splice(0, sent)
    this.socket.uncork()
    if (this.socket.writableLength > this.options.inFlightBytesMax) this.pause()
    else this.resumeIfPossible()
  }

  private send(response: readonly Buffer[] | LentChunks): void {
    if (!('onSent' in response)) {
      for (const chunk of response) this.socket.write(chunk)
      return
    }
    const { chunks, onSent } = response
    const last = chunks.length - 1
    for (let i = 0; i < last; i++) this.socket.write(chunks[i] as Buffer)
    this.socket.write(chunks[last] as Buffer, (error) => {
      if (!error) onSent()
    })
  }

  private pause(): void {
    if (this.paused) return
    this.paused = true
    this.socket.pause()
  }

  private resumeIfPossible(): void {
    const { inFlightBytesMax } = this.options
    if (!this.paused || this.closed) return
    if (this.inFlightBytes > inFlightBytesMax) return
    if (this.socket.writableLength > inFlightBytesMax) return
    this.paused = false
    this.socket.resume()
  }

  private fail(message: string, error: unknown): void {
    if (!this.closed) {
      const { logger } = this.options
      logger.warn(message, { client: this.remoteAddress, reason: messageOf(error), error })
    }
    this.socket.destroy()
  }

  private afterClose(): void {
    this.closed = true
    this.slots.length = 0
    for (const callback of this.onClosed) callback()
  }
}
