/** Batches as a broker has them, for what no consumer shows: their codecs. */
import type { Kafka } from '@ottla/client'
import { apis, batchSizeOf, compressionName, compressionOf, isControlBatch } from '@ottla/protocol'

/** The last version that names topics. */
const FETCH_VERSION_MAX = 12

/** Codec of each batch of partition 0 from the beginning, without control batches. */
export async function codecsIn(kafka: Kafka, topic: string): Promise<(string | undefined)[]> {
  const codecs: (string | undefined)[] = []
  const records = await fetchAll(kafka, topic)
  for (let rest = records; rest.length > 0; rest = rest.subarray(batchSizeOf(rest))) {
    if (!isControlBatch(rest)) codecs.push(compressionName(compressionOf(rest)))
  }
  return codecs
}

async function fetchAll(kafka: Kafka, topic: string): Promise<Buffer> {
  const partition = { partition: 0, fetchOffset: 0, partitionMaxBytes: 2 ** 20 }
  const { responses } = await kafka.request(
    apis.fetch,
    {
      ...{ replicaId: -1, maxWaitMs: 0, minBytes: 1, sessionId: 0, sessionEpoch: -1 },
      ...{ topics: [{ topic, partitions: [partition] }], forgottenTopicsData: [] },
    },
    { versionMax: FETCH_VERSION_MAX },
  )
  const records = responses[0]?.partitions[0]?.records
  return records ? Buffer.from(records as Buffer) : Buffer.alloc(0)
}
