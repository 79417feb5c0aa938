/**
 * ListOffsets (key 2), versions 1-11.
 *
 * Behaviour: -1 latest (the last stable offset for read_committed), -2 earliest, -3 largest
 * timestamp, -4 local earliest, -5 latest tiered, -6 earliest pending upload; anything else is the
 * first record at or after that time. Not found is no error: offset -1, timestamp -1. Of a tiered
 * log -3 looks at the local segments only; without an archive -4 is the log start offset, and
 * there is no -5 or -6.
 * Version notes: -3 from 7, -4 from 8, -5 from 9, -6 from 11; an unknown negative value is
 * UNSUPPORTED_VERSION for that partition.
 */
import {
  apis,
  COMPRESSION,
  type ErrorName,
  errorCode,
  type InferInput,
  type ListOffsetsResponse,
  loadCodec,
} from '@ottla/protocol'
import { type PartitionLog, StorageError } from '@ottla/storage'
import type { BrokerServices } from '../broker-services.ts'
import { handler } from '../handler.ts'

type PartitionAnswer = InferInput<
  typeof ListOffsetsResponse
>['topics'][number]['partitions'][number]

const READ_COMMITTED = 1
/** Special timestamps and the version that brought them. */
const SPECIAL: ReadonlyMap<number, number> = new Map([
  [-1, 1],
  [-2, 1],
  [-3, 7],
  [-4, 8],
  [-5, 9],
  [-6, 11],
])

interface Query {
  readonly partitionIndex: number
  readonly currentLeaderEpoch: number
  readonly timestamp: number
}

export const listOffsets = handler(
  apis.listOffsets,
  { lowest: 1, highest: 11 },
  async (services, { apiVersion }, request) => {
    const isCommittedOnly = request.isolationLevel === READ_COMMITTED
    const topics = request.topics.map(async ({ name, partitions }) => {
      const duplicates = duplicatesOf(partitions.map((p) => p.partitionIndex))
      const answers = partitions.map(async (query) =>
        duplicates.has(query.partitionIndex)
          ? failed(query.partitionIndex, 'INVALID_REQUEST')
          : answer(services, apiVersion, name, { ...query, isCommittedOnly }),
      )
      return { name, partitions: await Promise.all(answers) }
    })
    return { throttleTimeMs: 0, topics: await Promise.all(topics) }
  },
)

function duplicatesOf(numbers: readonly number[]): Set<number> {
  const seen = new Set<number>()
  return new Set(numbers.filter((number) => seen.size === seen.add(number).size))
}

async function answer(
  services: BrokerServices,
  apiVersion: number,
  topicName: string,
  query: Query & { readonly isCommittedOnly: boolean },
): Promise<PartitionAnswer> {
  const { partitionIndex, timestamp, currentLeaderEpoch, isCommittedOnly } = query
  if (timestamp < 0 && (SPECIAL.get(timestamp) ?? Number.POSITIVE_INFINITY) > apiVersion) {
    return failed(partitionIndex, 'UNSUPPORTED_VERSION')
  }
  const partition = services.image.topics.get(topicName)?.partitions[partitionIndex]
  const log = services.partitions.get(topicName, partitionIndex)
  if (!partition || !log) return failed(partitionIndex, 'UNKNOWN_TOPIC_OR_PARTITION')
  if (currentLeaderEpoch >= 0 && currentLeaderEpoch !== partition.leaderEpoch) {
    const isOld = currentLeaderEpoch < partition.leaderEpoch
    return failed(partitionIndex, isOld ? 'FENCED_LEADER_EPOCH' : 'UNKNOWN_LEADER_EPOCH')
  }
  try {
    await log.ready()
    const found = await lookUp(log, timestamp, isCommittedOnly)
    const isMissing = found.offset < 0
    const leaderEpoch = isMissing ? -1 : (found.leaderEpoch ?? partition.leaderEpoch)
    return { partitionIndex, errorCode: 0, ...found, leaderEpoch }
  } catch (error) {
    if (!(error instanceof StorageError)) throw error
    return failed(partitionIndex, error.errorName)
  }
}

const NOT_FOUND = { offset: -1, timestamp: -1 } as const

interface Found {
  readonly offset: number
  readonly timestamp: number
  readonly leaderEpoch?: number
}

async function lookUp(
  log: PartitionLog,
  timestamp: number,
  isCommittedOnly: boolean,
): Promise<Found> {
  const end = isCommittedOnly ? log.lastStableOffset : log.highWatermark
  switch (timestamp) {
    case -1:
      return { offset: end, timestamp: -1 }
    case -2:
      return { offset: log.logStartOffset, timestamp: -1 }
    case -4:
    case -5:
    case -6:
      return tierOffset(log, timestamp)
    default: {
      await loadCodec(COMPRESSION.zstd)
      const found =
        timestamp === -3
          ? await log.offsetOfMaxTimestamp()
          : await log.offsetForTimestamp(timestamp)
      return found && found.offset < end ? found : NOT_FOUND
    }
  }
}

/** Offsets that tell how far the archive reaches (KIP-405, KIP-1005, KIP-1023). */
async function tierOffset(log: PartitionLog, timestamp: -4 | -5 | -6): Promise<Found> {
  await log.tier?.ready()
  const { tieredTo, logStartOffset, localLogStartOffset } = log
  const epochOf = (offset: number) =>
    log.epochs.findLast(({ startOffset }) => startOffset <= offset)?.epoch
  const at = (offset: number): Found => {
    const leaderEpoch = epochOf(offset)
    return { offset, timestamp: -1, ...(leaderEpoch === undefined ? {} : { leaderEpoch }) }
  }
  if (timestamp === -4) return at(localLogStartOffset)
  if (timestamp === -5) return tieredTo < 0 ? NOT_FOUND : at(tieredTo)
  const pending = Math.max(tieredTo + 1, logStartOffset)
  // Nothing waits for an archive that there is not, nor in a log without any record.
  return log.tier && epochOf(pending) !== undefined ? at(pending) : NOT_FOUND
}

const failed = (partitionIndex: number, error: ErrorName): PartitionAnswer => ({
  partitionIndex,
  errorCode: errorCode(error),
})
