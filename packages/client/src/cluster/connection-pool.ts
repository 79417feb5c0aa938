/**
 * Connections by broker, made when first needed. Each user whose requests may block others has a
 * pool of its own: a fetch that waits for records must not delay a heartbeat behind it.
 *
 * Must always hold: at most one connection attempt per broker at a time; whoever asks meanwhile
 * waits for the same attempt. After a failure the next attempt to that broker waits (exponential
 * with jitter), so a dead broker is not hammered by every caller.
 */
import { type BufferPool, ClosedError, delay } from '@ottla/base'
import { type ApiVersions, authenticate, ClientConnection, negotiateVersions } from '@ottla/network'
import { apis } from '@ottla/protocol'
import { SOFTWARE_VERSION } from '../software-version.ts'
import type { ClientContext, Node } from './client-context.ts'
import { backoffMs } from './retry.ts'

export interface BrokerConnection {
  readonly node: Node
  readonly connection: ClientConnection
  readonly versions: ApiVersions
}

interface Slot {
  open: BrokerConnection | undefined
  opening: Promise<BrokerConnection> | undefined
  failures: number
  /** Monotonic time before which no new attempt is made. */
  notBeforeMs: number
}

/** Who uses a pool, as metrics tell them apart. */
export type PoolRole = 'producer' | 'consumer'

export class ConnectionPool {
  private readonly context: ClientContext
  private readonly role: PoolRole | undefined
  private readonly frames: BufferPool | undefined
  private readonly slots = new Map<string, Slot>()
  private readonly abort = new AbortController()

  /**
   * With a role its connections and requests are measured. `frames`: where responses lie, for users
   * that give them back.
   */
  constructor(context: ClientContext, role?: PoolRole, frames?: BufferPool) {
    this.context = context
    this.role = role
    this.frames = frames
  }

  /** The open connection to a broker, or undefined; never waits. */
  peek(node: Node): BrokerConnection | undefined {
    const open = this.slots.get(slotKey(node))?.open
    return open && !open.connection.isClosed ? open : undefined
  }

  /** True when the last attempt failed and the next must wait. */
  isBackingOff(node: Node): boolean {
    const slot = this.slots.get(slotKey(node))
    return slot !== undefined && slot.notBeforeMs > this.context.clock.monotonicMs()
  }

  /** An open connection to the broker; waits for backoff, connecting, ApiVersions and login. */
  get(node: Node): Promise<BrokerConnection> {
    if (this.abort.signal.aborted) return Promise.reject(new ClosedError('The Kafka client'))
    const key = slotKey(node)
    let slot = this.slots.get(key)
    if (!slot) {
      slot = { open: undefined, opening: undefined, failures: 0, notBeforeMs: 0 }
      this.slots.set(key, slot)
    }
    const { open } = slot
    if (open && !open.connection.isClosed) return Promise.resolve(open)
    slot.opening ??= this.open(node, slot).finally(() => {
      slot.opening = undefined
    })
    return slot.opening
  }

  private async open(node: Node, slot: Slot): Promise<BrokerConnection> {
    const { clock, random, logger, reconnectBackoff } = this.context
    const waitMs = slot.notBeforeMs - clock.monotonicMs()
    if (waitMs > 0) await delay(clock, waitMs, this.abort.signal)
    try {
      const opened = await this.connect(node)
      slot.failures = 0
      slot.open = opened
      return opened
    } catch (error) {
      const pauseMs = backoffMs(reconnectBackoff, slot.failures, random)
      slot.failures++
      slot.notBeforeMs = clock.monotonicMs() + pauseMs
      logger.debug('connection failed', { broker: `${node.host}:${node.port}`, error })
      throw error
    }
  }

  private async connect(node: Node): Promise<BrokerConnection> {
    const { context } = this
    const connection = await ClientConnection.connect(
      {
        host: node.host,
        port: node.port,
        clientId: context.clientId,
        clock: context.clock,
        logger: context.logger,
        tls: context.tls,
        connectTimeoutMs: context.connectTimeoutMs,
        openSocket: context.openSocket,
        frames: this.frames,
        ...this.measuring(node),
        onRequest: context.onRequest,
        onClose: (error) => {
          if (this.abort.signal.aborted) return
          context.logger.debug('connection ended', { broker: `${node.host}:${node.port}`, error })
        },
      },
      this.abort.signal,
    )
    try {
      const versions = await negotiateVersions(connection, {
        timeoutMs: context.requestTimeoutMs,
        softwareVersion: SOFTWARE_VERSION,
      })
      if (context.sasl) {
        const { clock, random, logger, requestTimeoutMs: timeoutMs } = context
        const parts = { versions, timeoutMs, clock, random, logger }
        await authenticate(connection, context.sasl, parts)
      }
      return { node, connection, versions }
    } catch (error) {
      connection.close()
      throw error
    }
  }

  private measuring(node: Node) {
    const { role } = this
    if (!role) return {}
    const { metrics } = this.context
    metrics.record(`${role}Connections`, 1)
    return {
      onAnswer: (api: string, latencyMs: number) => {
        metrics.record(`${role}Requests`, latencyMs, node.id)
        if (api === FETCH) metrics.record('fetchLatency', latencyMs)
      },
    }
  }

  close(): void {
    this.abort.abort(new ClosedError('The Kafka client'))
    for (const slot of this.slots.values()) {
      slot.open?.connection.close(new ClosedError('The Kafka client'))
    }
  }
}

const FETCH = apis.fetch.name

/** A broker that moved to another address is another connection. */
const slotKey = (node: Node): string => `${node.id}@${node.host}:${node.port}`
