/** All records of a topic, for tests that judge what is left at the end. */
import type { ConsumerRecord, Kafka } from '@ottla/client'

export interface StoredRecord {
  readonly partition: number
  readonly offset: bigint
  readonly timestamp: bigint
  readonly key: string | null
  readonly value: string | null
  readonly headers: readonly (readonly [string, string])[]
}

export type Isolation = 'read_committed' | 'read_uncommitted'

const READ_TIMEOUT_MS = 60_000
const WATCH_MS = 20
const text = (bytes: unknown): string | null =>
  bytes === null || bytes === undefined ? null : Buffer.from(bytes as Uint8Array).toString()

/** Partition by partition, from the start to what was the end when it was called. */
export async function contentOf(
  kafka: Kafka,
  topic: string,
  isolationLevel: Isolation = 'read_uncommitted',
): Promise<StoredRecord[]> {
  const [description] = await kafka.admin.describeTopics([topic])
  const records: StoredRecord[] = []
  for (const { partition } of description?.partitions ?? []) {
    const at = [{ topic, partition, at: 'latest' as const }]
    const [end] = await kafka.admin.listOffsets(at)
    const endOffset = end?.offset ?? 0n
    if (endOffset === 0n) continue
    await using consumer = kafka.consumer({ from: 'earliest', isolationLevel })
    const reached = new AbortController()
    // Behind the last record there may be markers only: no batch tells that the end is there.
    const watch = setInterval(() => {
      const position = consumer.assignment[0]?.position ?? 0n
      if (position >= endOffset) reached.abort()
    }, WATCH_MS)
    const signal = AbortSignal.any([reached.signal, AbortSignal.timeout(READ_TIMEOUT_MS)])
    for await (const batch of consumer.assign([{ topic, partition }], { signal })) {
      for (const record of batch) {
        if (record.offset < endOffset) records.push(storedRecord(record))
      }
    }
    clearInterval(watch)
    if (!reached.signal.aborted) throw new Error(`${topic}-${partition} was not read to its end`)
  }
  return records
}

function storedRecord(record: ConsumerRecord): StoredRecord {
  const { partition, offset, timestamp } = record
  return {
    partition,
    offset,
    timestamp,
    key: text(record.key),
    value: text(record.value),
    headers: record.headers.map(({ key, value }) => [key, String(text(value))]),
  }
}
