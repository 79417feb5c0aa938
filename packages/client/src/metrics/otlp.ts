/**
 * Metrics as KIP-714 wants them: `MetricsData` of OpenTelemetry's protocol (OTLP 1), in Protobuf.
 * Only what these numbers need is written: one resource, one scope, sums and gauges of doubles.
 */
import type { ClientMetric } from './client-metrics.ts'

/** Wire types of Protobuf. */
const VARINT = 0
const FIXED64 = 1
const BYTES = 2
const DELTA = 1
const CUMULATIVE = 2
const SCOPE = 'ottla'

export interface OtlpOptions {
  /** Milliseconds since 1970: when counting began, or of the push before, and now. */
  readonly startMs: number
  readonly nowMs: number
  /** Counters are what came since `startMs`. */
  readonly isDelta: boolean
}

export function encodeMetrics(metrics: readonly ClientMetric[], options: OtlpOptions): Buffer {
  const scope = field(1, field(1, Buffer.from(SCOPE)))
  const encoded = metrics.map((metric) => field(2, metricOf(metric, options)))
  return field(1, field(2, Buffer.concat([scope, ...encoded])))
}

function metricOf(metric: ClientMetric, options: OtlpOptions): Buffer {
  const { startMs, nowMs, isDelta } = options
  const point = field(
    1,
    Buffer.concat([
      fixed64(2, nanos(startMs)),
      fixed64(3, nanos(nowMs)),
      double(4, metric.value),
      ...Object.entries(metric.labels).map(([key, value]) => field(7, keyValue(key, value))),
    ]),
  )
  const isCounter = metric.kind === 'counter'
  const data = isCounter
    ? field(7, Buffer.concat([point, number(2, isDelta ? DELTA : CUMULATIVE), number(3, 1)]))
    : field(5, point)
  return Buffer.concat([field(1, Buffer.from(metric.name)), data])
}

const nanos = (ms: number): bigint => BigInt(Math.round(ms)) * 1_000_000n

const keyValue = (key: string, value: string): Buffer =>
  Buffer.concat([field(1, Buffer.from(key)), field(2, field(1, Buffer.from(value)))])

const tag = (id: number, wireType: number): number => (id << 3) | wireType

function field(id: number, bytes: Buffer): Buffer {
  return Buffer.concat([Buffer.from([tag(id, BYTES)]), varint(bytes.length), bytes])
}

const number = (id: number, value: number): Buffer =>
  Buffer.concat([Buffer.from([tag(id, VARINT)]), varint(value)])

function fixed64(id: number, value: bigint): Buffer {
  const out = Buffer.alloc(9)
  out[0] = tag(id, FIXED64)
  out.writeBigUInt64LE(value, 1)
  return out
}

function double(id: number, value: number): Buffer {
  const out = Buffer.alloc(9)
  out[0] = tag(id, FIXED64)
  out.writeDoubleLE(value, 1)
  return out
}

function varint(value: number): Buffer {
  const out: number[] = []
  let rest = value
  while (rest > 0x7f) {
    out.push((rest & 0x7f) | 0x80)
    rest >>>= 7
  }
  out.push(rest)
  return Buffer.from(out)
}
