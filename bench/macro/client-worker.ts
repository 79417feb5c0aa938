/**
 * One measurement of one client in a process of its own. Prints one line of JSON.
 *
 *   node client-worker.ts '{"module": ..., "mode": "produce", ...}'     see WorkerOptions
 *
 * Throughput is counted between the end of a warm-up and the last record or the last second,
 * whichever comes first, so that a run takes about as long with a slow client as with a fast one.
 * CPU is that of this whole process, threads of native clients included, and of the broker in the
 * same stretch of time.
 */
import { pathToFileURL } from 'node:url'
import { payloads } from '../support/payloads.ts'
import { cpuSeconds } from '../support/process-usage.ts'

export interface WorkerOptions {
  /** File that exports `openProducer` and `openConsumer`. */
  readonly module: string
  readonly mode: 'produce' | 'consume' | 'latency'
  readonly bootstrap: string
  readonly brokerPid: number
  readonly topic: string
  readonly size: number
  readonly codec: string
  /** Records at most, warm-up included; a topic to consume holds somewhat more. */
  readonly records: number
  /** Measured at most. */
  readonly seconds: number
  /** Of latency runs. */
  readonly recordsPerSecond: number
}

export interface Throughput {
  readonly records: number
  readonly wallMs: number
  readonly userMs: number
  readonly systemMs: number
  readonly brokerMs: number
  /** Most resident memory since the process started, in bytes. */
  readonly peakBytes: number
}

export interface Latency extends Throughput {
  readonly latencyMs: { readonly p50: number; readonly p99: number; readonly p999: number }
}

interface ProducerUnderTest {
  send(values: readonly Buffer[]): Promise<unknown>
  close(): Promise<void>
}

interface ConsumerUnderTest {
  run(onRecords: (count: number, bytes: number) => void): Promise<unknown>
  close(): Promise<void>
}

const CALLS_IN_FLIGHT = 5
/** A call carries up to 1,000 records, but no more than one batch may under Kafka's default. */
const BYTES_PER_CALL_MAX = 800_000
const WARM_UP_SHARE = 0.3
const WARM_UP_SECONDS = 1
const LATENCY_WARM_UP_SECONDS = 2
/** Calls without an answer above which a client counts as unable to keep up. */
const WAITING_CALLS_MAX = 5_000
/** Looking at the clock for each of a client's events would be work of ours. */
const EVENTS_PER_LOOK = 32

const options = JSON.parse(process.argv[2] ?? '') as WorkerOptions
const client = (await import(pathToFileURL(options.module).href)) as {
  openProducer(options: WorkerOptions): Promise<ProducerUnderTest>
  openConsumer(options: WorkerOptions): Promise<ConsumerUnderTest>
}

class Stopwatch {
  private readonly startedAt = performance.now()
  private readonly cpu = process.cpuUsage()
  private readonly broker = cpuSeconds(options.brokerPid)

  stop(records: number): Throughput {
    const wallMs = performance.now() - this.startedAt
    const { user, system } = process.cpuUsage(this.cpu)
    return {
      records,
      wallMs,
      userMs: user / 1000,
      systemMs: system / 1000,
      brokerMs: (cpuSeconds(options.brokerPid) - this.broker) * 1000,
      peakBytes: process.resourceUsage().maxRSS * 1024,
    }
  }
}

/** Counts records, starts the clock behind the warm-up and stops it at the end. */
class Stretch {
  seen = 0
  result: Throughput | undefined
  private events = 0
  private firstMs = 0
  private startMs = 0
  private seenBefore = 0
  private stopwatch: Stopwatch | undefined

  note(records: number): void {
    this.seen += records
    const isEnough = this.seen >= options.records * (this.stopwatch ? 1 : WARM_UP_SHARE)
    if (this.events++ % EVENTS_PER_LOOK !== 0 && !isEnough) return
    if (this.result) return
    const nowMs = performance.now()
    this.firstMs ||= nowMs
    if (this.stopwatch) {
      if (isEnough || nowMs - this.startMs > options.seconds * 1000) {
        this.result = this.stopwatch.stop(this.seen - this.seenBefore)
      }
    } else if (isEnough || nowMs - this.firstMs > WARM_UP_SECONDS * 1000) {
      this.startMs = nowMs
      this.seenBefore = this.seen
      this.stopwatch = new Stopwatch()
    }
  }
}

async function produce(): Promise<Throughput> {
  const { size } = options
  const perCall = Math.min(1_000, Math.floor(BYTES_PER_CALL_MAX / size))
  const values = payloads(1_000, size)
  const calls = Array.from({ length: Math.floor(values.length / perCall) }, (_, i) =>
    values.slice(i * perCall, (i + 1) * perCall),
  )
  const producer = await client.openProducer(options)
  const stretch = new Stretch()
  let next = 0
  const lane = async () => {
    while (!stretch.result) {
      await producer.send(calls[next++ % calls.length] as Buffer[])
      stretch.note(perCall)
    }
  }
  await Promise.all(Array.from({ length: CALLS_IN_FLIGHT }, lane))
  await producer.close()
  return stretch.result as Throughput
}

async function consume(): Promise<Throughput> {
  const consumer = await client.openConsumer(options)
  const stretch = new Stretch()
  let bytes = 0
  await new Promise<void>((resolve, reject) => {
    const onRecords = (records: number, size: number) => {
      bytes += size
      stretch.note(records)
      if (stretch.result) resolve()
    }
    consumer.run(onRecords).catch(reject)
  })
  if (bytes !== stretch.seen * options.size) {
    throw new Error(`${bytes} bytes in ${stretch.seen} records of ${options.size}`)
  }
  return stretch.result as Throughput
}

/**
 * Hands over a few records each millisecond, in one call, without waiting for the calls before; a
 * call counts from when it was due, so a client that holds up the process is not let off.
 */
async function latency(): Promise<Latency> {
  const { size, seconds, recordsPerSecond } = options
  const values = payloads(Math.round(recordsPerSecond / 1000), size)
  const producer = await client.openProducer(options)
  const warmUpCalls = LATENCY_WARM_UP_SECONDS * 1000
  const calls = warmUpCalls + seconds * 1000
  const found: number[] = []
  let waiting = 0
  let stopwatch: Stopwatch | undefined
  await new Promise<void>((resolve, reject) => {
    const startMs = performance.now()
    let next = 0
    const send = () => {
      for (; next < calls && performance.now() >= startMs + next; next++) {
        const call = next
        if (call === warmUpCalls) stopwatch = new Stopwatch()
        if (++waiting > WAITING_CALLS_MAX) throw new Error('the client cannot keep up')
        producer.send(values).then(() => {
          waiting--
          if (call >= warmUpCalls) found.push(performance.now() - (startMs + call))
          if (found.length === calls - warmUpCalls) resolve()
        }, reject)
      }
      if (next < calls) setTimeout(guarded, 1)
    }
    const guarded = () => {
      try {
        send()
      } catch (error) {
        reject(error as Error)
      }
    }
    guarded()
  })
  const usage = (stopwatch as Stopwatch).stop(found.length * values.length)
  found.sort((a, b) => a - b)
  const at = (share: number) => found[Math.min(found.length - 1, Math.floor(found.length * share))]
  const latencyMs = { p50: at(0.5), p99: at(0.99), p999: at(0.999) } as Latency['latencyMs']
  return { ...usage, latencyMs }
}

const work = { produce, consume, latency }
process.stdout.write(`${JSON.stringify(await work[options.mode]())}\n`)
process.exit(0)
