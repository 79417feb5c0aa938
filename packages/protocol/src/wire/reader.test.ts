import { describe, expect, test } from 'vitest'
import { MalformedMessageError } from './malformed-message-error.ts'
import { ARRAY_LENGTH_MAX, Reader, TAGGED_FIELDS_MAX } from './reader.ts'
import { Writer } from './writer.ts'

const reader = (hex: string): Reader => new Reader(Buffer.from(hex, 'hex'))
const refused = (hex: string, read: (r: Reader) => unknown, reason: string) =>
  expect(() => read(reader(hex)), hex).toThrow(
    expect.objectContaining({
      name: 'MalformedMessageError',
      message: expect.stringContaining(reason),
    }),
  )

describe('Reader', () => {
  test('reads numbers of every width', () => {
    const r = reader('ff' + '80' + '8000' + 'ffff' + '80000000' + 'ffffffff' + '3ff8000000000000')
    expect([r.bool(), r.int8(), r.int16(), r.uint16()]).toEqual([true, -128, -32768, 65535])
    expect([r.int32(), r.uint32(), r.float64()]).toEqual([-(2 ** 31), 2 ** 32 - 1, 1.5])
    expect(r.remaining).toBe(0)
  })

  test('reads 64 bits exactly or not at all', () => {
    expect(reader('001fffffffffffff').int64()).toBe(Number.MAX_SAFE_INTEGER)
    expect(reader('ffe0000000000001').int64()).toBe(Number.MIN_SAFE_INTEGER)
    expect(reader('ffffffffffffffff').int64()).toBe(-1)
    expect(reader('7fffffffffffffff').int64()).toBe(2 ** 63)
    expect(reader('8000000000000000').int64()).toBe(-(2 ** 63))
    refused('0020000000000001', (r) => r.int64(), 'beyond 2^53')
  })

  test('agrees with a BigInt reading of every unsigned varint', () => {
    for (const bytes of ['00', '7f', '8001', 'ff7f', 'ffffff7f', 'ffffffff0f', '8080808008']) {
      let [value, shift] = [0n, 0n]
      for (const byte of Buffer.from(bytes, 'hex')) {
        value |= BigInt(byte & 0x7f) << shift
        shift += 7n
      }
      expect(BigInt(reader(bytes).unsignedVarint())).toBe(value)
    }
    refused('ffffffff10', (r) => r.unsignedVarint(), '32 bits')
    for (let count = 5; count <= 20; count++) {
      refused('ff'.repeat(count), (r) => r.unsignedVarint(), '32 bits')
    }
    for (let count = 0; count < 5; count++) {
      refused('80'.repeat(count), (r) => r.unsignedVarint(), 'remain')
    }
  })

  test('refuses lengths that the bytes do not justify', () => {
    refused('7fffffff00', (r) => r.bytes(), 'beyond the')
    refused('fffffffe', (r) => r.bytes(), 'negative length')
    refused('ffffffff', (r) => r.bytes(), 'null bytes')
    refused('fffe', (r) => r.string(), 'negative length')
    refused('ffff', (r) => r.string(), 'null string')
    refused('7fff00', (r) => r.nullableString(), 'beyond the')
    refused('00', (r) => r.compactString(), 'null string')
    refused('ffffffff0f', (r) => r.compactBytes(), 'beyond the')
    const long = Buffer.concat([Buffer.from('818002', 'hex'), Buffer.alloc(32768, 'x')])
    expect(() => new Reader(long).compactString()).toThrow('exceeds 32767')
  })

  test('refuses arrays that are negative, too long or longer than the frame', () => {
    for (const hex of ['fffffffe', '80000000']) refused(hex, (r) => r.arrayLength(1), 'negative')
    refused('7fffffff', (r) => r.arrayLength(0), `above ${ARRAY_LENGTH_MAX}`)
    refused('0000000300', (r) => r.arrayLength(1), 'beyond the 1 bytes')
    refused('ffffffff0f', (r) => r.compactArrayLength(1), 'above')
    expect(reader('ffffffff').arrayLength(1)).toBe(-1)
    expect(reader('00').compactArrayLength(1)).toBe(-1)
  })

  test('skips unknown tagged fields and refuses those that lie', () => {
    const r = reader('02' + '0102aabb' + '070100' + '63')
    r.skipTags()
    expect(r.remaining).toBe(1)
    refused('02010100' + '010100', (x) => x.skipTags(), 'tag 1 after tag 1')
    refused('02050100' + '010100', (x) => x.skipTags(), 'tag 1 after tag 5')
    refused('010105aa', (x) => x.skipTags(), 'beyond the frame')
    refused('ffffffff0f', (x) => x.skipTags(), `above ${TAGGED_FIELDS_MAX}`)
    refused('904e' + '0100', (x) => x.skipTags(), 'beyond the frame')
  })

  test('says where the bytes went wrong', () => {
    const r = reader('000000010000')
    r.int32()
    const error = (() => {
      try {
        return r.int32()
      } catch (thrown) {
        return thrown
      }
    })()
    expect(error).toBeInstanceOf(MalformedMessageError)
    expect(error).toMatchObject({ position: 4, code: 'MALFORMED_MESSAGE' })
  })

  test('a flood of tags costs no memory', () => {
    const writer = new Writer(true)
    writer.unsignedVarint(TAGGED_FIELDS_MAX)
    for (let tag = 0; tag < TAGGED_FIELDS_MAX; tag++) {
      writer.unsignedVarint(tag)
      writer.unsignedVarint(0)
    }
    const bytes = Buffer.concat(writer.finish())
    new Reader(bytes).skipTags()
    const before = process.memoryUsage().heapUsed
    for (let i = 0; i < 20; i++) new Reader(bytes).skipTags()
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(1 << 20)
  })
})
