/**
 * Records as lines of JSON, the form that `consume -o jsonl` writes and `produce -i jsonl` reads:
 *
 *   {"topic":"orders","partition":3,"offset":0,"timestamp":"2026-11-22T12:01:44.013Z",
 *    "key":"42","value":{"id":42},"headers":{"source":"web"}}
 *
 * Keys, values and headers are text. A value that is one JSON object or array stands there as it
 * is, digit for digit; null is a tombstone; bytes that are no text are `{"$hex":"00ff"}`; a header
 * that occurs several times has an array. Writing a line and reading it again gives the same bytes.
 */
import type { BytesRecord, HeaderValue } from '@ottla/client'
import { UsageError } from '../cli-error.ts'
import { isJsonStructure, jsonMembers } from '../text/json-text.ts'
import { hexOf, tryText } from './record-bytes.ts'

export interface PlainRecord {
  readonly topic: string
  readonly partition: number
  readonly offset: bigint
  readonly timestamp: bigint
  readonly keyBytes: Uint8Array | null
  readonly valueBytes: Uint8Array | null
  readonly headers: readonly { readonly key: string; readonly value: Uint8Array | null }[]
}

const HEX_MARK = '{"$hex":'

export function recordToJson(record: PlainRecord): string {
  const head =
    `"topic":${JSON.stringify(record.topic)},"partition":${record.partition},` +
    `"offset":${record.offset},"timestamp":${JSON.stringify(timestampText(record.timestamp))}`
  const key = partToJson(record.keyBytes)
  return `{${head},"key":${key},"value":${valueToJson(record.valueBytes)},"headers":${headersToJson(record)}}`
}

/** ISO 8601 where it can be written so; a number beyond the range of dates. */
export function timestampText(timestamp: bigint): string | number {
  const date = new Date(Number(timestamp))
  return Number.isNaN(date.getTime()) || timestamp < 0n ? Number(timestamp) : date.toISOString()
}

function partToJson(bytes: Uint8Array | null): string {
  if (bytes === null) return 'null'
  const text = tryText(bytes)
  return text === undefined ? `${HEX_MARK}"${hexOf(bytes)}"}` : JSON.stringify(text)
}

function valueToJson(bytes: Uint8Array | null): string {
  const text = bytes === null ? undefined : tryText(bytes)
  const isVerbatim =
    text !== undefined && !/[\r\n]/.test(text) && !text.startsWith('{"$') && isJsonStructure(text)
  return isVerbatim ? text : partToJson(bytes)
}

function headersToJson(record: PlainRecord): string {
  const byName = new Map<string, string[]>()
  for (const { key, value } of record.headers) {
    byName.set(key, [...(byName.get(key) ?? []), partToJson(value)])
  }
  const members = [...byName].map(([name, values]) => {
    const value = values.length === 1 ? values[0] : `[${values.join(',')}]`
    return `${JSON.stringify(name)}:${value}`
  })
  return `{${members.join(',')}}`
}

export interface ParsedLine {
  /** The topic the line names, if it does. */
  readonly topic: string | undefined
  readonly record: BytesRecord
}

export interface ParseOptions {
  /** Keep the partitions and timestamps that the lines name. */
  readonly keepPlace: boolean
}

export function recordFromJson(
  line: string,
  lineNumber: number,
  options: ParseOptions,
): ParsedLine {
  const text = line.trim()
  if (!isJsonStructure(text) || !text.startsWith('{')) {
    throw new UsageError(
      `Line ${lineNumber} is not a JSON object`,
      'A line is {"key":"42","value":{"id":42},"headers":{"source":"web"}}.',
    )
  }
  const members = jsonMembers(text)
  if (!members.has('value') && !members.has('key')) {
    throw new UsageError(`Line ${lineNumber} has neither a key nor a value`)
  }
  const topic = members.get('topic')
  const record: BytesRecord = {
    key: partFromJson(members.get('key')),
    value: partFromJson(members.get('value')),
    headers: headersFromJson(members.get('headers'), lineNumber),
    ...(options.keepPlace ? placeFromJson(members, lineNumber) : {}),
  }
  return { topic: topic?.startsWith('"') ? (JSON.parse(topic) as string) : undefined, record }
}

/** A string is its text, null is null, anything else is the JSON as it stands. */
function partFromJson(raw: string | undefined): Uint8Array | string | null {
  if (raw === undefined || raw === 'null') return null
  if (raw.startsWith('"')) return JSON.parse(raw) as string
  if (!raw.startsWith('{')) return raw
  const hex = jsonMembers(raw).get('$hex')
  return hex?.startsWith('"') ? Buffer.from(JSON.parse(hex) as string, 'hex') : raw
}

function headersFromJson(
  raw: string | undefined,
  lineNumber: number,
): Record<string, HeaderValue | HeaderValue[]> {
  if (raw === undefined || raw === 'null') return {}
  if (!raw.startsWith('{')) throw new UsageError(`Line ${lineNumber}: headers must be an object`)
  const headers: Record<string, HeaderValue | HeaderValue[]> = {}
  for (const [name, value] of jsonMembers(raw)) {
    headers[name] = value.startsWith('[') ? listFromJson(value) : partFromJson(value)
  }
  return headers
}

function listFromJson(raw: string): HeaderValue[] {
  const items = JSON.parse(raw) as unknown[]
  return items.map((item) => partFromJson(JSON.stringify(item)))
}

function placeFromJson(
  members: ReadonlyMap<string, string>,
  lineNumber: number,
): Pick<BytesRecord, 'partition' | 'timestamp'> {
  const partition = members.get('partition')
  const raw = members.get('timestamp')
  const timestamp = raw === undefined ? undefined : timestampFrom(JSON.parse(raw))
  if (timestamp !== undefined && Number.isNaN(timestamp)) {
    throw new UsageError(`Line ${lineNumber} has a timestamp that is no time`)
  }
  return { partition: partition === undefined ? undefined : Number(partition), timestamp }
}

const timestampFrom = (value: unknown): number =>
  typeof value === 'string' ? Date.parse(value) : Number(value)
