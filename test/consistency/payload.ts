/**
 * The bytes of a value: its key and number, and a filler that follows from them, so that torn,
 * mixed up or altered records are noticed without a table of what was sent.
 */
import { createHash } from 'node:crypto'
import { recordKeyOf } from './topic.ts'

const FILLER_BYTES_MAX = 2_400

export function payloadOf(key: number, value: number): Buffer {
  const head = `${key}:${value}:`
  const digest = createHash('sha1').update(head).digest()
  const size = (digest.readUInt16BE(0) * FILLER_BYTES_MAX) >>> 16
  return Buffer.concat([Buffer.from(head), Buffer.alloc(size, digest)])
}

/** The number, or undefined when these are not the bytes of any value of this key. */
export function numberOf(
  key: number,
  recordKey: Buffer | null,
  payload: Buffer | null,
): number | undefined {
  const [, value] = /^\d+:(\d+):/.exec(payload?.toString('latin1') ?? '') ?? []
  if (value === undefined || !payload?.equals(payloadOf(key, Number(value)))) return undefined
  const isRightKey = (recordKey?.toString() ?? null) === recordKeyOf(key, Number(value))
  return isRightKey ? Number(value) : undefined
}
