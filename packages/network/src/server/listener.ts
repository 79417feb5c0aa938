/**
 * A listening socket and its connections, with the limits that keep strangers from exhausting the
 * process: connections in all and per address, idle time, and time for a frame to arrive.
 */
import { createServer, type Server, type Socket } from 'node:net'
import { type Clock, codeOf, type Logger, OttlaError, type Timer } from '@ottla/base'
import { type FrameHandler, ServerConnection } from './server-connection.ts'

export interface ListenerOptions {
  /** Name as in the setting `listeners`, such as PLAINTEXT. */
  readonly name: string
  readonly host: string
  /** 0 takes a free port. */
  readonly port: number
  readonly requestBytesMax: number
  readonly inFlightBytesMax: number
  readonly connectionsMax: number
  readonly connectionsPerAddressMax: (address: string) => number
  /** Connections the operating system holds back until they are accepted. */
  readonly backlog: number
  readonly idleMsMax: number
  /** A frame that has begun must make progress within this time. */
  readonly frameMsMax: number
  readonly handler: FrameHandler
  readonly logger: Logger
  readonly clock: Clock
}

const SWEEP_INTERVAL_MS = 5_000

export class Listener {
  readonly name: string
  readonly host: string
  private readonly options: ListenerOptions
  private readonly server: Server
  private readonly connections = new Set<ServerConnection>()
  private readonly perAddress = new Map<string, number>()
  private nextId = 1
  private sweepTimer: Timer | undefined
  private refused = 0

  private constructor(options: ListenerOptions) {
    this.options = options
    this.name = options.name
    this.host = options.host
    this.server = createServer({ noDelay: true, keepAlive: true }, (socket) => this.accept(socket))
  }

  /** Binds the address. A port in use is an error that says what to do about it. */
  static async open(options: ListenerOptions): Promise<Listener> {
    const listener = new Listener(options)
    await new Promise<void>((resolve, reject) => {
      listener.server.once('error', (error) => reject(explainBindError(error, options)))
      listener.server.listen(
        { host: options.host, port: options.port, backlog: options.backlog },
        resolve,
      )
    })
    listener.server.removeAllListeners('error')
    listener.server.on('error', (error) => options.logger.error('accept failed', { error }))
    listener.armSweep()
    return listener
  }

  get port(): number {
    const address = this.server.address()
    return typeof address === 'object' && address !== null ? address.port : this.options.port
  }

  get connectionCount(): number {
    return this.connections.size
  }

  /** Accepts nothing new, lets requests in progress be answered, then closes the connections. */
  async close(graceMs: number): Promise<void> {
    this.sweepTimer?.cancel()
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()))
    let graceTimer: Timer | undefined
    const deadline = new Promise<void>((resolve) => {
      graceTimer = this.options.clock.setTimer(graceMs, resolve)
    })
    const drained = Promise.all([...this.connections].map((connection) => connection.drained()))
    await Promise.race([drained, deadline])
    graceTimer?.cancel()
    for (const connection of this.connections) connection.close()
    await closed
  }

  private accept(socket: Socket): void {
    const address = (socket.remoteAddress ?? '').replace(/^::ffff:/, '')
    const count = this.perAddress.get(address) ?? 0
    const { connectionsMax, connectionsPerAddressMax } = this.options
    const isTooMuch = count >= connectionsPerAddressMax(address)
    if (this.connections.size >= connectionsMax || isTooMuch) {
      this.refuse(socket)
      return
    }
    const { name, requestBytesMax, inFlightBytesMax, handler, logger, clock } = this.options
    const connection = new ServerConnection(socket, {
      id: this.nextId++,
      listenerName: name,
      requestBytesMax,
      inFlightBytesMax,
      handler,
      logger,
      clock,
    })
    this.perAddress.set(address, count + 1)
    this.connections.add(connection)
    connection.onceClosed(() => {
      this.connections.delete(connection)
      const left = (this.perAddress.get(address) ?? 1) - 1
      if (left > 0) this.perAddress.set(address, left)
      else this.perAddress.delete(address)
    })
  }

  private refuse(socket: Socket): void {
    socket.destroy()
    this.refused++
    if (this.refused === 1) {
      this.options.logger.warn('connection refused: too many connections', {
        connections: this.connections.size,
        connectionsMax: this.options.connectionsMax,
      })
    }
  }

  private armSweep(): void {
    this.sweepTimer = this.options.clock.setTimer(SWEEP_INTERVAL_MS, () => {
      this.sweep()
      this.armSweep()
    })
  }

  private sweep(): void {
    const now = this.options.clock.monotonicMs()
    for (const connection of this.connections) {
      const quietMs = now - connection.lastReceivedMs
      const isIdle = quietMs > this.options.idleMsMax && !connection.hasRequestsInProgress
      const isStuck = quietMs > this.options.frameMsMax && connection.isMidFrame
      if (isIdle || isStuck) connection.close()
    }
    if (this.refused > 1) {
      this.options.logger.warn('connections refused', { count: this.refused })
    }
    this.refused = 0
  }
}

function explainBindError(error: Error, options: ListenerOptions): Error {
  const where = `${options.host}:${options.port}`
  const code = codeOf(error)
  if (code === 'EADDRINUSE') {
    return new OttlaError(`Port ${options.port} on ${options.host} is in use`, {
      code: 'PORT_IN_USE',
      hint: 'Use --port 0 for any free port, or stop the program that listens there.',
      cause: error,
    })
  }
  if (code === 'EACCES' || code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
    return new OttlaError(`Cannot listen on ${where}: ${error.message}`, {
      code: 'CANNOT_LISTEN',
      hint: 'Name an address of this machine and a port above 1023.',
      cause: error,
    })
  }
  return error
}
