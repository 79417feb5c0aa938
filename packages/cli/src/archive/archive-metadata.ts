import { decodeRemoteLogRecord, RemoteSegments } from '@ottla/broker'
import type { Kafka } from '@ottla/client'

const TOPIC = '__remote_log_metadata'

/** Replays `__remote_log_metadata` to the end that it has now. */
export async function readArchiveMetadata(kafka: Kafka): Promise<RemoteSegments[]> {
  const topics = await kafka.admin.listTopics({ includeInternal: true })
  const found = topics.find(({ name }) => name === TOPIC)
  if (!found) return []
  const questions = (at: 'earliest' | 'latest') =>
    found.partitions.map(({ partition }) => ({ topic: TOPIC, partition, at }))
  const starts = await kafka.admin.listOffsets(questions('earliest'))
  const ends = await kafka.admin.listOffsets(questions('latest'))
  const left = new Map<number, bigint>()
  const from = starts.filter(({ partition, offset }) => {
    const end = ends.find((other) => other.partition === partition)?.offset ?? offset
    if (end > offset) left.set(partition, end)
    return end > offset
  })
  const partitions = new Map<string, RemoteSegments>()
  if (left.size === 0) return []
  await using consumer = kafka.consumer({ from: 'earliest' })
  for await (const batch of consumer.assign(from)) {
    for (const { value, offset } of batch) {
      if (value) replay(partitions, value as Uint8Array)
      if (offset + 1n >= (left.get(batch.partition) ?? 0n)) left.delete(batch.partition)
    }
    if (left.size === 0) break
  }
  return [...partitions.values()]
}

function replay(partitions: Map<string, RemoteSegments>, value: Uint8Array): void {
  const record = decodeRemoteLogRecord(Buffer.from(value))
  const { of } = record
  const name = `${of.topicId}:${of.partition}`
  let segments = partitions.get(name)
  if (!segments) {
    segments = new RemoteSegments(of)
    partitions.set(name, segments)
  }
  segments.replay(record)
  if (segments.isGone) partitions.delete(name)
}
