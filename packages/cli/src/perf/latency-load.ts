/**
 * Sends records at a rate and measures the time until a consumer of the same process has each: one
 * clock, so nothing has to be synchronized. A record's time counts from when it was due, not from
 * when it was sent: a stall must not hide the records that it held up.
 */
import { setTimeout } from 'node:timers/promises'
import type { Kafka, Producer } from '@ottla/client'
import { TimeoutError } from '@ottla/client'
import { knownTopics } from '../known-topics.ts'
import { type PlacedPartition, resolvePlace } from '../records/resolve-place.ts'
import { LatencyHistogram } from './latency-histogram.ts'
import { Pace } from './pace.ts'
import { PerfProgress, type PerfSummary, summarize } from './perf-report.ts'
import { type Load, payloads } from './produce-load.ts'

export interface LatencyLoad extends Load {
  /** How long to wait for records that were sent and have not come. */
  readonly timeoutMs: number
}

/** Not measured: connections, metadata and the first fetch belong to nobody's latency. */
const WARM_UP = 20

export async function latencyLoad(
  kafka: Kafka,
  topic: string,
  load: LatencyLoad,
): Promise<PerfSummary> {
  const producer = kafka.producer(load.producer)
  const run = new LatencyRun(kafka, topic, load)
  const done = new AbortController()
  const start = await run.findStart()
  const consuming = run.consume(start, AbortSignal.any([done.signal, load.signal]))
  try {
    await run.send(producer, WARM_UP, new Pace(100, performance.now()))
    await run.arrived(WARM_UP)
    run.latencies = new LatencyHistogram()
    const startMs = performance.now()
    await run.send(producer, load.count, new Pace(load.rate, startMs))
    await producer.flush()
    await run.arrived(run.sent)
    const records = run.latencies.count
    const latency = run.latencies.summary()
    const what = { kind: 'latency' as const, topic, records, bytes: records * load.size, latency }
    return summarize(what, performance.now() - startMs)
  } finally {
    done.abort()
    await consuming
    await producer.close()
  }
}

class LatencyRun {
  latencies = new LatencyHistogram()
  sent = 0
  private received = 0
  private failure: unknown
  private readonly dueMs: number[] = []
  private readonly kafka: Kafka
  private readonly topic: string
  private readonly load: LatencyLoad
  private readonly values: readonly string[]

  constructor(kafka: Kafka, topic: string, load: LatencyLoad) {
    this.kafka = kafka
    this.topic = topic
    this.load = load
    this.values = payloads(load.size)
  }

  async send(producer: Producer, count: number, pace: Pace): Promise<void> {
    const progress = new PerfProgress(this.load.out, count)
    for (let i = 0; i < count && !this.load.signal.aborted; i++) {
      if (this.failure !== undefined) throw this.failure
      const dueMs = pace.dueMs(i)
      const waitMs = dueMs - performance.now()
      // A timer is a millisecond late at best; what is due by then goes out with it.
      if (waitMs > 0) await setTimeout(waitMs)
      const number = this.sent++
      this.dueMs[number] = this.load.rate === 0 ? performance.now() : dueMs
      const value = this.values[i % this.values.length] as string
      // The key says which record it is.
      const record = { key: String(number), value }
      if (!producer.enqueue(this.topic, record)) await producer.ready
      progress.show(i, i * this.load.size)
    }
  }

  /** Where the log ends before anything is sent; reading begins there. */
  async findStart(): Promise<PlacedPartition[]> {
    const [found] = await knownTopics(this.kafka, [this.topic])
    const partitions = (found?.partitions ?? []).map(({ partition }) => ({
      topic: this.topic,
      partition,
    }))
    return resolvePlace(this.kafka, partitions, { kind: 'end' })
  }

  async consume(placed: readonly PlacedPartition[], signal: AbortSignal): Promise<void> {
    try {
      const consumer = this.kafka.consumer()
      for await (const batch of consumer.assign(placed, { signal })) {
        const nowMs = performance.now()
        for (const record of batch) {
          const dueMs = this.dueMs[Number(record.keyBytes?.toString('latin1'))]
          // Somebody else may be writing to the topic as well.
          if (dueMs === undefined) continue
          this.latencies.record(nowMs - dueMs)
          this.received++
        }
      }
    } catch (error) {
      this.failure = error
    }
  }

  /** Resolves when so many records have come. */
  async arrived(count: number): Promise<void> {
    const { timeoutMs, signal } = this.load
    const deadlineMs = performance.now() + timeoutMs
    while (this.received < count && !signal.aborted) {
      if (this.failure !== undefined) throw this.failure
      if (performance.now() > deadlineMs) {
        const missing = count - this.received
        throw new TimeoutError(`Receiving the last ${missing} of ${count} records`, timeoutMs)
      }
      await setTimeout(1)
    }
  }
}
