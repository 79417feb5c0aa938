/** Finds the offsets that a place such as `start`, `-10` or `@10m` means in each partition. */
import type { Kafka, TopicPartition } from '@ottla/client'
import type { LogPlace } from '../text/log-place.ts'

export interface PlacedPartition extends TopicPartition {
  readonly offset: bigint
  readonly logStartOffset: bigint
  readonly logEndOffset: bigint
}

export async function resolvePlace(
  kafka: Kafka,
  partitions: readonly TopicPartition[],
  place: LogPlace,
): Promise<PlacedPartition[]> {
  const at = (question: 'earliest' | 'latest' | number) =>
    kafka.admin.listOffsets(
      partitions.map(({ topic, partition }) => ({ topic, partition, at: question })),
    )
  const [starts, ends, times] = await Promise.all([
    at('earliest'),
    at('latest'),
    place.kind === 'time' ? at(place.ms) : undefined,
  ])
  const index = (list: Awaited<ReturnType<typeof at>>) =>
    new Map(list.map((found) => [`${found.topic}:${found.partition}`, found.offset]))
  const startOf = index(starts)
  const endOf = index(ends)
  const timeOf = index(times ?? [])
  return partitions.map(({ topic, partition }) => {
    const key = `${topic}:${partition}`
    const logStartOffset = startOf.get(key) ?? 0n
    const logEndOffset = endOf.get(key) ?? 0n
    const wanted = offsetOf(place, logStartOffset, logEndOffset, timeOf.get(key))
    const offset =
      wanted < logStartOffset ? logStartOffset : wanted > logEndOffset ? logEndOffset : wanted
    return { topic, partition, offset, logStartOffset, logEndOffset }
  })
}

/** No record as young as the time asked for: the end, where younger ones will come. */
function offsetOf(place: LogPlace, start: bigint, end: bigint, atTime: bigint | undefined): bigint {
  switch (place.kind) {
    case 'start':
      return start
    case 'end':
      return end
    case 'offset':
      return place.offset
    case 'last':
      return end - place.count
    case 'time':
      return atTime === undefined || atTime < 0n ? end : atTime
  }
}
