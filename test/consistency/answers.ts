/** Fetch requests and what their answers say, judged as a consumer judges them. */
import {
  apis,
  contiguousRecords,
  decodeControlRecord,
  errorName,
  isBatchCrcValid,
  MalformedMessageError,
  type RecordBatch,
  type RecordBytes,
  readBatches,
} from '@ottla/protocol'
import type { Connection } from './connection.ts'
import type { Poll, Read, Span } from './history.ts'
import { numberOf } from './payload.ts'
import { byTopic, keyOf } from './topic.ts'

const FETCH_VERSION = 12

export interface FetchOptions {
  readonly isCommittedOnly: boolean
  readonly waitMs?: number
  readonly bytesMax?: number
}

export type FetchResult = Poll & { readonly error: string }

/** Asks for keys from their positions on. */
export async function fetchKeys(
  connection: Connection,
  positions: ReadonlyMap<number, number>,
  options: FetchOptions,
): Promise<FetchResult[]> {
  const partitionMaxBytes = options.bytesMax ?? 16 * 1024
  const topics = byTopic(positions.keys(), (key, partition) => ({
    partition,
    fetchOffset: positions.get(key) ?? 0,
    partitionMaxBytes,
  }))
  const answer = await connection.ask(apis.fetch, FETCH_VERSION, {
    maxWaitMs: options.waitMs ?? 20,
    minBytes: 1,
    isolationLevel: options.isCommittedOnly ? 1 : 0,
    topics,
    forgottenTopicsData: [],
  })
  const results = answer.responses.flatMap(({ topic, partitions }) =>
    partitions.map((part) => {
      const key = keyOf(topic, part.partitionIndex)
      const from = positions.get(key) ?? 0
      const { highWatermark, lastStableOffset, logStartOffset } = part
      return {
        key,
        isCommittedOnly: options.isCommittedOnly,
        from,
        error: errorName(part.errorCode),
        highWatermark,
        lastStableOffset,
        logStartOffset,
        ...readsOf(key, part, from, options.isCommittedOnly),
      }
    }),
  )
  const lost = results.filter(({ error }) => error === 'OFFSET_OUT_OF_RANGE').map(({ key }) => key)
  if (lost.length === 0) return results
  // The answer itself tells no positions then.
  const starts = await startsOf(connection, lost)
  return results.map((result) => {
    const logStartOffset = starts.get(result.key) ?? result.logStartOffset
    return { ...result, logStartOffset }
  })
}

/** Where keys begin. */
export async function startsOf(
  connection: Connection,
  keys: readonly number[],
): Promise<Map<number, number>> {
  const EARLIEST = -2
  const topics = byTopic(keys, (_key, partitionIndex) => ({
    partitionIndex,
    timestamp: EARLIEST,
  })).map(({ topic: name, partitions }) => ({ name, partitions }))
  const answer = await connection.ask(apis.listOffsets, 7, {
    replicaId: -1,
    isolationLevel: 0,
    topics,
  })
  return new Map(
    answer.topics.flatMap(({ name, partitions }) =>
      partitions.map(({ partitionIndex, offset }) => [
        keyOf(name, partitionIndex),
        Math.max(0, offset),
      ]),
    ),
  )
}

interface PartAnswer {
  readonly records: RecordBytes | null
  readonly abortedTransactions:
    | readonly { readonly producerId: number; readonly firstOffset: number }[]
    | null
}

function readsOf(key: number, part: PartAnswer, from: number, isCommittedOnly: boolean) {
  const bytes = contiguousRecords(part.records)
  const records: Read[] = []
  const spans: Span[] = []
  let next = from
  const isAborted = abortedBatches(isCommittedOnly ? (part.abortedTransactions ?? []) : [])
  for (const batch of batchesIn(bytes)) {
    if (!batch || !isBatchCrcValid(batch.buffer, batch.position)) {
      records.push({ offset: next, value: -1, isIntact: false })
      return { records, spans, next: next + 1 }
    }
    const { baseOffset, lastOffset, leaderEpoch } = batch
    spans.push({ from: baseOffset, to: lastOffset, leaderEpoch })
    if (!isAborted(batch) && !batch.isControl) {
      for (const record of batch.records()) {
        const { offset, value } = record
        if (offset < from) continue
        const number = numberOf(key, record.key, value)
        records.push({ offset, value: number ?? -1, isIntact: number !== undefined })
      }
    }
    next = Math.max(next, lastOffset + 1)
  }
  return { records, spans, next }
}

/** The batches, and undefined for bytes that cannot be one. */
function batchesIn(bytes: Buffer): (RecordBatch | undefined)[] {
  try {
    return readBatches(bytes)
  } catch (error) {
    if (error instanceof MalformedMessageError) return [undefined]
    throw error
  }
}

/** As Kafka's consumers do: a producer is aborted from its first offset to its marker. */
function abortedBatches(
  transactions: readonly { readonly producerId: number; readonly firstOffset: number }[],
): (batch: RecordBatch) => boolean {
  const waiting = transactions.toSorted((a, b) => a.firstOffset - b.firstOffset)
  const aborted = new Set<number>()
  return (batch) => {
    for (let [first] = waiting; first && first.firstOffset <= batch.lastOffset; [first] = waiting) {
      aborted.add(first.producerId)
      waiting.shift()
    }
    if (batch.isControl) {
      const [record] = batch.records()
      if (record && decodeControlRecord(record).type === 'ABORT') aborted.delete(batch.producerId)
      return false
    }
    return batch.isTransactional && aborted.has(batch.producerId)
  }
}
