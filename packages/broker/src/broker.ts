/**
 * A broker from start to stop.
 *
 *   start   settings -> lock and logs -> metadata replayed -> partitions known -> listeners open
 *   stop    listeners closed -> requests in progress answered -> logs closed, clean marker last
 *
 * An I/O error on a write or a sync ends everything at once (`onFatal`): what is on disk is no
 * longer known, and only a start that reads it again can tell.
 */
import { setMaxListeners } from 'node:events'
import { join, resolve } from 'node:path'
import {
  type Clock,
  type Logger,
  messageOf,
  type Random,
  silentLogger,
  type Timer,
} from '@ottla/base'
import { Listener } from '@ottla/network'
import { type CleanerSettings, type FileSystem, RealFileSystem } from '@ottla/storage'
import type { BrokerServices } from './broker-services.ts'
import { BrokerConfig } from './config/broker-config.ts'
import type { ConfigResolver } from './config/config-resolver.ts'
import { connectionsOf } from './connection-limits.ts'
import { handlers } from './handlers/handlers.ts'
import { HealthServer } from './health-server.ts'
import { metadataRecord } from './metadata/metadata-record.ts'
import { openServices } from './open-services.ts'
import { RequestDispatch } from './request-dispatch.ts'

export interface BrokerOptions {
  /**
   * Directory of everything the broker keeps: Apache Kafka's log directory in `log`, ottla's own
   * files in `ottla`. A directory that is itself a log directory of Apache Kafka is used as it is.
   */
  readonly dataDir: string
  /** Kafka broker settings by their names; see docs/reference. */
  readonly settings?: Readonly<Record<string, string | number | boolean>>
  readonly logger?: Logger
  readonly clock?: Clock
  readonly random?: Random
  readonly fileSystem?: FileSystem
  /** Called when the broker cannot go on; by default the error is only logged. */
  readonly onFatal?: (error: Error) => void
}

const STOP_GRACE_MS = 5_000

export class Broker {
  readonly config: BrokerConfig
  readonly logDir: string
  private readonly services: BrokerServices
  private readonly stopper: AbortController
  private readonly listeners: Listener[] = []
  private readonly timers = new Set<{ cancel(): void }>()
  private health: HealthServer | undefined
  private fatal: Error | undefined
  private stopping: Promise<void> | undefined

  private constructor(
    config: BrokerConfig,
    logDir: string,
    services: BrokerServices,
    stopper: AbortController,
  ) {
    this.stopper = stopper
    this.config = config
    this.logDir = logDir
    this.services = services
  }

  /** Starts a broker; resolves when its listeners accept connections. */
  static async start(options: BrokerOptions): Promise<Broker> {
    const logger = options.logger ?? silentLogger
    const given = Object.entries(options.settings ?? {}).map(([k, v]) => [k, String(v)] as const)
    const config = BrokerConfig.from(new Map(given))
    for (const warning of config.warnings) logger.warn(warning)
    const directories = directoriesOf(options, config)
    const [logDir = ''] = directories.logDirs
    const stopper = new AbortController()
    // Every request that waits listens to it, and more than ten of them are nothing to warn of.
    setMaxListeners(0, stopper.signal)
    const holder: { broker?: Broker } = {}
    const onFatal = (error: Error) => {
      logger.error('the broker cannot go on', { reason: messageOf(error), error })
      if (holder.broker) holder.broker.fatal = error
      options.onFatal?.(error)
    }
    const services = await openServices(options, config, {
      ...directories,
      logger,
      onFatal,
      stopping: stopper.signal,
    })
    const broker = new Broker(config, logDir, services, stopper)
    holder.broker = broker
    try {
      await broker.open()
    } catch (error) {
      await broker.stop()
      throw error
    }
    return broker
  }

  /** Port of the first listener. */
  get port(): number {
    return this.listeners[0]?.port ?? 0
  }

  /** `host:port` of the first listener, as clients want it in `bootstrap.servers`. */
  get address(): string {
    const host = this.listeners[0]?.host
    return `${host === undefined || host === '' ? '127.0.0.1' : host}:${this.port}`
  }

  /** Port of /healthz and /metrics, or undefined when it is not open. */
  get metricsPort(): number | undefined {
    return this.health?.port
  }

  get clusterId(): string {
    return this.services.clusterId
  }

  private async open(): Promise<void> {
    const { services, config } = this
    const dispatch = new RequestDispatch(services, handlers)
    const { logger, clock } = services
    for (const { name, host, port } of config.listeners()) {
      const listener = await Listener.open({
        name,
        host: host === '' ? '0.0.0.0' : host,
        port,
        requestBytesMax: config.get('socket.request.max.bytes'),
        inFlightBytesMax: config.get('in.flight.bytes.max'),
        // Asked for at every connection, since both can change while the broker runs.
        get connectionsMax() {
          return services.configs.broker('max.connections') as number
        },
        connectionsPerAddressMax: (address) => connectionsOf(services.configs, address),
        backlog: config.get('socket.listen.backlog.size'),
        idleMsMax: config.get('connections.max.idle.ms'),
        frameMsMax: config.get('frame.arrival.ms.max'),
        handler: (frame, connection) => dispatch.handle(frame, connection),
        logger,
        clock,
      })
      this.listeners.push(listener)
    }
    const advertised = config.advertisedListeners()
    await services.metadata.registerBroker(advertised.length > 0 ? advertised : this.listeners)
    await this.openHealth()
    services.transactions.start()
    services.archive?.start()
    this.every(config.get('log.retention.check.interval.ms'), () =>
      services.logs.applyRetention(clock.now()),
    )
    this.every(config.get('log.retention.check.interval.ms'), () => services.metadata.clean())
    if (config.get('log.cleaner.enable')) this.cleanAgain()
    this.every(config.get('log.flush.offset.checkpoint.interval.ms'), () =>
      services.logs.checkpoint(),
    )
    if (!services.logs.wasCleanShutdown) {
      this.recover().catch((error: unknown) => {
        logger.error('recovery failed', { reason: messageOf(error) })
      })
    }
  }

