import { AssertionError, ZERO_UUID } from '@ottla/base'
import { describe, expect, test } from 'vitest'
import { encodeMessage } from '../codec.ts'
import { FetchRequest } from '../messages/fetch.ts'
import { Writer } from './writer.ts'

const hex = (write: (w: Writer) => void): string => {
  const writer = new Writer()
  write(writer)
  const size = writer.size
  const bytes = Buffer.concat(writer.finish())
  expect(bytes.length).toBe(size)
  return bytes.toString('hex')
}

describe('Writer', () => {
  test('writes numbers of every width', () => {
    expect(hex((w) => [w.bool(true), w.int8(-1), w.int16(-2), w.uint16(65535)])).toBe(
      '01fffffeffff',
    )
    expect(hex((w) => [w.int32(-(2 ** 31)), w.uint32(2 ** 32 - 1)])).toBe('80000000ffffffff')
    expect(hex((w) => w.float64(1.5))).toBe('3ff8000000000000')
    expect(hex((w) => w.int64(-1))).toBe('ffffffffffffffff')
    expect(hex((w) => w.int64(Number.MAX_SAFE_INTEGER))).toBe('001fffffffffffff')
    expect(hex((w) => w.int64(Number.MIN_SAFE_INTEGER))).toBe('ffe0000000000001')
    expect(hex((w) => [w.int64(2 ** 63), w.int64(-(2 ** 63))])).toBe(
      '7fffffffffffffff8000000000000000',
    )
    expect(hex((w) => [w.unsignedVarint(0), w.unsignedVarint(2 ** 32 - 1)])).toBe('00ffffffff0f')
  })

  const refused: [string, (w: Writer) => void][] = [
    ['bool', (w) => w.bool(1 as never)],
    ['int8', (w) => w.int8(128)],
    ['int16', (w) => w.int16(32768)],
    ['int16', (w) => w.int16(Number.NaN)],
    ['uint16', (w) => w.uint16(-1)],
    ['int32', (w) => w.int32(2 ** 31)],
    ['int32', (w) => w.int32(0.5)],
    ['int32', (w) => w.int32('1' as never)],
    ['int32', (w) => w.int32(null as never)],
    ['uint32', (w) => w.uint32(-1)],
    ['int64', (w) => w.int64(2 ** 53)],
    ['int64', (w) => w.int64(1n as never)],
    ['float64', (w) => w.float64('1' as never)],
    ['uuid', (w) => w.uuid('AAAA')],
    ['uuid', (w) => w.uuid(`${ZERO_UUID}AA`)],
    ['uuid', (w) => w.uuid('!'.repeat(22))],
    ['string', (w) => w.string(null as never)],
    ['exceeds 32767', (w) => w.string('x'.repeat(32768))],
    ['exceeds 32767', (w) => w.compactString('é'.repeat(16384))],
    ['bytes', (w) => w.bytes('abc' as never)],
    ['bytes', (w) => w.compactBytes(new Uint8Array(3) as never)],
    ['array', (w) => w.arrayLength({} as never)],
    ['array', (w) => w.compactArrayLength('abc' as never)],
  ]
  test.each(refused)('refuses what is not a value: %s', (reason, write) => {
    expect(() => write(new Writer())).toThrow(AssertionError)
    expect(() => write(new Writer())).toThrow(reason)
  })

  test('passes large bytes through without a copy and keeps the order', () => {
    const large = Buffer.alloc(5000, 7)
    const writer = new Writer()
    writer.int8(1)
    writer.nullableBytes([large, Buffer.from([8])])
    writer.int8(9)
    const chunks = writer.finish()
    expect(chunks.some((chunk) => chunk.buffer === large.buffer)).toBe(true)
    const joined = Buffer.concat(chunks)
    expect([joined[0], joined.readInt32BE(1), joined[5], joined.at(-2), joined.at(-1)]).toEqual([
      1, 5001, 7, 8, 9,
    ])
  })

  test('writers that follow each other do not share bytes', () => {
    const frames = Array.from({ length: 500 }, (_, i) => {
      const writer = new Writer()
      writer.string(`${i}`.repeat(1 + (i % 90)))
      writer.tagged(i, (nested) => nested.int32(i))
      return Buffer.concat(writer.finish())
    })
    for (const [i, frame] of frames.entries()) {
      expect(frame.toString('utf8', 2, 2 + frame.readInt16BE(0))).toBe(`${i}`.repeat(1 + (i % 90)))
      expect(frame.readInt32BE(frame.length - 4)).toBe(i)
    }
  })

  test('the field that cannot be written is named', () => {
    const partition = { partition: 0, fetchOffset: 0, partitionMaxBytes: 2 ** 40 }
    const topics = [
      { topic: 'a', partitions: [] },
      { topic: 'b', partitions: [partition] },
    ]
    const request = { maxWaitMs: 0, minBytes: 0, topics }
    expect(() => encodeMessage(FetchRequest, 12, request)).toThrow(
      'cannot write FetchRequest v12 at topics[1].partitions[0].partitionMaxBytes',
    )
    expect(() => encodeMessage(FetchRequest, 12, { ...request, topics: {} as never })).toThrow(
      AssertionError,
    )
  })
})
