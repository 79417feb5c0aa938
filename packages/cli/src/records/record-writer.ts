/** How `consume` shows records: for people, for pipes, as JSON lines, or by a format. */
import type { OutputFormat } from '../connection.ts'
import type { Terminal } from '../terminal.ts'
import { isJsonStructure, type JsonTokenKind, prettyJson } from '../text/json-text.ts'
import { formatTimeOfDay } from '../text/quantity.ts'
import { shownText, tryText } from './record-bytes.ts'
import { parseRecordFormat } from './record-format.ts'
import { type PlainRecord, recordToJson } from './record-json.ts'

export type RecordText = (record: PlainRecord) => string | Uint8Array

const LINE_FEED = Buffer.from('\n')

export function recordText(out: Terminal, output: OutputFormat, format?: string): RecordText {
  if (format !== undefined) return parseRecordFormat(format)
  if (output !== 'table') return (record) => `${recordToJson(record)}\n`
  return out.isInteractive ? (record) => forPeople(out, record) : forPipes
}

/** Values as they are, a line each: what `produce` reads from a pipe. */
function forPipes({ valueBytes }: PlainRecord): Uint8Array {
  return valueBytes === null ? LINE_FEED : Buffer.concat([valueBytes, LINE_FEED])
}

function forPeople(out: Terminal, record: PlainRecord): string {
  const where = `${record.topic}[${record.partition}] @${record.offset}`
  const parts = [
    out.style('dim', where),
    out.style('dim', formatTimeOfDay(Number(record.timestamp))),
  ]
  if (record.keyBytes) parts.push(out.style('cyan', shownText(record.keyBytes)))
  for (const { key, value } of record.headers) {
    parts.push(out.style('dim', `${key}=${shownText(value)}`))
  }
  return `${parts.join('  ')}\n${valueForPeople(out, record.valueBytes)}\n`
}

function valueForPeople(out: Terminal, bytes: Uint8Array | null): string {
  if (bytes === null) return out.style('dim', '(null)')
  const text = tryText(bytes)
  if (text === undefined || !isJsonStructure(text.trim())) return shownText(bytes)
  return prettyJson(text.trim(), (kind, token) => styleToken(out, kind, token))
}

function styleToken(out: Terminal, kind: JsonTokenKind, token: string): string {
  if (kind === 'mark') return out.style('dim', token)
  if (kind === 'key') return out.style('cyan', token)
  return kind === 'string' ? out.style('green', token) : out.style('yellow', token)
}
