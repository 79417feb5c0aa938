/**
 * The records that make up an image: what a snapshot holds. Replayed into an empty image they give
 * an equal one. Apache Kafka wants the level of `metadata.version` in front of all others.
 */
import { METADATA_VERSION } from '../features.ts'
import type { MetadataImage, TopicImage } from './metadata-image.ts'
import { type MetadataRecord, metadataRecord } from './metadata-record.ts'

/** Of the broker that took the last block of producer ids, which matters to nobody. */
const NOBODY = -1

export function* imageRecords(image: MetadataImage): Generator<MetadataRecord> {
  yield* featureRecords(image)
  for (const broker of image.brokers.values()) yield metadataRecord('RegisterBrokerRecord', broker)
  for (const controller of image.controllers.values()) {
    yield metadataRecord('RegisterControllerRecord', controller)
  }
  for (const topic of image.topics.values()) yield* topicRecords(topic)
  for (const [resourceType, resourceName, config] of image.allConfigs()) {
    for (const [name, value] of config) {
      yield metadataRecord('ConfigRecord', { resourceType, resourceName, name, value })
    }
  }
  yield* quotaRecords(image)
  if (image.nextProducerId > 0) {
    const { nextProducerId } = image
    yield metadataRecord('ProducerIdsRecord', { brokerId: NOBODY, nextProducerId })
  }
  for (const [id, acl] of image.acls.entries()) {
    yield metadataRecord('AccessControlEntryRecord', { id, ...acl })
  }
  for (const user of image.scram.names()) {
    for (const credential of image.scram.of(user)) {
      yield metadataRecord('UserScramCredentialRecord', credential)
    }
  }
  yield* image.keptRecords()
}

function* featureRecords({ features }: MetadataImage): Generator<MetadataRecord> {
  const level = (name: string, featureLevel: number) =>
    metadataRecord('FeatureLevelRecord', { name, featureLevel })
  const own = features.get(METADATA_VERSION)
  if (own !== undefined) yield level(METADATA_VERSION, own)
  for (const [name, featureLevel] of features) {
    if (name !== METADATA_VERSION) yield level(name, featureLevel)
  }
}

function* topicRecords({ name, id: topicId, partitions }: TopicImage): Generator<MetadataRecord> {
  yield metadataRecord('TopicRecord', { name, topicId })
  for (const { partition: partitionId, ...partition } of partitions) {
    // Null is how Apache Kafka says that there are none.
    const orNull = (replicas: readonly number[]) => (replicas.length > 0 ? replicas : null)
    yield metadataRecord('PartitionRecord', {
      ...partition,
      partitionId,
      topicId,
      eligibleLeaderReplicas: orNull(partition.eligibleLeaderReplicas),
      lastKnownElr: orNull(partition.lastKnownElr),
    })
  }
}

function* quotaRecords({ quotas }: MetadataImage): Generator<MetadataRecord> {
  for (const { entity, values } of quotas.all()) {
    const parts = [...entity].map(([entityType, entityName]) => ({ entityType, entityName }))
    for (const [key, value] of values) {
      yield metadataRecord('ClientQuotaRecord', { entity: parts, key, value, remove: false })
    }
  }
}
