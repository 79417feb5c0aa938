/**
 * OffsetCommit (key 8), versions 2-10.
 *
 * Behaviour: answered when the offsets are durable in `__consumer_offsets`. Metadata above
 * offset.metadata.max.bytes is refused for its partition alone.
 * Version notes: topic ids from 10; member epochs of consumer groups from 9; retention of its own
 * up to 4.
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
    const collected = collectOffsets(services, request.topics, apiVersion >= 10)
    refused ??= checkCommit(groups.coordinator, commit, {
      now: groups.now(),
      apiVersion,
      isTransactional: false,
      partitions: collected.accepted,
    })
    const offsets = refused ? [] : collected.accepted
    const failure = offsets.length > 0 ? await write(services, commit, offsets) : undefined
    return {
      throttleTimeMs: 0,
      topics: request.topics.map((topic, t) => ({
        name: topic.name,
        topicId: topic.topicId,
        partitions: topic.partitions.map(({ partitionIndex }, i) => {
          // A partition nobody knows is told so whatever becomes of the others.
          const own = collected.errors[t]?.[i] ?? 'NONE'
          const error = own.startsWith('UNKNOWN_TOPIC') ? own : (refused ?? own)
          return {
            partitionIndex,
            errorCode: errorCode(error === 'NONE' && failure ? failure : error),
          }
        }),
      })),
    }
  },
)

/** Sorts out what cannot be committed: what can, and one error per partition of each topic. */
export function collectOffsets(
  services: BrokerServices,
  topics: readonly Topic[],
  usesTopicIds: boolean,
): { readonly accepted: OffsetToCommit[]; readonly errors: readonly (readonly ErrorName[])[] } {
  const { image, config } = services
  const accepted: OffsetToCommit[] = []
  const metadataBytesMax = config.get('offset.metadata.max.bytes')
  const errors = topics.map((topic) => {
    const known = usesTopicIds ? image.topicsById.get(topic.topicId) : image.topics.get(topic.name)
    return topic.partitions.map((partition): ErrorName => {
      if (!known) return usesTopicIds ? 'UNKNOWN_TOPIC_ID' : 'UNKNOWN_TOPIC_OR_PARTITION'
      if (!known.partitions[partition.partitionIndex]) return 'UNKNOWN_TOPIC_OR_PARTITION'
      const metadata = partition.committedMetadata ?? ''
      if (Buffer.byteLength(metadata) > metadataBytesMax) return 'OFFSET_METADATA_TOO_LARGE'
      accepted.push({
        topic: known.name,
        topicId: known.id,
        partition: partition.partitionIndex,
        offset: partition.committedOffset,
        leaderEpoch: partition.committedLeaderEpoch,
        metadata,
      })
      return 'NONE'
    })
  })
  return { accepted, errors }
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
