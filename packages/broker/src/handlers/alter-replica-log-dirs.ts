/**
 * AlterReplicaLogDirs (key 34), versions 1-2.
 *
 * Behaviour: a partition begins to move to another of `log.dirs`, and is answered at once;
 * DescribeLogDirs shows it as a future replica until it is there. One that is there already stays.
 * A directory that is none of `log.dirs` is LOG_DIR_NOT_FOUND, one that has failed is
 * KAFKA_STORAGE_ERROR, one that is cordoned INVALID_REPLICA_ASSIGNMENT.
 * Differences: a partition that does not exist yet is not remembered; CreateTopics places it.
 */
import { apis, type ErrorName, errorCode } from '@ottla/protocol'
import type { BrokerServices } from '../broker-services.ts'
import { handler } from '../handler.ts'

export const alterReplicaLogDirs = handler(
  apis.alterReplicaLogDirs,
  { lowest: 1, highest: 2 },
  (services, _context, { dirs }) => {
    // Of several directories for a partition the last one counts.
    const paths = new Map<string, Map<number, string>>()
    for (const { path, topics } of dirs) {
      for (const { name, partitions } of topics) {
        const known = paths.get(name) ?? new Map<number, string>()
        paths.set(name, known)
        for (const partition of partitions) known.set(partition, path)
      }
    }
    const results = [...paths].map(([topicName, partitions]) => ({
      topicName,
      partitions: [...partitions].map(([partitionIndex, path]) => ({
        partitionIndex,
        errorCode: errorCode(move(services, path, topicName, partitionIndex)),
      })),
    }))
    return { throttleTimeMs: 0, results }
  },
)

/** Longest name of a directory: topic, partition and the suffix `.<32 characters>-future`. */
const DIRECTORY_NAME_MAX = 255
const FUTURE_SUFFIX_LENGTH = 40

function move(
  { logs, partitions, configs }: BrokerServices,
  path: string,
  topic: string,
  partition: number,
): ErrorName {
  const nameLength = `${topic}-${partition}`.length + FUTURE_SUFFIX_LENGTH
  if (nameLength > DIRECTORY_NAME_MAX) return 'INVALID_TOPIC_EXCEPTION'
  if (!logs.directories().some((directory) => directory.path === path)) return 'LOG_DIR_NOT_FOUND'
  const target = logs.managerOf(path)
  if (!target) return 'KAFKA_STORAGE_ERROR'
  const cordoned = configs.broker('cordoned.log.dirs') as readonly string[]
  if (cordoned.includes(path)) return 'INVALID_REPLICA_ASSIGNMENT'
  const log = partitions.get(topic, partition)
  if (!log) return 'UNKNOWN_TOPIC_OR_PARTITION'
  if (log.isOffline) return 'KAFKA_STORAGE_ERROR'
  // How it ends is written to the broker's log; the client asks with DescribeLogDirs.
  logs.moves.start(topic, partition, target).catch(() => undefined)
  return 'NONE'
}
