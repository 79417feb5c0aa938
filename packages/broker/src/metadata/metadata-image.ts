/**
 * The cluster's metadata in memory: topics, settings, features, producer ids and the rest.
 *
 * `replay` is its only mutator, at start for every record of the log and afterwards for every
 * record that has become durable, so a restart always arrives at the same image. Delegation tokens,
 * on which ottla does not act, are kept by identity, so that nothing is lost.
 */
import { assert, type Uuid } from '@ottla/base'
import { AclsImage } from './acls-image.ts'
import { ClientQuotasImage } from './client-quotas-image.ts'
import type { MetadataRecord, MetadataValue } from './metadata-record.ts'
import { ScramImage } from './scram-image.ts'

export interface PartitionImage {
  readonly partition: number
  leader: number
  leaderEpoch: number
  partitionEpoch: number
  replicas: readonly number[]
  isr: readonly number[]
  directories: readonly Uuid[]
}

export interface TopicImage {
  readonly name: string
  readonly id: Uuid
  /** By partition number, without holes. */
  readonly partitions: PartitionImage[]
}

export class MetadataImage {
  readonly topics = new Map<string, TopicImage>()
  readonly topicsById = new Map<Uuid, TopicImage>()
  readonly features = new Map<string, number>()
  readonly brokers = new Map<number, MetadataValue<'RegisterBrokerRecord'>>()
  readonly controllers = new Map<number, MetadataValue<'RegisterControllerRecord'>>()
  readonly acls = new AclsImage()
  readonly scram = new ScramImage()
  readonly quotas = new ClientQuotasImage()
  /** First id of the next block of producer ids. */
  nextProducerId = 0
  partitionCount = 0
  /** Grows with every topic and partition that comes or goes. */
  topicsVersion = 0
  private readonly configs = new Map<string, Map<string, string>>()
  private readonly kept = new Map<string, MetadataRecord>()
  /** Records of a metadata transaction that has begun and not ended. */
  private pending: MetadataRecord[] | undefined

  /** Settings stored for a resource, or undefined when there are none. */
  config(resourceType: number, resourceName: string): ReadonlyMap<string, string> | undefined {
    return this.configs.get(`${resourceType}:${resourceName}`)
  }

  /** Names of the resources of a type that have settings. */
  configuredResources(resourceType: number): string[] {
    const prefix = `${resourceType}:`
    return [...this.configs.keys()]
      .filter((key) => key.startsWith(prefix))
      .map((key) => key.slice(prefix.length))
  }

  /** Level of a feature, 0 when it is off. */
  level(feature: string): number {
    return this.features.get(feature) ?? 0
  }

  /** What nothing else in the image holds. */
  keptRecords(): Iterable<MetadataRecord> {
    return this.kept.values()
  }

  replay(record: MetadataRecord): void {
    if (record.name === 'BeginTransactionRecord') {
      this.pending = []
    } else if (record.name === 'AbortTransactionRecord') {
      this.pending = undefined
    } else if (record.name === 'EndTransactionRecord') {
      const records = this.pending ?? []
      this.pending = undefined
      for (const pending of records) this.apply(pending)
    } else if (this.pending) this.pending.push(record)
    else this.apply(record)
  }

  private apply(record: MetadataRecord): void {
    switch (record.name) {
      case 'TopicRecord':
        this.addTopic(record.value)
        break
      case 'PartitionRecord':
        this.addPartition(record.value)
        break
      case 'PartitionChangeRecord':
        this.changePartition(record.value)
        break
      case 'RemoveTopicRecord':
        this.removeTopic(record.value.topicId)
        break
      case 'ConfigRecord':
        this.changeConfig(record.value)
        break
      case 'FeatureLevelRecord':
        if (record.value.featureLevel === 0) this.features.delete(record.value.name)
        else this.features.set(record.value.name, record.value.featureLevel)
        break
      case 'ProducerIdsRecord':
        this.nextProducerId = Math.max(this.nextProducerId, record.value.nextProducerId)
        break
      case 'RegisterBrokerRecord':
        this.brokers.set(record.value.brokerId, record.value)
        break
      case 'UnregisterBrokerRecord':
        this.brokers.delete(record.value.brokerId)
        break
      default:
        this.applyOther(record)
    }
  }

  private applyOther(record: MetadataRecord): void {
    switch (record.name) {
      case 'AccessControlEntryRecord':
        this.acls.add(record.value)
        break
      case 'RemoveAccessControlEntryRecord':
        this.acls.remove(record.value)
        break
      case 'UserScramCredentialRecord':
        this.scram.set(record.value)
        break
      case 'RemoveUserScramCredentialRecord':
        this.scram.remove(record.value)
        break
      case 'ClientQuotaRecord':
        this.quotas.change(record.value)
        break
      case 'RegisterControllerRecord':
        this.controllers.set(record.value.controllerId ?? -1, record.value)
        break
      case 'UnregisterControllerRecord':
        this.controllers.delete(record.value.controllerId ?? -1)
        break
      case 'DelegationTokenRecord':
        this.kept.set(record.value.tokenId, record)
        break
      case 'RemoveDelegationTokenRecord':
        this.kept.delete(record.value.tokenId)
        break
      default:
      // Fencing and migration state concern the start that wrote them.
    }
  }

  private addTopic({ name, topicId }: MetadataValue<'TopicRecord'>): void {
    const topic: TopicImage = { name, id: topicId, partitions: [] }
    this.topicsVersion++
    this.topics.set(name, topic)
    this.topicsById.set(topicId, topic)
  }

  private addPartition(value: MetadataValue<'PartitionRecord'>): void {
    const topic = this.topicsById.get(value.topicId)
    assert(topic, `partition of unknown topic ${value.topicId}`)
    const partition = value.partitionId ?? -1
    if (!topic.partitions[partition]) {
      this.partitionCount++
      this.topicsVersion++
    }
    topic.partitions[partition] = {
      partition,
      leader: value.leader ?? -1,
      leaderEpoch: value.leaderEpoch ?? -1,
      partitionEpoch: value.partitionEpoch ?? -1,
      replicas: value.replicas,
      isr: value.isr,
      directories: value.directories ?? [],
    }
  }

  private changePartition(value: MetadataValue<'PartitionChangeRecord'>): void {
    const partition = this.topicsById.get(value.topicId)?.partitions[value.partitionId ?? -1]
    assert(partition, `change of unknown partition ${value.topicId}-${value.partitionId}`)
    if (value.isr) partition.isr = value.isr
    if (value.replicas) partition.replicas = value.replicas
    if (value.directories) partition.directories = value.directories
    if (value.leader !== undefined && value.leader !== NO_LEADER_CHANGE) {
      partition.leader = value.leader
      partition.leaderEpoch++
    }
    partition.partitionEpoch++
  }

  private removeTopic(topicId: Uuid): void {
    const topic = this.topicsById.get(topicId)
    assert(topic, `removal of unknown topic ${topicId}`)
    this.partitionCount -= topic.partitions.length
    this.topicsVersion++
    this.topics.delete(topic.name)
    this.topicsById.delete(topicId)
    this.configs.delete(`${TOPIC}:${topic.name}`)
  }

  private changeConfig(value: MetadataValue<'ConfigRecord'>): void {
    const key = `${value.resourceType}:${value.resourceName}`
    let config = this.configs.get(key)
    if (!config) {
      config = new Map()
      this.configs.set(key, config)
    }
    if (value.value === null) config.delete(value.name)
    else config.set(value.name, value.value)
    if (config.size === 0) this.configs.delete(key)
  }
}

const TOPIC = 2
const NO_LEADER_CHANGE = -2
