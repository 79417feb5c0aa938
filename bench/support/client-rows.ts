/** Rows of the client comparison: medians over the rounds of one client under one load. */
import { spreadOf } from './results.ts'

interface Load {
  readonly client: string
  readonly mode: 'produce' | 'consume' | 'latency'
  readonly size: number
  readonly codec: string
}

interface Figures {
  readonly records: number
  readonly wallMs: number
  readonly userMs: number
  readonly systemMs: number
  readonly brokerMs: number
  readonly peakBytes: number
  readonly latencyMs?: { readonly p50: number; readonly p99: number; readonly p999: number }
}

/** One measurement, or why there is none. */
export type ClientRun = Load & (Figures | { readonly failure: string })

export interface ClientRow extends Load {
  readonly rounds: number
  readonly recordsPerSecond: number
  readonly cpuSecondsPerMillion: number
  readonly cpuSpread: readonly [number, number]
  /** Cores the broker kept busy meanwhile. */
  readonly brokerCores: number
  /** Cores the client kept busy. */
  readonly clientCores: number
  readonly peakMiB: number
  readonly p50?: number
  readonly p99?: number
  readonly p999?: number
  /** Why there is no figure. */
  readonly failure?: string
}

export function summarize(runs: readonly ClientRun[]): ClientRow[] {
  const groups = new Map<string, ClientRun[]>()
  for (const run of runs) {
    const key = [run.mode, run.size, run.codec, run.client].join()
    const group = groups.get(key)
    if (group) group.push(run)
    else groups.set(key, [run])
  }
  return [...groups.values()].map(rowOf)
}

const rounded = (value: number, digits: number) => Number(value.toFixed(digits))

function rowOf(runs: readonly ClientRun[]): ClientRow {
  const { client, mode, size, codec } = runs[0] as ClientRun
  const good = runs.filter((run): run is Load & Figures => !('failure' in run))
  const median = (figure: (run: Figures) => number) => spreadOf(good.map(figure)).median
  const cpu = spreadOf(good.map((run) => ((run.userMs + run.systemMs) * 1000) / run.records))
  const latency = (name: 'p50' | 'p99' | 'p999') =>
    rounded(
      median((run) => run.latencyMs?.[name] ?? Number.NaN),
      2,
    )
  const failed = runs.find((run) => 'failure' in run)
  return {
    ...{ client, mode, size, codec, rounds: good.length },
    recordsPerSecond: Math.round(median((run) => run.records / (run.wallMs / 1000))),
    cpuSecondsPerMillion: rounded(cpu.median, 3),
    cpuSpread: [rounded(cpu.min, 3), rounded(cpu.max, 3)],
    brokerCores: rounded(
      median((run) => run.brokerMs / run.wallMs),
      2,
    ),
    clientCores: rounded(
      median((run) => (run.userMs + run.systemMs) / run.wallMs),
      2,
    ),
    peakMiB: Math.round(median((run) => run.peakBytes) / 2 ** 20),
    ...(mode === 'latency' && {
      p50: latency('p50'),
      p99: latency('p99'),
      p999: latency('p999'),
    }),
    ...(failed && 'failure' in failed && { failure: failed.failure }),
  }
}
