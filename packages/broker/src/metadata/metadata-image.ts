/**
 * The cluster's metadata in memory: topics, settings, features, producer ids and the rest.
 *
 * `replay` is its only mutator, at start for every record of the log and afterwards for every
 * record that has become durable, so a restart always arrives at the same image. What ottla does
 * not act on (delegation tokens, replicas that move) is kept too, so that a snapshot loses nothing.
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
  /** What only a cluster of several nodes acts on, kept for Apache Kafka. */
  removingReplicas: readonly number[]
  addingReplicas: readonly number[]
  leaderRecoveryState: number
  eligibleLeaderReplicas: readonly number[]
  lastKnownElr: readonly number[]
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

  /** A metadata transaction has begun and not ended. */
  get isInTransaction(): boolean {
    return this.pending !== undefined
  }

  /** Level of a feature, 0 when it is off. */
  level(feature: string): number {
    return this.features.get(feature) ?? 0
  }

  /** Everything that has settings: type and name of the resource, and the settings. */
  *allConfigs(): Generator<readonly [number, string, ReadonlyMap<string, string>]> {
    for (const [key, config] of this.configs) {
      const colon = key.indexOf(':')
      yield [Number(key.slice(0, colon)), key.slice(colon + 1), config]
    }
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
      case 'BrokerRegistrationChangeRecord':
        this.changeBroker(record.value)
        break
      case 'ClearElrRecord':
        this.clearElr(record.value.topicName)
        break
      default:
      // Older forms of fencing, and what marks neither beginning nor end: nothing to keep.
    }
  }

  private changeBroker(value: MetadataValue<'BrokerRegistrationChangeRecord'>): void {
    const broker = this.brokers.get(value.brokerId)
    if (!broker) return
    const { fenced = 0, inControlledShutdown = 0, logDirs = [], cordonedLogDirs } = value
    this.brokers.set(value.brokerId, {
      ...broker,
      // -1 is no, 1 is yes, 0 leaves it.
      fenced: fenced === 0 ? broker.fenced : fenced > 0,
      inControlledShutdown:
        inControlledShutdown === 0 ? broker.inControlledShutdown : inControlledShutdown > 0,
      logDirs: logDirs.length > 0 ? logDirs : broker.logDirs,
      cordonedLogDirs: cordonedLogDirs ?? broker.cordonedLogDirs,
    })
  }

  /** An empty name means all topics. */
  private clearElr(name: string): void {
    for (const topic of this.topics.values()) {
      if (name !== '' && topic.name !== name) continue
      for (const partition of topic.partitions) {
        partition.eligibleLeaderReplicas = []
        partition.lastKnownElr = []
      }
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
      removingReplicas: value.removingReplicas,
      addingReplicas: value.addingReplicas,
      leaderRecoveryState: value.leaderRecoveryState ?? 0,
      eligibleLeaderReplicas: value.eligibleLeaderReplicas ?? [],
      lastKnownElr: value.lastKnownElr ?? [],
    }
  }

  private changePartition(value: MetadataValue<'PartitionChangeRecord'>): void {
    const partition = this.topicsById.get(value.topicId)?.partitions[value.partitionId ?? -1]
    assert(partition, `change of unknown partition ${value.topicId}-${value.partitionId}`)
    if (value.isr) partition.isr = value.isr
    if (value.replicas) partition.replicas = value.replicas
    if (value.directories) partition.directories = value.directories
    if (value.removingReplicas) partition.removingReplicas = value.removingReplicas
    if (value.addingReplicas) partition.addingReplicas = value.addingReplicas
    if (value.eligibleLeaderReplicas) {
      partition.eligibleLeaderReplicas = value.eligibleLeaderReplicas
    }
    if (value.lastKnownElr) partition.lastKnownElr = value.lastKnownElr
    if ((value.leaderRecoveryState ?? -1) >= 0) {
      partition.leaderRecoveryState = value.leaderRecoveryState as number
    }
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
