import type { Clock, Logger, Random } from '@ottla/base'
import type { ServerConnection } from '@ottla/network'
import type { LogDirectories } from '@ottla/storage'
import type { BrokerConfig } from './config/broker-config.ts'
import type { ConfigResolver } from './config/config-resolver.ts'
import type { GroupService } from './coordinator/group-service.ts'
import type { TransactionService } from './coordinator/transaction-service.ts'
import type { Endpoints } from './endpoints.ts'
import type { FetchSessionCache } from './fetch-session.ts'
import type { MetadataImage } from './metadata/metadata-image.ts'
import type { MetadataStore } from './metadata/metadata-store.ts'
import type { BrokerMetrics } from './metrics.ts'
import type { Partitions } from './partitions.ts'
import type { ProducerIds } from './producer-ids.ts'
import type { BrokerArchive } from './remote/open-archive.ts'
import type { ShareService } from './share/share-service.ts'
import type { StreamsTopics } from './streams-topics.ts'
import type { TelemetryService } from './telemetry/telemetry-service.ts'
import type { TopicAdmin } from './topic-admin.ts'

/** What handlers work with. Made once at start; see broker.ts. */
export interface BrokerServices {
  readonly nodeId: number
  readonly clusterId: string
  readonly config: BrokerConfig
  readonly configs: ConfigResolver
  readonly image: MetadataImage
  readonly metadata: MetadataStore
  readonly logs: LogDirectories
  readonly partitions: Partitions
  readonly topics: TopicAdmin
  readonly groups: GroupService
  readonly share: ShareService
  readonly streamsTopics: StreamsTopics
  readonly transactions: TransactionService
  readonly producerIds: ProducerIds
  readonly telemetry: TelemetryService
  /** undefined unless `remote.log.storage.system.enable` is set. */
  readonly archive: BrokerArchive | undefined
  readonly fetchSessions: FetchSessionCache
  readonly endpoints: Endpoints
  readonly metrics: BrokerMetrics
  /** Size of the volume that holds a log directory, where that can be known. */
  readonly volume: (directory: string) => { totalBytes: number; usableBytes: number } | undefined
  /** Aborted when the broker stops: whatever waits is answered then. */
  readonly stopping: AbortSignal
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

/** One request, as far as it is not in its body. */
export interface RequestContext {
  readonly apiVersion: number
  /** "" when the client gave none. */
  readonly clientId: string
  readonly connection: ServerConnection
  /**
   * Set by a handler whose answer holds memory that is lent; called when the answer is sent. When
   * the connection ends before that it is not called, and the memory is not used again.
   */
  onSent: (() => void) | undefined
}
