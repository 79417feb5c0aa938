import { BufferPool } from '@ottla/base'
import { writeInt64 } from '@ottla/protocol'
import { describe, expect, test } from 'vitest'
import { RecordWriter, sealBatch } from '../producer/record-writer.ts'
import { string } from '../serde/serde.ts'
import { defineTopic, topicOf } from '../serde/topic.ts'
import { type AcquiredRange, HeldRecords } from './held-records.ts'
import { readAcquired, ShareBatch } from './share-batch.ts'

const CONTROL_OF_TRANSACTION = 0x30
const pool = new BufferPool()

function batchOf(offset: number, values: readonly string[], attributes = 0): Buffer {
  const writer = new RecordWriter(pool, 100)
  for (const value of values) writer.append(Buffer.from([0, 0, 0, 1]), value, null, 1_000)
  const batch = Buffer.from(writer.finish(0, undefined))
  batch.writeInt16BE(attributes, 21)
  sealBatch(batch, -1, 0, 0)
  writeInt64(batch, 0, offset)
  return batch
}

const acquired = (...ranges: [first: number, last: number, count?: number][]): AcquiredRange[] =>
  ranges.map(([firstOffset, lastOffset, deliveryCount = 1]) => ({
    firstOffset,
    lastOffset,
    deliveryCount,
  }))

const holding = (...ranges: [first: number, last: number, count?: number][]) =>
  new HeldRecords(acquired(...ranges), () => {})

const read = (held: HeldRecords, batches: readonly Buffer[]) =>
  readAcquired({ topic: topicOf('t'), partition: 4 }, held, Buffer.concat(batches), {
    checkCrcs: true,
  })

describe('reading acquired records', () => {
  test('only those that were acquired come, each with its delivery count', () => {
    const held = holding([1, 2], [4, 4, 3])
    const records = read(held, [batchOf(0, ['a', 'b', 'c']), batchOf(3, ['d', 'e', 'f'])])
    expect(records.map((r) => [r.offset, String(r.value), r.deliveryCount])).toEqual([
      [1n, 'b', 1],
      [2n, 'c', 1],
      [4n, 'e', 3],
    ])
    expect(records[0]).toMatchObject({ topic: 't', partition: 4, isHeld: true })
  })

  test('markers of transactions are gaps', () => {
    const held = holding([0, 2])
    const batches = [batchOf(0, ['a', 'b']), batchOf(2, ['marker'], CONTROL_OF_TRANSACTION)]
    expect(read(held, batches)).toHaveLength(2)
    held.markRest('accept')
    const [all] = held.takeBatches()
    expect(all).toEqual({ firstOffset: 0, lastOffset: 2, acknowledgeTypes: [1, 1, 0] })
  })

  test('a batch that was cut off goes back', () => {
    const held = holding([0, 3])
    const cut = batchOf(2, ['c', 'd']).subarray(0, -1)
    expect(read(held, [batchOf(0, ['a', 'b']), cut])).toHaveLength(2)
    held.markRest('accept')
    const [all] = held.takeBatches()
    expect(all).toEqual({ firstOffset: 0, lastOffset: 3, acknowledgeTypes: [1, 1, 2, 2] })
  })

  test('a checksum that does not match is an error that says where', () => {
    const batch = batchOf(7, ['a'])
    batch[batch.length - 2] = (batch[batch.length - 2] as number) ^ 1
    expect(() => read(holding([7, 7]), [batch])).toThrow('t-4 at offset 7: the checksum')
  })

  test('values are decoded when they are looked at', () => {
    const topic = defineTopic('t', { value: string() })
    const held = holding([0, 0])
    const options = { checkCrcs: true }
    const [record] = readAcquired({ topic, partition: 0 }, held, batchOf(0, ['text']), options)
    expect(record?.value).toBe('text')
  })
})

describe('a batch of shared records', () => {
  test('says one thing of all records that have no answer yet', () => {
    const held = holding([0, 3])
    const records = read(held, [batchOf(0, ['a', 'b', 'c', 'd'])])
    const batch = new ShareBatch({ topic: 't', partition: 4 }, held, records)
    expect([batch.count, [...batch].length]).toEqual([4, 4])
    records[0]?.reject()
    records[1]?.release()
    records[2]?.accept()
    batch.release()
    expect(held.takeBatches()).toEqual([
      { firstOffset: 0, lastOffset: 3, acknowledgeTypes: [3, 2, 1, 2] },
    ])
    expect(records.some(({ isHeld }) => isHeld)).toBe(false)
  })
})
