/** From kafkajs's messages to records with a partition, and from where they lie to its answers. */
import type { BytesRecord, HeadersInput, SentRecords } from '@ottla/client'
import { KafkaJSMetadataNotLoaded, KafkaJSNonRetriableError } from '../errors.ts'
import type { PartitionMetadata } from '../types/cluster.ts'
import type {
  IHeaders,
  Message,
  PartitionerArgs,
  RecordMetadata,
  TopicMessages,
} from '../types/producer.ts'

export function validateMessages(topicMessages: readonly TopicMessages[]): void {
  for (const { topic, messages } of topicMessages) {
    if (!topic) throw new KafkaJSNonRetriableError('Invalid topic')
    if (!messages) {
      const message = `Invalid messages array [${messages}] for topic "${topic}"`
      throw new KafkaJSNonRetriableError(message)
    }
    const empty = messages.find(({ value }) => value === undefined)
    if (!empty) continue
    throw new KafkaJSNonRetriableError(
      `Invalid message without value for topic "${topic}": ${JSON.stringify(empty)}`,
    )
  }
}

/** One entry per topic, in the order of first mention. */
export function mergeByTopic(topicMessages: readonly TopicMessages[]): Map<string, Message[]> {
  const merged = new Map<string, Message[]>()
  for (const { topic, messages } of topicMessages) {
    merged.set(topic, [...(merged.get(topic) ?? []), ...messages])
  }
  return merged
}

export function recordsOf(
  topic: string,
  messages: readonly Message[],
  how: {
    readonly partitionMetadata: PartitionMetadata[]
    readonly partitioner: (args: PartitionerArgs) => number
  },
): (BytesRecord & { partition: number })[] {
  const { partitionMetadata, partitioner } = how
  if (partitionMetadata.length === 0) {
    throw new KafkaJSMetadataNotLoaded('Producing to topic without metadata')
  }
  const records = messages.map((message) => {
    const { key, value, headers, timestamp } = message
    return {
      key: bytesOrText(key),
      value: bytesOrText(value),
      partition: Number(partitioner({ topic, partitionMetadata, message })),
      ...(headers ? { headers: headersOf(headers) } : {}),
      ...(timestamp === undefined || timestamp === null ? {} : { timestamp: Number(timestamp) }),
    }
  })
  // Each partition keeps its order. The newest first: the engine refuses a partition that it does
  // not know yet, and then nothing of the call has been appended.
  return records.sort((a, b) => b.partition - a.partition)
}

/** kafkajs makes text of whatever is no Buffer. */
function bytesOrText(part: Buffer | string | null | undefined): Uint8Array | string | null {
  if (part === null || part === undefined) return null
  return Buffer.isBuffer(part) ? part : String(part)
}

function headersOf(headers: IHeaders): HeadersInput {
  const known = Object.entries(headers).filter(([, value]) => value !== undefined)
  return Object.fromEntries(
    known.map(([name, value]) => [
      name,
      Array.isArray(value) ? value.map((one) => bytesOrText(one)) : bytesOrText(value),
    ]),
  )
}

/** One answer for each partition that was written to. */
export function answersFor(
  topicName: string,
  records: readonly { readonly partition: number }[],
  sent: SentRecords,
): RecordMetadata[] {
  const firsts = new Map<number, number>()
  records.forEach(({ partition }, index) => {
    if (!firsts.has(partition)) firsts.set(partition, index)
  })
  return [...firsts].map(([partition, index]) => {
    const { offset, logAppendTime, logStartOffset } = sent.at(index)
    return {
      topicName,
      partition,
      errorCode: 0,
      baseOffset: String(offset),
      logAppendTime: String(logAppendTime ?? -1),
      logStartOffset: String(logStartOffset),
    }
  })
}
