/**
 * The format language of `consume -f`: `%t[%p] @%o %k %v\n`.
 *
 *   %t topic      %p partition   %o offset   %T timestamp in ms   %d timestamp as date
 *   %k key        %v value       %h headers  %K %V their bytes    %% a percent sign
 *
 * `%k{hex}`, `%v{base64}`, `%v{json:.id}` change how bytes are shown. `\n`, `\t`, `\0` and `\\` are
 * what they usually are.
 */
import { UsageError } from '../cli-error.ts'
import { isJsonStructure, jsonMembers } from '../text/json-text.ts'
import { hexOf, shownText, tryText } from './record-bytes.ts'
import { type PlainRecord, timestampText } from './record-json.ts'

type Part = (record: PlainRecord) => string
export type RecordFormat = (record: PlainRecord) => string

const PLACEHOLDERS: Readonly<Record<string, Part>> = {
  t: (record) => record.topic,
  p: (record) => String(record.partition),
  o: (record) => String(record.offset),
  T: (record) => String(record.timestamp),
  d: (record) => String(timestampText(record.timestamp)),
  h: (record) => record.headers.map((h) => `${h.key}=${shownText(h.value)}`).join(','),
  K: (record) => String(record.keyBytes?.length ?? -1),
  V: (record) => String(record.valueBytes?.length ?? -1),
  '%': () => '%',
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', '0': '\0' }
const PIECE = /%(.)(?:\{([^}]*)\})?|\\(.)|[^%\\]+|[%\\]$/gs

export function parseRecordFormat(text: string): RecordFormat {
  const parts: Part[] = []
  for (const [piece, letter, modifier, escaped] of text.matchAll(PIECE)) {
    if (letter !== undefined) parts.push(placeholder(letter, modifier))
    else if (escaped !== undefined) {
      const literal = ESCAPES[escaped] ?? escaped
      parts.push(() => literal)
    } else parts.push(() => piece)
  }
  return (record) => parts.map((part) => part(record)).join('')
}

function placeholder(letter: string, modifier: string | undefined): Part {
  if (letter === 'k' || letter === 'v') {
    const show = shower(modifier)
    return (record) => show(letter === 'k' ? record.keyBytes : record.valueBytes)
  }
  const part = PLACEHOLDERS[letter]
  // A brace that follows anything but a key or a value is text.
  const rest = modifier === undefined ? '' : `{${modifier}}`
  if (part) return rest === '' ? part : (record) => part(record) + rest
  throw new UsageError(
    `%${letter} means nothing in a format`,
    '%t topic, %p partition, %o offset, %k key, %v value, %h headers, %T ms, %d date, %% percent',
  )
}

function shower(modifier: string | undefined): (bytes: Uint8Array | null) => string {
  if (modifier === undefined) return shownText
  if (modifier === 'hex') return (bytes) => (bytes === null ? '' : hexOf(bytes))
  if (modifier === 'base64') {
    return (bytes) => (bytes === null ? '' : Buffer.from(bytes).toString('base64'))
  }
  const path = /^json:((?:\.[^.]+)+)$/.exec(modifier)?.[1]
  if (path !== undefined) {
    const names = path.slice(1).split('.')
    return (bytes) => memberOf(bytes, names)
  }
  throw new UsageError(`{${modifier}} means nothing in a format`, 'Use {hex}, {base64}, {json:.id}')
}

/** Text of a member, empty when the value has none such: records of one topic may differ. */
function memberOf(bytes: Uint8Array | null, names: readonly string[]): string {
  let raw = bytes === null ? undefined : tryText(bytes)
  for (const name of names) {
    if (raw === undefined || !isJsonStructure(raw) || !raw.startsWith('{')) return ''
    raw = jsonMembers(raw).get(name)
  }
  if (raw === undefined) return ''
  return raw.startsWith('"') ? (JSON.parse(raw) as string) : raw
}
