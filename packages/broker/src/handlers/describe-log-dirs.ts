/**
 * DescribeLogDirs (key 35), versions 1-5.
 *
 * Behaviour: the one log directory, with the size of each partition asked for (null: all).
 * Version notes: size of the volume from 4.
 */
import { apis, type DescribeLogDirsResponse, type InferInput } from '@ottla/protocol'
import type { BrokerServices } from '../broker-services.ts'
import { handler } from '../handler.ts'

type TopicAnswer = InferInput<typeof DescribeLogDirsResponse>['results'][number]['topics'][number]

export const describeLogDirs = handler(
  apis.describeLogDirs,
  { lowest: 1, highest: 5 },
  async (services, _context, request) => {
    const wanted = request.topics
      ? request.topics.map(({ topic, partitions }) => [topic, partitions] as const)
      : [...services.image.topics.values()].map(
          ({ name, partitions }) => [name, partitions.map((p) => p.partition)] as const,
        )
    const topics = await Promise.all(
      wanted.map(([name, partitions]) => sizesOf(services, name, partitions)),
    )
    const volume = services.volume()
    return {
      throttleTimeMs: 0,
      errorCode: 0,
      results: [
        {
          errorCode: 0,
          logDir: services.logs.logDir,
          topics: topics.filter((topic) => topic.partitions.length > 0),
          totalBytes: volume?.totalBytes ?? -1,
          usableBytes: volume?.usableBytes ?? -1,
        },
      ],
    }
  },
)

async function sizesOf(
  services: BrokerServices,
  name: string,
  partitions: readonly number[],
): Promise<TopicAnswer> {
  const sizes = []
  for (const partitionIndex of partitions) {
    const log = services.partitions.get(name, partitionIndex)
    if (!log) continue
    await log.ready()
    sizes.push({ partitionIndex, partitionSize: log.sizeBytes, offsetLag: 0, isFutureKey: false })
  }
  return { name, partitions: sizes }
}
