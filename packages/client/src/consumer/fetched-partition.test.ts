import { BufferPool } from '@ottla/base'
import { COMPRESSION, type CompressionName, compress, loadCodec, writeInt64 } from '@ottla/protocol'
import { describe, expect, test } from 'vitest'
import { RecordWriter, sealBatch } from '../producer/record-writer.ts'
import { topicOf } from '../serde/topic.ts'
import { AbortedTransactions } from './aborted-transactions.ts'
import { ConsumerBatch } from './consumer-batch.ts'
import { FetchedPartition, type FetchedStep } from './fetched-partition.ts'

const TRANSACTIONAL = 0x10
const CONTROL = 0x20
const pool = new BufferPool()

interface BatchSpec {
  readonly offset: number
  readonly values: readonly (string | Buffer)[]
  readonly producerId?: number
  readonly attributes?: number
  readonly key?: Buffer
  readonly codec?: CompressionName
}

function batchOf(spec: BatchSpec): Buffer {
  const writer = new RecordWriter(pool, 100)
  for (const value of spec.values) writer.append(spec.key ?? null, value, null, 1_000)
  const codec = COMPRESSION[spec.codec ?? 'none']
  const batch = Buffer.from(
    writer.finish(codec, codec === 0 ? undefined : (records) => compress(codec, records)),
  )
  batch.writeInt16BE((spec.attributes ?? 0) | codec, 21)
  sealBatch(batch, spec.producerId ?? -1, 0, 0)
  writeInt64(batch, 0, spec.offset)
  return batch
}

/** Key of a control record: version 0, then 0 for abort and 1 for commit. */
const marker = (offset: number, producerId: number, type: 0 | 1) =>
  batchOf({
    offset,
    producerId,
    values: [Buffer.from([0, 0, 0, 0, 0, 0])],
    key: Buffer.from([0, 0, 0, type]),
    attributes: TRANSACTIONAL | CONTROL,
  })

const inTransaction = (offset: number, producerId: number, value: string) =>
  batchOf({ offset, producerId, values: [value], attributes: TRANSACTIONAL })

function open(batches: readonly Buffer[], options: Partial<Parameters<typeof openAt>[0]> = {}) {
  return openAt({ offset: 0, isReadCommitted: false, aborted: [], batches, ...options })
}

function openAt(o: {
  batches: readonly Buffer[]
  offset: number
  isReadCommitted: boolean
  aborted: { producerId: number; firstOffset: number }[]
}): FetchedPartition {
  return new FetchedPartition(
    { topic: topicOf('t'), partition: 0, offset: o.offset },
    { bytes: Buffer.concat(o.batches), highWatermark: 100, abortedTransactions: o.aborted },
    { checkCrcs: true, isReadCommitted: o.isReadCommitted },
  )
}

function valuesOf(fetched: FetchedPartition, countMax = 500): string[] {
  const values: string[] = []
  for (let step = fetched.take(countMax); step; step = fetched.take(countMax)) {
    for (const record of batchFrom(step)) values.push(`${record.offset}:${record.value}`)
  }
  return values
}

const batchFrom = (step: FetchedStep) =>
  new ConsumerBatch({
    ...step,
    topic: 't',
    partition: 0,
    highWatermark: 100,
    commit: () => Promise.resolve(),
  })

