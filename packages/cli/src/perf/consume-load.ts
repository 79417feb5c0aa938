/** Reads partitions from their start to where they ended when it began. */
import type { Kafka, TopicPartition } from '@ottla/client'
import { UsageError } from '../cli-error.ts'
import { resolvePlace } from '../records/resolve-place.ts'
import type { Terminal } from '../terminal.ts'
import { PerfProgress, type PerfSummary, summarize } from './perf-report.ts'

export interface Reading {
  /** All there are, when undefined. */
  readonly count: number | undefined
  readonly signal: AbortSignal
  readonly out: Terminal
}

/** Where the batches are read to, and what they held. */
interface Tally {
  records: number
  bytes: number
}

const END_CHECK_MS = 100

export async function consumeLoad(
  kafka: Kafka,
  partitions: readonly TopicPartition[],
  reading: Reading,
): Promise<PerfSummary> {
  const placed = await resolvePlace(kafka, partitions, { kind: 'start' })
  const available = placed.reduce((sum, p) => sum + Number(p.logEndOffset - p.logStartOffset), 0)
  const topic = placed[0]?.topic ?? ''
  if (available === 0) {
    throw new UsageError(`${topic} is empty`, `Fill it first: ottla perf produce ${topic}`)
  }
  const wanted = Math.min(reading.count ?? available, available)
  const progress = new PerfProgress(reading.out, wanted)
  const atEnd = new AbortController()
  const signal = AbortSignal.any([reading.signal, atEnd.signal])
  const consumer = kafka.consumer()
  const ends = new Map(placed.map((p) => [p.partition, p.logEndOffset]))
  // Compaction and transactions leave gaps, so the number of records alone may never be reached.
  const timer = setInterval(() => {
    const held = consumer.assignment
    const isAtEnd = held.every((p) => (p.position ?? -1n) >= (ends.get(p.partition) ?? 0n))
    if (held.length > 0 && isAtEnd) atEnd.abort()
  }, END_CHECK_MS)
  const tally: Tally = { records: 0, bytes: 0 }
  const startMs = performance.now()
  let lastMs = startMs
  try {
    for await (const batch of consumer.assign(placed, { signal })) {
      for (const record of batch) {
        tally.records++
        tally.bytes += (record.keyBytes?.length ?? 0) + (record.valueBytes?.length ?? 0)
      }
      lastMs = performance.now()
      progress.show(tally.records, tally.bytes)
      if (tally.records >= wanted) break
    }
  } finally {
    clearInterval(timer)
  }
  await consumer.close()
  return summarize({ kind: 'consume', topic, ...tally }, lastMs - startMs)
}
