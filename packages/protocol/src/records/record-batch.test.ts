import { SeededRandom } from '@ottla/base'
import { beforeAll, describe, expect, test } from 'vitest'
import { COMPRESSION, loadCodec } from '../compression/codecs.ts'
import { MalformedMessageError } from '../wire/malformed-message-error.ts'
import {
  BatchBuilder,
  type RecordHeaderInput,
  recordSizeMax,
  rewriteProducer,
} from './batch-builder.ts'
import { BATCH_OVERHEAD, isBatchCrcValid, lastSequenceOf } from './batch-header.ts'
import { RecordBatch, readBatches } from './batch-reader.ts'
import { recompress } from './recompress.ts'
import { findMaxTimestamp, findRecordByTimestamp } from './record-validation.ts'

interface Sample {
  readonly timestamp: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: RecordHeaderInput[]
}

function randomData(random: SeededRandom): Buffer | null {
  const kind = random.integer(8)
  if (kind === 0) return null
  if (kind === 1) return Buffer.alloc(0)
  return Buffer.from(random.bytes(random.integer(kind === 2 ? 20_000 : 90)))
}

function randomSamples(random: SeededRandom, count: number): Sample[] {
  return Array.from({ length: count }, () => ({
    timestamp: 1_790_000_000_000 + random.integer(2_000_000_000) - 1_000_000_000,
    key: randomData(random),
    value: randomData(random),
    headers: Array.from({ length: random.chance(0.3) ? random.integer(4) : 0 }, (_, i) => ({
      key: random.pick(['', 'trace', 'größe', `h${i}`]),
      value: randomData(random),
    })),
  }))
}

function build(samples: readonly Sample[], compression: number = COMPRESSION.none): Buffer {
  const builder = new BatchBuilder({ compression })
  for (const { timestamp, key, value, headers } of samples) {
    builder.append(timestamp, key, value, headers)
  }
  return builder.finish({ baseOffset: 1000 })
}

/** Text that two lists of records share exactly when they are the same. */
const textOf = (records: readonly (Sample & { readonly offset: number })[]): string =>
  JSON.stringify(
    records.map(({ timestamp, key, value, headers, offset }) => [
      offset,
      timestamp,
      hex(key),
      hex(value),
      headers.map((header) => [header.key, hex(header.value as Buffer | null)]),
    ]),
  )
const hex = (data: Buffer | null): string | null => data?.toString('hex') ?? null

const contents = (batch: RecordBatch): string => textOf(batch.records() as unknown as never)

beforeAll(() => loadCodec(COMPRESSION.zstd))

