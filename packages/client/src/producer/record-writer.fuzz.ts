import { BufferPool, SeededRandom } from '@ottla/base'
import {
  BATCH_OVERHEAD,
  baseTimestampOf,
  isBatchCrcValid,
  maxTimestampOf,
  recordsCountOf,
} from '@ottla/protocol'
import { describe, expect, test } from 'vitest'
import { RecordCursor, RecordFormatError, readHeaders } from '../records/record-cursor.ts'
import type { Encoded } from '../serde/serde.ts'
import { encodeHeaders } from './record-headers.ts'
import { RecordWriter, sealBatch } from './record-writer.ts'

const TEXTS = ['', 'ascii', 'ümläut', '€', '漢字', '😀', 'x'.repeat(300), '😀'.repeat(90)]

function randomPart(random: SeededRandom): Encoded {
  if (random.chance(0.15)) return null
  if (random.chance(0.4)) return random.pick(TEXTS)
  return random.bytes(random.chance(0.1) ? 20_000 : random.integer(200))
}

function randomRecord(random: SeededRandom) {
  const far = random.chance(0.05) ? 2 ** 40 : 10_000
  return {
    key: randomPart(random),
    value: randomPart(random),
    headers: random.chance(0.3) ? { a: 'b', ü: [null, random.bytes(3)] } : undefined,
    timestamp: 1_700_000_000_000 + random.integer(2 * far) - far,
  }
}

function isSame(bytes: Buffer | null, part: Encoded): boolean {
  if (bytes === null || part === null) return bytes === part
  return bytes.equals(Buffer.from(part as string))
}

function buildBatch(records: readonly ReturnType<typeof randomRecord>[]): Buffer {
  const writer = new RecordWriter(new BufferPool(), 100)
  for (const { key, value, headers, timestamp } of records) {
    writer.append(key, value, headers ? encodeHeaders(headers) : null, timestamp)
  }
  const batch = writer.finish(0, undefined)
  sealBatch(batch, 5, 1, 7)
  return batch
}

describe('records', () => {
  test('come out of a batch as they went in', () => {
    for (let seed = 1; seed <= 300; seed++) {
      const random = new SeededRandom(seed)
      const records = Array.from({ length: 1 + random.integer(40) }, () => randomRecord(random))
      const batch = buildBatch(records)
      expect(isBatchCrcValid(batch), `seed ${seed}`).toBe(true)
      expect(recordsCountOf(batch)).toBe(records.length)
      expect(maxTimestampOf(batch)).toBe(Math.max(...records.map((r) => r.timestamp)))
      const cursor = new RecordCursor(batch, BATCH_OVERHEAD, batch.length, records.length)
      for (const [i, record] of records.entries()) {
        expect(cursor.next(), `seed ${seed}`).toBe(true)
        const view = (start: number, size: number) =>
          size < 0 ? null : batch.subarray(start, start + size)
        expect(cursor.offsetDelta).toBe(i)
        expect(baseTimestampOf(batch) + cursor.timestampDelta).toBe(record.timestamp)
        const key = view(cursor.keyStart, cursor.keySize)
        const value = view(cursor.valueStart, cursor.valueSize)
        expect(isSame(key, record.key) && isSame(value, record.value), `seed ${seed}`).toBe(true)
        const headers = readHeaders(batch, cursor.headersStart)
        expect(headers.map(({ key }) => key)).toEqual(record.headers ? ['a', 'ü', 'ü'] : [])
      }
      expect(cursor.next()).toBe(false)
    }
  })

  test('with broken bytes are refused or read, never beyond their end', () => {
    for (let seed = 1; seed <= 500; seed++) {
      const random = new SeededRandom(seed)
      const records = Array.from({ length: 1 + random.integer(5) }, () => randomRecord(random))
      const batch = Buffer.from(buildBatch(records))
      for (let n = 0; n < 3; n++) {
        const position = BATCH_OVERHEAD + random.integer(batch.length - BATCH_OVERHEAD)
        batch[position] = random.integer(256)
      }
      const cursor = new RecordCursor(batch, BATCH_OVERHEAD, batch.length, records.length)
      try {
        while (cursor.next()) {
          expect(cursor.keyStart + cursor.keySize).toBeLessThanOrEqual(batch.length)
          expect(cursor.valueStart + cursor.valueSize).toBeLessThanOrEqual(batch.length)
          readHeaders(batch, cursor.headersStart)
        }
      } catch (error) {
        expect(error, `seed ${seed}`).toBeInstanceOf(RecordFormatError)
      }
    }
  })
})

describe('slab pool', () => {
  test('gives memory back out and counts what is used', () => {
    const pool = new BufferPool()
    const slab = pool.take(5_000)
    expect(slab.length).toBe(8_192)
    expect(pool.usedBytes).toBe(8_192)
    pool.give(slab)
    expect(pool.usedBytes).toBe(0)
    expect(pool.take(6_000)).toBe(slab)
    pool.abandon(slab)
    expect(pool.usedBytes).toBe(0)
    expect(pool.take(6_000)).not.toBe(slab)
  })
})
