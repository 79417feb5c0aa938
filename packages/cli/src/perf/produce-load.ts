/** Sends records of one size, at a rate or as fast as the producer takes them. */
import { randomBytes } from 'node:crypto'
import { setImmediate, setTimeout } from 'node:timers/promises'
import type { Kafka, ProducerOptions } from '@ottla/client'
import type { Terminal } from '../terminal.ts'
import { LatencyHistogram } from './latency-histogram.ts'
import { Pace } from './pace.ts'
import { PerfProgress, type PerfSummary, summarize } from './perf-report.ts'

export interface Load {
  readonly count: number
  readonly size: number
  /** Records a second; 0 for no limit. */
  readonly rate: number
  readonly producer: ProducerOptions
  readonly signal: AbortSignal
  readonly out: Terminal
}

/** Latency is measured on some records: a promise for each would be most of the work. */
const SAMPLES_WANTED = 20_000
/** Between two looks at sockets, timers and the signal. */
const RECORDS_PER_TURN = 512
const PAYLOADS = 64

export async function produceLoad(kafka: Kafka, topic: string, load: Load): Promise<PerfSummary> {
  const values = payloads(load.size)
  const latencies = new LatencyHistogram()
  const sampleEvery = Math.max(1, Math.floor(load.count / SAMPLES_WANTED))
  const progress = new PerfProgress(load.out, load.count)
  const producer = kafka.producer(load.producer)
  // The first record pays for metadata and the producer id; it is not part of what is measured.
  await producer.send(topic, { value: values[0] as string })
  const startMs = performance.now()
  const pace = new Pace(load.rate, startMs)
  let failure: unknown
  const sample = (value: string) => {
    const sentMs = performance.now()
    producer.send(topic, { value }).then(
      () => latencies.record(performance.now() - sentMs),
      (error: unknown) => {
        failure ??= error
      },
    )
  }
  let sent = 0
  while (sent < load.count && !load.signal.aborted && failure === undefined) {
    const due = Math.min(load.count, pace.dueCount(performance.now()), sent + RECORDS_PER_TURN)
    if (due <= sent) {
      await setTimeout(Math.max(1, pace.dueMs(sent) - performance.now()))
      continue
    }
    for (; sent < due; sent++) {
      const value = values[sent % PAYLOADS] as string
      if (sent % sampleEvery === 0) sample(value)
      else if (!producer.enqueue(topic, { value })) await producer.ready
    }
    progress.show(sent, sent * load.size)
    await setImmediate()
  }
  await producer.flush()
  const elapsedMs = performance.now() - startMs
  await producer.close()
  if (failure !== undefined) throw failure
  const latency = latencies.summary()
  const what = { kind: 'produce' as const, topic, records: sent, bytes: sent * load.size, latency }
  return summarize(what, elapsedMs)
}

/** Letters and digits: such records compress about as far as real ones of that kind. */
export function payloads(size: number): string[] {
  return Array.from({ length: PAYLOADS }, () =>
    randomBytes(Math.ceil((size * 3) / 4) + 1)
      .toString('base64url')
      .slice(0, size),
  )
}