  /**
   * Opens what was not closed cleanly. A log that lost bytes gets a new leader epoch, so that
   * clients which have seen them (only possible with flush.policy=os) notice (KIP-320).
   */
  private async recover(): Promise<void> {
    const { logs, metadata, image } = this.services
    await logs.recoverAll()
    await metadata.change(() => ({
      response: undefined,
      records: [...logs.partitions()]
        .filter((log) => log.droppedBytes > 0)
        .flatMap(({ topic, partition }) => {
          const topicId = image.topics.get(topic)?.id
          if (topicId === undefined) return []
          const leader = this.services.nodeId
          return [
            metadataRecord('PartitionChangeRecord', { partitionId: partition, topicId, leader }),
          ]
        }),
    }))
  }

  /** Cleans compacted logs until none is dirty enough, and looks again after a while. */
  private cleanAgain(): void {
    const { configs, logs, clock } = this.services
    this.every(
      () => configs.broker('log.cleaner.backoff.ms') as number,
      async () => {
        let mayBeMore = true
        while (mayBeMore && !this.stopping) {
          mayBeMore = await logs.cleanLogs(clock.now(), cleanerSettings(configs))
        }
      },
    )
  }

  private async openHealth(): Promise<void> {
    const port = this.config.get('metrics.port')
    if (port < 0) return
    const { metrics, image, groups, fetchSessions, logs } = this.services
    this.health = await HealthServer.open({
      port,
      unhealthyReason: () => this.fatal && messageOf(this.fatal),
      metricsPage: () =>
        metrics.page({
          connections: () => this.listeners.reduce((sum, l) => sum + l.connectionCount, 0),
          topics: () => image.topics.size,
          partitions: () => image.partitionCount,
          groups: () => groups.coordinator.groupCount,
          fetchSessions: () => fetchSessions.size,
          commitRounds: () => logs.commitRounds,
          storage: () => logs.counters,
          archive: () => this.services.archive?.figures(),
        }),
    })
  }

  /** Repeats work; what it throws is reported, and the next time comes all the same. */
  private every(intervalMs: number | (() => number), work: () => Promise<void>): void {
    const { clock, logger } = this.services
    let timer: Timer
    const arm = () => {
      const waitMs = typeof intervalMs === 'number' ? intervalMs : intervalMs()
      timer = clock.setTimer(waitMs, () => {
        work()
          .catch((error: unknown) => {
            logger.error('periodic work failed', { reason: messageOf(error), error })
          })
          .finally(() => {
            if (!this.stopping) arm()
          })
      })
    }
    arm()
    this.timers.add({ cancel: () => timer.cancel() })
  }

  /** Stops cleanly: requests in progress are answered, everything is on disk. Idempotent. */
  stop(): Promise<void> {
    this.stopping ??= this.close()
    return this.stopping
  }

  private async close(): Promise<void> {
    for (const timer of this.timers) timer.cancel()
    this.stopper.abort()
    this.services.groups.close()
    await Promise.all(this.listeners.map((listener) => listener.close(STOP_GRACE_MS)))
    this.services.transactions.close()
    this.services.share.close()
    await this.health?.close()
    await this.services.archive?.close()
    const { metadata, logs, transactions } = this.services
    await metadata.settle()
    // By the epoch Apache Kafka knows that the registration it finds ended with this clean stop.
    await logs.close({ brokerEpoch: metadata.brokerEpoch, isWhole: transactions.isWhole })
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }
}

/** Asked for at every cleaning: they can change while the broker runs. */
const cleanerSettings = (configs: ConfigResolver): CleanerSettings => ({
  dedupeBufferBytes: configs.broker('log.cleaner.dedupe.buffer.size') as number,
  loadFactor: configs.broker('log.cleaner.io.buffer.load.factor') as number,
  bytesPerSecondMax: configs.broker('log.cleaner.io.max.bytes.per.second') as number,
})

/** Where everything is kept. */
interface Directories {
  /** The first is that of the metadata log. */
  readonly logDirs: readonly string[]
  readonly isFirstForMetadata: boolean
  readonly privateDir: string
}

/** `metadata.log.dir` first; when it is not among the others it holds nothing else. */
function directoriesOf(options: BrokerOptions, config: BrokerConfig): Directories {
  const { logDirs, privateDir } = dataDirectoriesOf(options, config)
  const named = config.get('metadata.log.dir')
  if (!named) return { logDirs, isFirstForMetadata: false, privateDir }
  const first = resolve(named)
  const others = logDirs.filter((directory) => directory !== first)
  const isFirstForMetadata = others.length === logDirs.length
  return { logDirs: [first, ...others], isFirstForMetadata, privateDir }
}

/** `log` and `ottla` below the data directory, unless it is or names log directories. */
function dataDirectoriesOf(
  options: BrokerOptions,
  config: BrokerConfig,
): { logDirs: string[]; privateDir: string } {
  const dataDir = resolve(options.dataDir)
  const named = config.logDirs().map((directory) => resolve(directory))
  if (named.length > 0) return { logDirs: named, privateDir: join(dataDir, 'ottla') }
  const fileSystem = options.fileSystem ?? new RealFileSystem()
  if (fileSystem.stat(join(dataDir, 'meta.properties'))) {
    return { logDirs: [dataDir], privateDir: `${dataDir}.ottla` }
  }
  return { logDirs: [join(dataDir, 'log')], privateDir: join(dataDir, 'ottla') }
}
