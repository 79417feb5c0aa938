/**
 * DescribeLogDirs (key 35), versions 1-5.
 *
 * Behaviour: every log directory, with the size of each partition asked for (null: all) and of each
 * that is moving there. A directory that has failed is KAFKA_STORAGE_ERROR.
 * Version notes: size of the volume from 4, whether the directory is cordoned from 5.
 */
import { apis, type DescribeLogDirsResponse, errorCode, type InferInput } from '@ottla/protocol'
import type { LogDirectory, PartitionLog } from '@ottla/storage'
import type { BrokerServices } from '../broker-services.ts'
import { handler } from '../handler.ts'

type Result = InferInput<typeof DescribeLogDirsResponse>['results'][number]
type PartitionSize = Result['topics'][number]['partitions'][number]
/** Partitions by topic; null stands for all. */
type Wanted = readonly (readonly [string, readonly number[]])[]

export const describeLogDirs = handler(
  apis.describeLogDirs,
  { lowest: 1, highest: 5 },
  async (services, _context, request) => {
    const wanted: Wanted = request.topics
      ? request.topics.map(({ topic, partitions }) => [topic, partitions])
      : [...services.image.topics.values()].map(({ name, partitions }) => [
          name,
          partitions.map((p) => p.partition),
        ])
    const directories = services.logs.directories()
    const results = await Promise.all(
      directories.map((directory) => describe(services, directory, wanted)),
    )
    return { throttleTimeMs: 0, errorCode: 0, results }
  },
)

async function describe(
  services: BrokerServices,
  { path, isOnline }: LogDirectory,
  wanted: Wanted,
): Promise<Result> {
  if (!isOnline) {
    return { errorCode: errorCode('KAFKA_STORAGE_ERROR'), logDir: path, topics: [] }
  }
  const cordoned = services.configs.broker('cordoned.log.dirs') as readonly string[]
  const volume = services.volume(path)
  const topics = await Promise.all(
    wanted.map(async ([name, partitions]) => ({
      name,
      partitions: await sizesOf(services, path, name, partitions),
    })),
  )
  return {
    errorCode: 0,
    logDir: path,
    topics: topics.filter(({ partitions }) => partitions.length > 0),
    totalBytes: volume?.totalBytes ?? -1,
    usableBytes: volume?.usableBytes ?? -1,
    isCordoned: cordoned.includes(path),
  }
}

async function sizesOf(
  services: BrokerServices,
  path: string,
  topic: string,
  partitions: readonly number[],
): Promise<PartitionSize[]> {
  const { logs } = services
  const sizes: PartitionSize[] = []
  for (const partitionIndex of partitions) {
    const log = services.partitions.get(topic, partitionIndex)
    if (!log || log.isOffline) continue
    if (logs.ownerOf(topic, partitionIndex)?.logDir === path) {
      sizes.push({ partitionIndex, ...(await sizeOf(log)), isFutureKey: false })
    }
    for (const { topic: name, partition, target, copiedBytes } of logs.moves.all()) {
      if (name !== topic || partition !== partitionIndex || target.logDir !== path) continue
      const lag = log.isOpen ? log.logEndOffset - log.logStartOffset : 0
      sizes.push({ partitionIndex, partitionSize: copiedBytes, offsetLag: lag, isFutureKey: true })
    }
  }
  return sizes
}

async function sizeOf(log: PartitionLog) {
  await log.ready()
  return { partitionSize: log.sizeBytes, offsetLag: 0 }
}
