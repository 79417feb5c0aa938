/** Progress while a measurement runs, and its summary. */
import type { OutputFormat } from '../connection.ts'
import { printJson } from '../printer.ts'
import type { Terminal } from '../terminal.ts'
import { formatCount } from '../text/quantity.ts'
import type { LatencySummary } from './latency-histogram.ts'

export interface PerfSummary {
  readonly kind: 'produce' | 'consume' | 'latency'
  readonly topic: string
  readonly records: number
  readonly bytes: number
  readonly seconds: number
  readonly recordsPerSecond: number
  readonly megabytesPerSecond: number
  readonly latency?: LatencySummary
}

/** Mebibytes, as Kafka's perf tools count them. */
const MEGABYTE = 1024 * 1024
const PROGRESS_MS = 500

export class PerfProgress {
  private readonly out: Terminal
  private readonly total: number
  private readonly startMs = performance.now()
  private shownMs = this.startMs

  constructor(out: Terminal, total: number) {
    this.out = out
    this.total = total
  }

  /** Cheap enough to be called for every batch. */
  show(records: number, bytes: number): void {
    const nowMs = performance.now()
    if (nowMs - this.shownMs < PROGRESS_MS) return
    this.shownMs = nowMs
    const seconds = (nowMs - this.startMs) / 1_000
    const percent = Math.floor((100 * records) / this.total)
    const rate = formatCount(Math.round(records / seconds))
    const megabytes = (bytes / MEGABYTE / seconds).toFixed(1)
    this.out.showProgress(
      `${percent} %   ${formatCount(records)} records   ${rate}/s   ${megabytes} MB/s`,
    )
  }
}

export function summarize(
  what: Pick<PerfSummary, 'kind' | 'topic' | 'records' | 'bytes' | 'latency'>,
  elapsedMs: number,
): PerfSummary {
  const seconds = Math.max(elapsedMs, 0.001) / 1_000
  return {
    ...what,
    seconds: Math.round(seconds * 1_000) / 1_000,
    recordsPerSecond: Math.round(what.records / seconds),
    megabytesPerSecond: Math.round((what.bytes / MEGABYTE / seconds) * 100) / 100,
  }
}

export async function printSummary(
  out: Terminal,
  format: OutputFormat,
  summary: PerfSummary,
): Promise<void> {
  out.clearProgress()
  if (format !== 'table') return printJson(out, summary, format)
  const { records, seconds, recordsPerSecond, megabytesPerSecond, latency } = summary
  const verb = { produce: 'produced', consume: 'consumed', latency: 'sent and read' }[summary.kind]
  await out.line(
    `${verb} ${formatCount(records)} records in ${seconds.toFixed(2)} s   ` +
      `${formatCount(recordsPerSecond)} records/s   ${megabytesPerSecond.toFixed(2)} MB/s`,
  )
  if (!latency) return
  const parts = [
    `mean ${latency.meanMs.toFixed(2)}`,
    `p50 ${latency.p50Ms.toFixed(2)}`,
    `p95 ${latency.p95Ms.toFixed(2)}`,
    `p99 ${latency.p99Ms.toFixed(2)}`,
    `p99.9 ${latency.p999Ms.toFixed(2)}`,
    `max ${latency.maxMs.toFixed(2)}`,
  ]
  await out.line(`latency ms   ${parts.join('   ')}`)
}