describe('fetched batches', () => {
  test('begin at the position, also in the middle of a batch', () => {
    const fetched = open([batchOf({ offset: 10, values: ['a', 'b', 'c', 'd'] })], { offset: 12 })
    expect(fetched.endOffset()).toBe(14)
    const step = fetched.take(500) as FetchedStep
    const batch = batchFrom(step)
    expect(batch.count).toBe(2)
    expect(batch.firstOffset).toBe(12n)
    expect([...batch].map((r) => String(r.value))).toEqual(['c', 'd'])
  })

  test('leave out a batch that the size limit cut off', () => {
    const whole = batchOf({ offset: 0, values: ['a'] })
    const cut = batchOf({ offset: 1, values: ['b'] }).subarray(0, 65)
    const fetched = open([whole, cut])
    expect(fetched.endOffset()).toBe(1)
    expect(valuesOf(fetched)).toEqual(['0:a'])
  })

  test('are handed out in steps at batch boundaries', () => {
    const batches = [0, 2, 4, 6].map((offset) => batchOf({ offset, values: ['x', 'y'] }))
    const fetched = open(batches)
    expect(fetched.take(3)?.nextOffset).toBe(4)
    expect(fetched.take(3)?.nextOffset).toBe(8)
    expect(fetched.take(3)).toBeUndefined()
  })

  test('with a wrong checksum are refused, naming the place', () => {
    const bad = batchOf({ offset: 7, values: ['abc'] })
    bad[bad.length - 2] = (bad[bad.length - 2] as number) ^ 1
    const fetched = open([bad])
    expect(() => fetched.take(10)).toThrow(/t-0 at offset 7.*checksum/)
  })

  test.each(['gzip', 'snappy', 'lz4', 'zstd'] as const)(
    'are decompressed from %s',
    async (codec) => {
      await loadCodec(COMPRESSION[codec])
      const values = Array.from({ length: 100 }, (_, i) => `value ${i}`)
      const got = valuesOf(open([batchOf({ offset: 0, values, codec })]))
      expect(got).toEqual(values.map((value, i) => `${i}:${value}`))
    },
  )

  test('that hold only control records move the position on', () => {
    const step = open([marker(0, 1, 1), marker(1, 2, 0)]).take(10)
    expect(step).toMatchObject({ segments: [], nextOffset: 2 })
  })
})

describe('read_committed', () => {
  const log = [
    inTransaction(0, 1, 'aborted-1'),
    inTransaction(1, 2, 'committed-2'),
    batchOf({ offset: 2, values: ['plain'] }),
    marker(3, 1, 0),
    inTransaction(4, 1, 'committed-1'),
    marker(5, 2, 1),
    marker(6, 1, 1),
    inTransaction(7, 1, 'aborted-again'),
    inTransaction(8, 2, 'aborted-2'),
    marker(9, 1, 0),
  ]
  const aborted = [
    { producerId: 2, firstOffset: 8 },
    { producerId: 1, firstOffset: 7 },
    { producerId: 1, firstOffset: 0 },
  ]

  test('hides aborted transactions, several of one producer too', () => {
    const got = valuesOf(open(log, { isReadCommitted: true, aborted }))
    expect(got).toEqual(['1:committed-2', '2:plain', '4:committed-1'])
  })

  test('hides to the end when the marker lies in a later fetch', () => {
    const part = log.slice(0, 2)
    const first = [{ producerId: 1, firstOffset: 0 }]
    expect(valuesOf(open(part, { isReadCommitted: true, aborted: first }))).toEqual([
      '1:committed-2',
    ])
  })

  test('goes on correctly in the middle of an aborted transaction', () => {
    const fetched = openAt({ batches: log.slice(8), offset: 8, isReadCommitted: true, aborted })
    expect(valuesOf(fetched)).toEqual([])
  })

  test('in steps of one batch gives the same', () => {
    expect(valuesOf(open(log, { isReadCommitted: true, aborted }), 1)).toEqual([
      '1:committed-2',
      '2:plain',
      '4:committed-1',
    ])
  })

  test('read_uncommitted shows all but the markers', () => {
    expect(valuesOf(open(log))).toHaveLength(6)
  })

  test('a marker ends only what began before it', () => {
    const filter = new AbortedTransactions([
      { producerId: 1, firstOffset: 10 },
      { producerId: 1, firstOffset: 20 },
    ])
    expect(filter.isAborted(1, 9)).toBe(false)
    expect(filter.isAborted(1, 10)).toBe(true)
    filter.passAbortMarker(1, 15)
    expect(filter.isAborted(1, 19)).toBe(false)
    expect(filter.isAborted(1, 25)).toBe(true)
  })
})
