/**
 * DeleteRecords (key 21), versions 0-2.
 *
 * Behaviour: moves the log start offset; -1 means the high watermark. Refused for topics that do
 * not delete (POLICY_VIOLATION) and for internal ones (INVALID_TOPIC_EXCEPTION).
 */
import { apis, type ErrorName, errorCode } from '@ottla/protocol'
import { StorageError } from '@ottla/storage'
import type { BrokerServices } from '../broker-services.ts'
import { handler } from '../handler.ts'
import { isInternalTopic } from '../metadata/topic-names.ts'

export const deleteRecords = handler(
  apis.deleteRecords,
  { lowest: 0, highest: 2 },
  async (services, _context, request) => ({
    throttleTimeMs: 0,
    topics: await Promise.all(
      request.topics.map(async ({ name, partitions }) => ({
        name,
        partitions: await Promise.all(
          partitions.map(async ({ partitionIndex, offset }) => {
            const result = await deleteBefore(services, name, partitionIndex, offset)
            return typeof result === 'number'
              ? { partitionIndex, lowWatermark: result, errorCode: 0 }
              : { partitionIndex, lowWatermark: -1, errorCode: errorCode(result) }
          }),
        ),
      })),
    ),
  }),
)

async function deleteBefore(
  services: BrokerServices,
  topic: string,
  partition: number,
  offset: number,
): Promise<number | ErrorName> {
  if (isInternalTopic(topic)) return 'INVALID_TOPIC_EXCEPTION'
  const log = services.partitions.get(topic, partition)
  if (!log) return 'UNKNOWN_TOPIC_OR_PARTITION'
  const policy = services.configs.topic(topic, 'cleanup.policy') as readonly string[]
  if (!policy.includes('delete')) return 'POLICY_VIOLATION'
  try {
    await log.ready()
    const target = offset === -1 ? log.highWatermark : offset
    if (target < 0 || target > log.highWatermark) return 'OFFSET_OUT_OF_RANGE'
    return await log.deleteRecordsBefore(target)
  } catch (error) {
    if (!(error instanceof StorageError)) throw error
    return error.errorName
  }
}
