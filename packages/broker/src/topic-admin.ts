/** Topics made and removed: the decision in the metadata log, then the directories. */
import type { Random } from '@ottla/base'
import type { LogDirectories } from '@ottla/storage'
import type { BrokerConfig } from './config/broker-config.ts'
import type { ConfigResolver } from './config/config-resolver.ts'
import { tieringFault } from './config/tiering-rules.ts'
import { topicConfigFault } from './metadata/config-controller.ts'
import type { MetadataImage, TopicImage } from './metadata/metadata-image.ts'
import type { MetadataStore } from './metadata/metadata-store.ts'
import {
  type ControllerContext,
  type CreatedTopic,
  createPartitions,
  createTopics,
  deleteTopicRecords,
} from './metadata/topic-controller.ts'
import {
  OFFSETS_TOPIC,
  REMOTE_LOG_TOPIC,
  SHARE_STATE_TOPIC,
  TRANSACTIONS_TOPIC,
} from './metadata/topic-names.ts'
import type { Partitions } from './partitions.ts'

export type NewTopic = Parameters<typeof createTopics>[2][number]

export interface TopicAdminOptions {
  readonly nodeId: number
  readonly logs: LogDirectories
  readonly random: Random
  readonly config: BrokerConfig
  readonly configs: ConfigResolver
  readonly metadata: MetadataStore
  readonly image: MetadataImage
  readonly partitions: Partitions
}

/** What the archive must know of topics that are deleted. */
export interface TopicArchive {
  /** Called before the decision, which may still come to nothing. */
  topicIsGoing(topic: TopicImage): Promise<void>
  wake(): void
}

export class TopicAdmin {
  /** Set when there is one: it needs the admin to make its own topic. */
  archive: TopicArchive | undefined
  private readonly options: TopicAdminOptions
  private readonly creating = new Map<string, Promise<unknown>>()

  constructor(options: TopicAdminOptions) {
    this.options = options
  }

  private context(): ControllerContext {
    const { nodeId, logs, random, config, configs } = this.options
    const cordoned = configs.broker('cordoned.log.dirs') as readonly string[]
    return {
      nodeId,
      place: (count) => logs.place(count, cordoned),
      random,
      partitionsDefault: configs.broker('num.partitions') as number,
      partitionsMax: config.get('partitions.max'),
      topicConfigFault,
      tieringFault: (wanted) => tieringFault(configs, wanted, undefined),
    }
  }

  /** Creates topics; each is usable once the promise resolves. */
  async create(topics: readonly NewTopic[], validateOnly = false): Promise<CreatedTopic[]> {
    const { metadata, image } = this.options
    if (validateOnly) return createTopics(image, this.context(), topics).response
    const created = await metadata.change((current) =>
      createTopics(current, this.context(), topics),
    )
    await this.open(created.filter((topic) => topic.errorCode === 0).map((topic) => topic.name))
    return created
  }

  private async open(names: readonly string[]): Promise<void> {
    const { image, partitions } = this.options
    const logs = names.flatMap((name) => {
      const topic = image.topics.get(name)
      return topic ? partitions.add(topic) : []
    })
    await Promise.all(logs.map((log) => log.ready()))
  }

  /** Creates what a client asked for by name only; failures show in the metadata it then reads. */
  async autoCreate(names: readonly string[]): Promise<void> {
    const wanted = names.filter((name) => !isOwnedByCoordinator(name))
    const internal = names.filter(isOwnedByCoordinator)
    if (wanted.length > 0) await this.create(wanted.map((name) => newTopic(name)))
    for (const name of internal) await this.ensureInternal(name)
  }

  /** Makes an internal topic with the settings it needs, once. */
  async ensureInternal(name: string): Promise<void> {
    if (this.options.image.topics.has(name)) return
    let creation = this.creating.get(name)
    if (!creation) {
      creation = this.create([this.internalTopic(name)]).finally(() => this.creating.delete(name))
      this.creating.set(name, creation)
    }
    await creation
  }

  private internalTopic(name: string): NewTopic {
    const { config } = this.options
    const compact = ['cleanup.policy', 'compact'] as const
    switch (name) {
      case OFFSETS_TOPIC:
        return newTopic(name, config.get('offsets.topic.num.partitions'), [
          compact,
          ['compression.type', 'producer'],
          ['segment.bytes', String(config.get('offsets.topic.segment.bytes'))],
        ])
      case TRANSACTIONS_TOPIC:
        return newTopic(name, config.get('transaction.state.log.num.partitions'), [
          compact,
          ['compression.type', 'uncompressed'],
          ['unclean.leader.election.enable', 'false'],
          ['min.insync.replicas', String(config.get('transaction.state.log.min.isr'))],
          ['segment.bytes', String(config.get('transaction.state.log.segment.bytes'))],
        ])
      case REMOTE_LOG_TOPIC:
        return newTopic(name, config.get('rlmm.config.remote.log.metadata.topic.num.partitions'), [
          ['cleanup.policy', 'delete'],
          ['retention.ms', '-1'],
          ['remote.storage.enable', 'false'],
        ])
      default:
        return newTopic(name, config.get('share.coordinator.state.topic.num.partitions'), [
          ['cleanup.policy', 'delete'],
          ['retention.ms', '-1'],
          ['compression.type', 'producer'],
          ['min.insync.replicas', String(config.get('share.coordinator.state.topic.min.isr'))],
          ['segment.bytes', String(config.get('share.coordinator.state.topic.segment.bytes'))],
        ])
    }
  }

  /** Removes topics: first in the metadata log, then their directories. */
  async delete(topics: readonly TopicImage[]): Promise<void> {
    const { metadata, image, partitions } = this.options
    for (const topic of topics) await this.archive?.topicIsGoing(topic)
    await metadata.change(() => ({
      records: deleteTopicRecords(topics.filter((topic) => image.topicsById.has(topic.id))),
      response: undefined,
    }))
    await Promise.all(topics.map((topic) => partitions.remove(topic)))
    this.archive?.wake()
  }

  /** Raises the number of partitions; throws a Refusal. */
  async createPartitions(
    request: Parameters<typeof createPartitions>[2],
    validateOnly: boolean,
  ): Promise<void> {
    const { metadata, image } = this.options
    if (validateOnly) {
      createPartitions(image, this.context(), request)
      return
    }
    await metadata.change((current) => ({
      records: createPartitions(current, this.context(), request),
      response: undefined,
    }))
    await this.open([request.name])
  }
}

const isOwnedByCoordinator = (name: string): boolean =>
  [OFFSETS_TOPIC, TRANSACTIONS_TOPIC, SHARE_STATE_TOPIC, REMOTE_LOG_TOPIC].includes(name)

function newTopic(
  name: string,
  numPartitions = -1,
  configs: readonly (readonly [string, string])[] = [],
): NewTopic {
  return {
    name,
    numPartitions,
    replicationFactor: 1,
    assignments: [],
    configs: configs.map(([key, value]) => ({ name: key, value })),
  }
}
