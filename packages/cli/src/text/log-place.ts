/** Places in a log as people write them: `start`, `end`, `1200`, `-10`, `@10m`, `@2026-11-22`. */
import { UsageError } from '../cli-error.ts'
import { tryParseDuration } from './quantity.ts'

export type LogPlace =
  | { readonly kind: 'start' }
  | { readonly kind: 'end' }
  | { readonly kind: 'offset'; readonly offset: bigint }
  /** So many records before the end of each partition. */
  | { readonly kind: 'last'; readonly count: bigint }
  | { readonly kind: 'time'; readonly ms: number }

const FORMS = 'Write start, end, an offset, -10 (the last ten), @10m or @2026-11-22T12:00.'

export function parseLogPlace(text: string, option: string, nowMs: number): LogPlace {
  const word = text.trim().toLowerCase()
  if (['start', 'earliest', 'beginning'].includes(word)) return { kind: 'start' }
  if (['end', 'latest'].includes(word)) return { kind: 'end' }
  if (/^\d{1,18}$/.test(word)) return { kind: 'offset', offset: BigInt(word) }
  if (/^-\d{1,18}$/.test(word)) return { kind: 'last', count: BigInt(word.slice(1)) }
  if (word.startsWith('@')) {
    const ms = parseTime(text.trim().slice(1), nowMs)
    if (ms !== undefined) return { kind: 'time', ms }
  }
  throw new UsageError(`${option} ${text} is not a place in a log`, FORMS)
}

/** `10m` ago, milliseconds or seconds since 1970, or a date with or without a time. */
function parseTime(text: string, nowMs: number): number | undefined {
  const ago = tryParseDuration(text)
  if (ago !== undefined) return nowMs - ago
  if (/^\d{12,}$/.test(text)) return Number(text)
  if (/^\d{9,11}$/.test(text)) return Number(text) * 1_000
  if (!/^\d{4}-\d{2}-\d{2}/.test(text)) return undefined
  // A date alone is midnight here, as a date with a time is a time here.
  const local = /^\d{4}-\d{2}-\d{2}$/.test(text) ? `${text}T00:00` : text.replace(' ', 'T')
  const ms = Date.parse(local)
  return Number.isNaN(ms) ? undefined : ms
}
