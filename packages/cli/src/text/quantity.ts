/** Durations, sizes and counts as people write and read them. */
import { UsageError } from '../cli-error.ts'

const DURATION_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
}

const SIZE_BYTES: Readonly<Record<string, number>> = {
  b: 1,
  k: 1024,
  kb: 1024,
  kib: 1024,
  m: 1024 ** 2,
  mb: 1024 ** 2,
  mib: 1024 ** 2,
  g: 1024 ** 3,
  gb: 1024 ** 3,
  gib: 1024 ** 3,
  t: 1024 ** 4,
  tb: 1024 ** 4,
  tib: 1024 ** 4,
}

/** Milliseconds of `10m`, `1h30m`, `250ms`; undefined when it is not a duration with a unit. */
export function tryParseDuration(text: string): number | undefined {
  if (!/^(\d+(\.\d+)?(ms|min|[smhdw]))+$/i.test(text)) return undefined
  let total = 0
  for (const [, number, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|min|[smhdw])/gi)) {
    total += Number(number) * (DURATION_MS[(unit as string).toLowerCase()] as number)
  }
  return Math.round(total)
}

export function parseDuration(text: string, option: string): number {
  const ms = /^\d+$/.test(text) ? Number(text) : tryParseDuration(text)
  if (ms !== undefined) return ms
  throw new UsageError(`${option} ${text} is not a duration`, 'Write 500ms, 10s, 5m, 2h or 7d.')
}

/** Bytes of `64MB` (multiples of 1024, as Kafka's own defaults); undefined without a unit. */
export function tryParseSize(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s?([kmgt]i?b?|b)$/i.exec(text)
  if (!match) return undefined
  return Math.round(Number(match[1]) * (SIZE_BYTES[(match[2] as string).toLowerCase()] as number))
}

export function parseSize(text: string, option: string): number {
  const bytes = /^\d+$/.test(text) ? Number(text) : tryParseSize(text)
  if (bytes !== undefined) return bytes
  throw new UsageError(`${option} ${text} is not a size`, 'Write 100, 16KB, 64MB or 1GB.')
}

/** `1000000`, `1_000_000`, `100k`, `1M`. */
export function parseCount(text: string, option: string): number {
  const match = /^(\d[\d_]*)(k|m)?$/i.exec(text)
  const factor = { k: 1_000, m: 1_000_000 }[match?.[2]?.toLowerCase() ?? ''] ?? 1
  const count = match ? Number((match[1] as string).replaceAll('_', '')) * factor : Number.NaN
  if (Number.isSafeInteger(count)) return count
  throw new UsageError(`${option} ${text} is not a number`, 'Write a whole number, such as 1000.')
}

/** `18 204`: grouped by thin steps, never by a character that some read as a decimal point. */
export function formatCount(count: number | bigint): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ' ')
}

export function formatBytes(bytes: number | bigint): string {
  let value = Number(bytes)
  const units = ['B', 'KB', 'MB', 'GB', 'TB']
  let unit = 0
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit++
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`
}

/** `7d`, `1h30m`, `250ms`: exact, in the largest units that divide it. */
export function formatDuration(ms: number): string {
  if (ms < 1_000) return `${ms}ms`
  let rest = ms
  let out = ''
  for (const unit of ['d', 'h', 'm', 's', 'ms']) {
    const size = DURATION_MS[unit] as number
    const count = Math.floor(rest / size)
    if (count > 0) out += `${count}${unit}`
    rest -= count * size
  }
  return out
}

/** `12:01:44.013` in local time. */
export function formatTimeOfDay(ms: number): string {
  const date = new Date(ms)
  if (Number.isNaN(date.getTime())) return String(ms)
  const two = (n: number) => String(n).padStart(2, '0')
  const clock = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`
  return `${clock}.${String(date.getMilliseconds()).padStart(3, '0')}`
}
