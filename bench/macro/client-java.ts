/**
 * Apache's producer and consumer performance tools, measured as the workers measure themselves:
 * from the first progress line behind the warm-up to the last line or the last second. Their own
 * summary counts the start of the JVM, which nobody would pay for twice.
 */
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { ensureApacheKafka } from '../../test/compatibility/support/apache-jars.ts'
import { cpuSeconds, residentBytesMax } from '../support/process-usage.ts'
import type { Latency, Throughput, WorkerOptions } from './client-worker.ts'

const REPORT_MS = 200
/** HotSpot needs longer than V8 until the code is compiled. */
const WARM_UP_SECONDS = 2
const LATENCY_WARM_UP_SECONDS = 3
const HEAP = '512m'
const TIMEOUT_MS = 120_000

export type JavaOptions = Omit<WorkerOptions, 'module'> & {
  /** Values to send, one a line. */
  readonly payloadFile: string
}

interface Mark {
  readonly atMs: number
  readonly cpu: number
  readonly broker: number
  readonly records: number
}

/** Records so far after a line of output; undefined for lines that are no progress. */
type Progress = (line: string) => number | undefined

function produceArgs(options: JavaOptions, throughput: number, records: number): string[] {
  const isPaced = throughput > 0
  return [
    ...['--topic', options.topic, '--payload-file', options.payloadFile],
    ...['--num-records', String(records), '--throughput', String(throughput)],
    ...['--bootstrap-server', options.bootstrap, '--reporting-interval', String(REPORT_MS)],
    ...['--command-property', 'acks=all', `compression.type=${options.codec}`],
    // What Apache's documentation advises for throughput: larger batches, and a little time.
    ...(isPaced ? ['linger.ms=0'] : ['batch.size=131072', 'linger.ms=5', 'buffer.memory=67108864']),
  ]
}

export async function measureJava(options: JavaOptions): Promise<Throughput | Latency> {
  switch (options.mode) {
    case 'produce': {
      const args = produceArgs(options, -1, options.records * 4)
      return measure('ProducerPerformance', args, options, sumOfProgress())
    }
    case 'consume': {
      const args = [
        ...['--topic', options.topic, '--bootstrap-server', options.bootstrap],
        ...['--num-records', String(options.records), '--timeout', '5000'],
        ...['--show-detailed-stats', '--reporting-interval', String(REPORT_MS)],
      ]
      return measure('ConsumerPerformance', args, options, (line) => {
        const columns = line.split(', ')
        return columns.length > 5 && /^\d/.test(line) ? Number(columns[4]) : undefined
      })
    }
    case 'latency':
      return measureLatency(options)
  }
}

/** The producing tool tells how many were sent since its last line. */
function sumOfProgress(): Progress {
  let sum = 0
  return (line) => {
    const count = /^(\d+) records sent, .*ms max latency\.\s*$/.exec(line)?.[1]
    if (count === undefined) return undefined
    sum += Number(count)
    return sum
  }
}

async function measureLatency(options: JavaOptions): Promise<Latency> {
  const { recordsPerSecond, seconds } = options
  const warmUp = LATENCY_WARM_UP_SECONDS * recordsPerSecond
  const args = produceArgs(options, recordsPerSecond, warmUp + seconds * recordsPerSecond)
  const lines: string[] = []
  const progress = sumOfProgress()
  const usage = await measure(
    'ProducerPerformance',
    [...args.slice(0, 2), '--warmup-records', String(warmUp), ...args.slice(2)],
    { ...options, seconds: seconds + LATENCY_WARM_UP_SECONDS },
    (line) => {
      lines.push(line)
      return progress(line)
    },
  )
  const summary = lines.at(-1) ?? ''
  const percentile = (name: string) => {
    const found = new RegExp(`([\\d.]+) ms ${name}`).exec(summary)?.[1]
    if (found === undefined) throw new Error(`no ${name} in: ${summary}`)
    return Number(found)
  }
  return {
    ...usage,
    latencyMs: { p50: percentile('50th'), p99: percentile('99th'), p999: percentile('99.9th') },
  }
}

async function measure(
  tool: string,
  args: readonly string[],
  options: JavaOptions,
  progress: Progress,
): Promise<Throughput> {
  const { toolClasspath } = await ensureApacheKafka()
  const quiet = '-Dorg.slf4j.simpleLogger.defaultLogLevel=error'
  const child = spawn(
    'java',
    [`-Xmx${HEAP}`, quiet, '-cp', toolClasspath, `org.apache.kafka.tools.${tool}`, ...args],
    { stdio: ['ignore', 'pipe', 'inherit'], timeout: TIMEOUT_MS },
  )
  const pid = child.pid as number
  let first: number | undefined
  let start: Mark | undefined
  let last: Mark | undefined
  let peakBytes = 0
  for await (const line of createInterface({ input: child.stdout })) {
    const records = progress(line)
    if (records === undefined) continue
    const nowMs = performance.now()
    first ??= nowMs
    const isWarm = nowMs - first > WARM_UP_SECONDS * 1000 || records > options.records * 0.3
    if (!isWarm) continue
    peakBytes = Math.max(peakBytes, residentBytesMax(pid))
    last = { atMs: nowMs, cpu: cpuSeconds(pid), broker: cpuSeconds(options.brokerPid), records }
    start ??= last
    if (options.mode !== 'latency' && nowMs - start.atMs > options.seconds * 1000) break
  }
  child.kill('SIGKILL')
  if (!start || !last || last === start) throw new Error(`${tool} ended within its warm-up`)
  return {
    records: last.records - start.records,
    wallMs: last.atMs - start.atMs,
    // /proc does not tell user from system time here; the sum is what counts.
    userMs: (last.cpu - start.cpu) * 1000,
    systemMs: 0,
    brokerMs: (last.broker - start.broker) * 1000,
    peakBytes,
  }
}
