/**
 * AlterReplicaLogDirs (key 34), versions 1-2.
 *
 * Behaviour: a partition that is in the named directory already stays there; a directory that is
 * not one of `log.dirs` is LOG_DIR_NOT_FOUND.
 */
import { apis, type ErrorName, errorCode } from '@ottla/protocol'
import type { BrokerServices } from '../broker-services.ts'
import { handler } from '../handler.ts'

export const alterReplicaLogDirs = handler(
  apis.alterReplicaLogDirs,
  { lowest: 1, highest: 2 },
  (services, _context, { dirs }) => {
    const results = new Map<string, { partitionIndex: number; errorCode: number }[]>()
    for (const { path, topics } of dirs) {
      for (const { name, partitions } of topics) {
        const told = results.get(name) ?? []
        results.set(name, told)
        for (const partitionIndex of partitions) {
          const error = fault(services, path, name, partitionIndex)
          told.push({ partitionIndex, errorCode: errorCode(error) })
        }
      }
    }
    return {
      throttleTimeMs: 0,
      results: [...results].map(([topicName, partitions]) => ({ topicName, partitions })),
    }
  },
)

/** Longest name of a directory: topic, partition and the suffix `.<32 characters>-future`. */
const DIRECTORY_NAME_MAX = 255
const FUTURE_SUFFIX_LENGTH = 40

function fault(
  { logs, partitions }: BrokerServices,
  path: string,
  topic: string,
  partition: number,
): ErrorName {
  const nameLength = `${topic}-${partition}`.length + FUTURE_SUFFIX_LENGTH
  if (nameLength > DIRECTORY_NAME_MAX) return 'INVALID_TOPIC_EXCEPTION'
  if (path !== logs.logDir) return 'LOG_DIR_NOT_FOUND'
  return partitions.get(topic, partition) ? 'NONE' : 'UNKNOWN_TOPIC_OR_PARTITION'
}