describe('record batches', () => {
  test.each(Object.entries(COMPRESSION))('come back as they were written (%s)', (_, codec) => {
    for (let seed = 1; seed <= 15; seed++) {
      const samples = randomSamples(new SeededRandom(seed), 1 + seed * 3)
      const bytes = build(samples, codec)
      const [batch] = readBatches(bytes) as [RecordBatch]
      expect(batch.isCrcValid).toBe(true)
      expect(batch.recordsCount).toBe(samples.length)
      expect(batch.maxTimestamp).toBe(Math.max(...samples.map((s) => s.timestamp)))
      expect(contents(batch)).toBe(textOf(samples.map((s, i) => ({ ...s, offset: 1000 + i }))))
    }
  })

  test('strings are written as UTF-8', () => {
    const builder = new BatchBuilder()
    builder.append(5, 'schlüssel', 'значение', [{ key: 'k', value: 'v' }])
    const [record] = new RecordBatch(builder.finish()).records()
    expect(record?.key?.toString()).toBe('schlüssel')
    expect(record?.value?.toString()).toBe('значение')
    expect(record?.headers).toEqual([{ key: 'k', value: Buffer.from('v') }])
    expect(record?.size).toBe(Buffer.byteLength('schlüsselзначение'))
  })

  test('no record adds more than its bound', () => {
    for (const sample of randomSamples(new SeededRandom(7), 300)) {
      const builder = new BatchBuilder({ baseTimestamp: 0 })
      builder.append(sample.timestamp, sample.key, sample.value, sample.headers)
      const bound = recordSizeMax(sample.key, sample.value, sample.headers)
      expect(builder.size - BATCH_OVERHEAD).toBeLessThanOrEqual(bound)
    }
  })

  test('carry producer state, which can be rewritten', () => {
    const builder = new BatchBuilder()
    for (let i = 0; i < 3; i++) builder.append(i, null, 'x')
    const bytes = builder.finish({
      producerId: 2 ** 40,
      producerEpoch: 7,
      baseSequence: 2 ** 31 - 2,
      isTransactional: true,
    })
    const batch = new RecordBatch(bytes)
    expect(batch).toMatchObject({ producerId: 2 ** 40, producerEpoch: 7, isTransactional: true })
    expect(lastSequenceOf(bytes)).toBe(0)
    rewriteProducer(bytes, { producerId: 9, producerEpoch: 0, baseSequence: 0 })
    expect(batch).toMatchObject({ producerId: 9, producerEpoch: 0, baseSequence: 0 })
    expect(isBatchCrcValid(bytes)).toBe(true)
  })

  test('keep gaps, a delete horizon and the last offset through compaction', () => {
    const builder = new BatchBuilder({ baseTimestamp: 5000 })
    const record = { timestamp: 4000, key: 'a', value: null, headers: [] }
    builder.appendAt(3, record)
    builder.appendAt(9, { ...record, timestamp: 6000 })
    const bytes = builder.finish({ baseOffset: 50, hasDeleteHorizon: true, lastOffsetDelta: 12 })
    const batch = new RecordBatch(bytes)
    expect([batch.deleteHorizon, batch.lastOffset, batch.maxTimestamp]).toEqual([5000, 62, 6000])
    expect(batch.records().map((r) => [r.offset, r.timestamp])).toEqual([
      [53, 4000],
      [59, 6000],
    ])
  })

  test('give every record the time of the append when so marked', () => {
    const builder = new BatchBuilder()
    builder.append(10, null, 'a')
    builder.append(20, null, 'b')
    const batch = new RecordBatch(builder.finish({ logAppendTime: 77 }))
    expect(batch.records().map((r) => r.timestamp)).toEqual([77, 77])
  })

  test('may be empty after compaction', () => {
    const bytes = new BatchBuilder().finish({ baseOffset: 8, lastOffsetDelta: 4 })
    const batch = new RecordBatch(bytes)
    expect([bytes.length, batch.recordsCount, batch.lastOffset]).toEqual([BATCH_OVERHEAD, 0, 12])
    expect(batch.records()).toEqual([])
  })

  test('are found one behind the other, without the one that is cut off', () => {
    const one = build(randomSamples(new SeededRandom(1), 4))
    const two = build(randomSamples(new SeededRandom(2), 4), COMPRESSION.gzip)
    const joined = Buffer.concat([one, two])
    expect(readBatches(joined).map((b) => b.size)).toEqual([one.length, two.length])
    for (const cut of [1, two.length - BATCH_OVERHEAD, two.length - 1]) {
      expect(readBatches(joined.subarray(0, joined.length - cut))).toHaveLength(1)
    }
    joined[one.length + 16] = 1
    expect(() => readBatches(joined)).toThrow(MalformedMessageError)
  })

  test('change their codec and keep their content', () => {
    const samples = randomSamples(new SeededRandom(3), 40)
    const plain = build(samples)
    for (const from of Object.values(COMPRESSION)) {
      for (const to of Object.values(COMPRESSION)) {
        const moved = recompress(build(samples, from), to, { sizeMax: 1 << 24 })
        const batch = new RecordBatch(moved)
        expect([batch.isCrcValid, batch.compression]).toEqual([true, to])
        expect(contents(batch)).toBe(contents(new RecordBatch(plain)))
      }
    }
  })

  test('are searched by timestamp', () => {
    const builder = new BatchBuilder({ compression: COMPRESSION.lz4 })
    for (const timestamp of [50, 10, 70, 70, 60]) builder.append(timestamp, null, 'v')
    const batch = new RecordBatch(builder.finish({ baseOffset: 100 }))
    expect(findRecordByTimestamp(batch, 20)).toEqual({ timestamp: 50, offset: 100 })
    expect(findRecordByTimestamp(batch, 51)).toEqual({ timestamp: 70, offset: 102 })
    expect(findRecordByTimestamp(batch, 51, 103)).toEqual({ timestamp: 70, offset: 103 })
    expect(findRecordByTimestamp(batch, 71)).toBeUndefined()
    expect(findMaxTimestamp(batch)).toEqual({ timestamp: 70, offset: 102 })
  })
})
