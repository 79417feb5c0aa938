/**
 * OffsetCommit (key 8), versions 2-10.
 *
 * Behaviour: answered when the offsets are durable in `__consumer_offsets`. Metadata above
 * offset.metadata.max.bytes is refused for its partition alone.
 * Version notes: topic ids from 10; retention of its own up to 4.
 */
import { apis, type ErrorName, errorCode, type OffsetCommitRequest } from '@ottla/protocol'
import { StorageError } from '@ottla/storage'
import type { BrokerServices } from '../broker-services.ts'
import {
  checkCommit,
  commitRecords,
  type OffsetToCommit,
} from '../coordinator/group/group-offsets.ts'
import { handler } from '../handler.ts'

type Topic = OffsetCommitRequest['topics'][number]

export const offsetCommit = handler(
  apis.offsetCommit,
  { lowest: 2, highest: 10 },
  async (services, { apiVersion }, request) => {
    const { groups } = services
    const commit = {
      groupId: request.groupId,
      memberId: request.memberId,
      groupInstanceId: request.groupInstanceId,
      generationId: request.generationIdOrMemberEpoch,
      retentionTimeMs: request.retentionTimeMs,
    }
    let refused = await groups.load(request.groupId)
    refused ??= checkCommit(groups.coordinator, commit, groups.now())
    if (
      refused === 'ILLEGAL_GENERATION' &&
      apiVersion >= 9 &&
      !groups.coordinator.groups.has(request.groupId)
    ) {
      refused = 'GROUP_ID_NOT_FOUND'
    }
    const offsets: OffsetToCommit[] = []
    const checked = request.topics.map((topic) => ({
      topic,
      errors: refused
        ? topic.partitions.map(() => refused as ErrorName)
        : collect(services, apiVersion, topic, offsets),
    }))
    const failure = offsets.length > 0 ? await write(services, commit, offsets) : undefined
    return {
      throttleTimeMs: 0,
      topics: checked.map(({ topic, errors }) => ({
        name: topic.name,
        topicId: topic.topicId,
        partitions: topic.partitions.map(({ partitionIndex }, i) => {
          const error = errors[i] as ErrorName
          return {
            partitionIndex,
            errorCode: errorCode(error === 'NONE' && failure ? failure : error),
          }
        }),
      })),
    }
  },
)

/** Sorts out what cannot be committed; the rest goes to `offsets`. One error per partition. */
function collect(
  services: BrokerServices,
  apiVersion: number,
  topic: Topic,
  offsets: OffsetToCommit[],
): ErrorName[] {
  const { image, config } = services
  const known =
    apiVersion >= 10 ? image.topicsById.get(topic.topicId) : image.topics.get(topic.name)
  const unknown: ErrorName = apiVersion >= 10 ? 'UNKNOWN_TOPIC_ID' : 'UNKNOWN_TOPIC_OR_PARTITION'
  const metadataBytesMax = config.get('offset.metadata.max.bytes')
  return topic.partitions.map((partition) => {
    if (!known) return unknown
    if (!known.partitions[partition.partitionIndex]) return 'UNKNOWN_TOPIC_OR_PARTITION'
    const metadata = partition.committedMetadata ?? ''
    if (Buffer.byteLength(metadata) > metadataBytesMax) return 'OFFSET_METADATA_TOO_LARGE'
    offsets.push({
      topic: known.name,
      partition: partition.partitionIndex,
      offset: partition.committedOffset,
      leaderEpoch: partition.committedLeaderEpoch,
      metadata,
    })
    return 'NONE'
  })
}

async function write(
  services: BrokerServices,
  commit: Parameters<typeof commitRecords>[0],
  offsets: readonly OffsetToCommit[],
): Promise<ErrorName | undefined> {
  const { groups } = services
  try {
    await groups.append(commitRecords(commit, offsets, groups.now()))
    return undefined
  } catch (error) {
    if (!(error instanceof StorageError)) throw error
    return 'COORDINATOR_NOT_AVAILABLE'
  }
}
