import { describe, expect, test } from 'vitest'
import { MalformedMessageError } from '../wire/malformed-message-error.ts'
import { Reader } from '../wire/reader.ts'
import { Writer } from '../wire/writer.ts'
import { readerOf, writerOf } from './compile.ts'
import { emitReader } from './emit-reader.ts'
import { emitWriter } from './emit-writer.ts'
import { array, type Fields, int32, type Message, message, string, struct } from './schema.ts'

const hostile = (fields: Fields): Message =>
  message({ name: 'Hostile', versions: '0', flexible: 'none', fields }) as unknown as Message

describe('the emitters', () => {
  const names = ['a;process.exit()', "a'", 'a`', 'constructor()', '__proto__', 'A', '1a', 'a b', '']
  test.each(names)('refuse the field name %j', (name) => {
    const table = hostile({ [name || ' ']: int32('0+') })
    expect(() => emitReader(table, 0)).toThrow('field name')
    expect(() => emitWriter(table, 0)).toThrow('field name')
  })

  test('pass defaults as constants, never as text', () => {
    const evil = "'); globalThis.broken = true; ('"
    const table = message({
      name: 'Quoted',
      versions: '0-1',
      flexible: '0+',
      fields: {
        text: string('1+', { default: evil }),
        tagged: string('1+', { tag: 0, default: evil }),
      },
    })
    expect(emitReader(table as unknown as Message, 0).source).not.toContain('globalThis')
    expect(emitWriter(table as unknown as Message, 1).source).not.toContain('globalThis')
    expect(readerOf(table, 0)(new Reader(Buffer.from([0])))).toEqual({ text: evil, tagged: evil })
    expect('broken' in globalThis).toBe(false)
  })

  test('refuse message names that are not names', () => {
    const table = message({ name: 'x(){}//', versions: '0', flexible: 'none', fields: {} })
    expect(() => readerOf(table, 0)).toThrow('message name')
    expect(() => writerOf(table, 0)).toThrow('message name')
  })

  test('print no test of the version', () => {
    const table = hostile({ inner: array('0+', { deep: struct('0+', { value: int32('0+') }) }) })
    expect(emitReader(table, 0).source).not.toContain('ersion')
    expect(emitReader(table, 0).source).toContain('r.arrayLength(4)')
  })
})

describe('what is allocated', () => {
  const table = message({
    name: 'Nested',
    versions: '0',
    flexible: '0+',
    fields: { outer: array('0+', { inner: array('0+', { name: string('0+') }) }) },
  })

  test('by a hostile array is bounded by the bytes at hand', () => {
    const writer = new Writer(true)
    writer.unsignedVarint(1_000_001)
    const bytes = Buffer.concat([...writer.finish(), Buffer.alloc(100)])
    const before = process.memoryUsage()
    for (let i = 0; i < 100; i++) {
      expect(() => readerOf(table, 0)(new Reader(bytes))).toThrow(MalformedMessageError)
    }
    const after = process.memoryUsage()
    expect(after.heapUsed - before.heapUsed).toBeLessThan(8 << 20)
    expect(after.external - before.external).toBeLessThan(1 << 20)
  })

  test('by a frame of the smallest elements stays in proportion to it', () => {
    const count = 200_000
    const writer = new Writer(true)
    writer.unsignedVarint(count + 1)
    const bytes = Buffer.concat([
      ...writer.finish(),
      Buffer.alloc(count * 2 + 1).fill('\u0001\u0000'),
    ])
    bytes[bytes.length - 1] = 0
    const before = process.memoryUsage().heapUsed
    const value = readerOf(table, 0)(new Reader(bytes))
    const grown = process.memoryUsage().heapUsed - before
    expect(value.outer).toHaveLength(count)
    expect(grown / bytes.length).toBeLessThan(100)
  })
})
