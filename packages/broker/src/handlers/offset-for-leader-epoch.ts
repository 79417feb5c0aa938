/**
 * OffsetForLeaderEpoch (key 23), versions 2-4.
 *
 * Behaviour: the end offset of the largest epoch not above the asked one, so that a client can tell
 * whether what it read still exists (KIP-320).
 */
import { apis, type ErrorName, errorCode } from '@ottla/protocol'
import { StorageError } from '@ottla/storage'
import type { BrokerServices } from '../broker-services.ts'
import { handler } from '../handler.ts'

export const offsetForLeaderEpoch = handler(
  apis.offsetForLeaderEpoch,
  { lowest: 2, highest: 4 },
  async (services, _context, request) => ({
    throttleTimeMs: 0,
    topics: await Promise.all(
      request.topics.map(async ({ topic, partitions }) => ({
        topic,
        partitions: await Promise.all(partitions.map((query) => answer(services, topic, query))),
      })),
    ),
  }),
)

async function answer(
  services: BrokerServices,
  topic: string,
  query: { partition: number; currentLeaderEpoch: number; leaderEpoch: number },
) {
  const { partition: number, currentLeaderEpoch, leaderEpoch } = query
  const partition = services.image.topics.get(topic)?.partitions[number]
  const log = services.partitions.get(topic, number)
  if (!partition || !log) return failed(number, 'UNKNOWN_TOPIC_OR_PARTITION')
  if (currentLeaderEpoch >= 0 && currentLeaderEpoch !== partition.leaderEpoch) {
    const isOld = currentLeaderEpoch < partition.leaderEpoch
    return failed(number, isOld ? 'FENCED_LEADER_EPOCH' : 'UNKNOWN_LEADER_EPOCH')
  }
  try {
    await log.ready()
  } catch (error) {
    if (!(error instanceof StorageError)) throw error
    return failed(number, error.errorName)
  }
  if (leaderEpoch === partition.leaderEpoch) {
    return { errorCode: 0, partition: number, leaderEpoch, endOffset: log.highWatermark }
  }
  const end = log.offsetForLeaderEpoch(leaderEpoch)
  return { errorCode: 0, partition: number, leaderEpoch: end.leaderEpoch, endOffset: end.endOffset }
}

const failed = (partition: number, error: ErrorName) => ({
  errorCode: errorCode(error),
  partition,
  leaderEpoch: -1,
  endOffset: -1,
})
