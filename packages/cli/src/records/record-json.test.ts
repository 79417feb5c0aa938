import { expect, test } from 'vitest'
import { parseRecordFormat } from './record-format.ts'
import { type PlainRecord, recordFromJson, recordToJson } from './record-json.ts'

const bytes = (text: string) => Buffer.from(text)

function record(parts: Partial<PlainRecord>): PlainRecord {
  return {
    topic: 'orders',
    partition: 3,
    offset: 7n,
    timestamp: BigInt(Date.UTC(2026, 10, 22, 12, 1, 44, 13)),
    keyBytes: null,
    valueBytes: null,
    headers: [],
    ...parts,
  }
}

test('writes JSON values as they are', () => {
  const line = recordToJson(
    record({
      keyBytes: bytes('42'),
      valueBytes: bytes('{"id":42,"total":9007199254740993}'),
      headers: [{ key: 'source', value: bytes('web') }],
    }),
  )
  expect(line).toBe(
    '{"topic":"orders","partition":3,"offset":7,"timestamp":"2026-11-22T12:01:44.013Z",' +
      '"key":"42","value":{"id":42,"total":9007199254740993},"headers":{"source":"web"}}',
  )
})

test.each([
  ['text', bytes('hello')],
  ['a number as text', bytes('42')],
  ['JSON', bytes('{"a": 1.10, "b": [1, 2]}')],
  ['JSON over several lines', bytes('{\n  "a": 1\n}')],
  ['JSON with white space around', bytes(' {"a":1} ')],
  ['JSON that looks like the mark of bytes', bytes('{"$hex":"00"}')],
  ['nothing', null],
  ['the empty value', bytes('')],
  ['bytes', Buffer.from([0, 255, 128])],
  ['text with a control character', bytes('a\u0000b')],
  ['the word null', bytes('null')],
])('reads back what it wrote: %s', (_, valueBytes) => {
  const line = recordToJson(record({ valueBytes, keyBytes: valueBytes }))
  JSON.parse(line)
  const { topic, record: read } = recordFromJson(line, 1, { keepPlace: true })
  const asBytes = (part: unknown) =>
    part === null ? null : Buffer.from(part as string | Uint8Array).toString('hex')
  expect(topic).toBe('orders')
  expect(asBytes(read.value)).toBe(valueBytes === null ? null : valueBytes.toString('hex'))
  expect(asBytes(read.key)).toBe(valueBytes === null ? null : valueBytes.toString('hex'))
  expect(read.partition).toBe(3)
  expect(read.timestamp).toBe(Date.UTC(2026, 10, 22, 12, 1, 44, 13))
})

test('keeps headers that occur several times, are null, or are bytes', () => {
  const headers = [
    { key: 'a', value: bytes('1') },
    { key: 'a', value: null },
    { key: 'b', value: Buffer.from([0]) },
  ]
  const line = recordToJson(record({ headers, valueBytes: bytes('x') }))
  expect(JSON.parse(line).headers).toEqual({ a: ['1', null], b: { $hex: '00' } })
  const { record: read } = recordFromJson(line, 1, { keepPlace: false })
  expect(read.headers).toEqual({ a: ['1', null], b: Buffer.from([0]) })
})

test.each([
  ['nonsense', 'is not a JSON object'],
  ['[1]', 'is not a JSON object'],
  ['{"topic":"a"}', 'neither a key nor a value'],
  ['{"value":"a","headers":[1]}', 'headers must be an object'],
])('says what is wrong with %s', (line, message) => {
  expect(() => recordFromJson(line, 12, { keepPlace: false })).toThrow(`Line 12`)
  expect(() => recordFromJson(line, 12, { keepPlace: false })).toThrow(message)
})

test('formats by placeholders', () => {
  const one = record({
    keyBytes: bytes('k'),
    valueBytes: bytes('{"id":42,"in":{"x":"y"}}'),
    headers: [{ key: 'h', value: bytes('1') }],
  })
  const format = (text: string) => parseRecordFormat(text)(one)
  expect(format('%t[%p] @%o %k\\t%h %K %V%%\\n')).toBe('orders[3] @7 k\th=1 1 24%\n')
  expect(format('%v{json:.id} %v{json:.in.x} %v{json:.no}|')).toBe('42 y |')
  expect(format('%k{hex} %k{base64}')).toBe('6b aw==')
  expect(() => format('%q')).toThrow('%q means nothing')
  expect(() => format('%v{loud}')).toThrow('{loud} means nothing')
})
