/**
 * Building, reading and packing record batches.
 *
 *   npm run build && npx tsx bench/micro/record-batch.bench.ts
 *
 * The budgets in the headers of packages/protocol/src/records are read off here: at most 250 ns to
 * append a record of 100 bytes, 60 ns to walk over it, 100 ns to make it an object.
 */
import { deepStrictEqual } from 'node:assert/strict'
import {
  BatchBuilder,
  COMPRESSION,
  compress,
  computeBatchCrc,
  decompress,
  loadCodec,
  RecordBatch,
  readBatches,
  validateRecords,
} from '@ottla/protocol'
import { printTimings, time } from './time.ts'

const COUNT = 150
const BASE = 1_790_000_000_000
const key = Buffer.from('user-123456')
const value = Buffer.alloc(100, 'some value ')
const text = value.toString()
const headers = [{ key: 'trace', value: key }]

function build(append: (builder: BatchBuilder, timestamp: number) => void): Buffer {
  const builder = new BatchBuilder({ sizeInitial: 24_000 })
  for (let i = 0; i < COUNT; i++) append(builder, BASE + i)
  return builder.finish()
}

const batch = build((builder, timestamp) => builder.append(timestamp, key, value))
const records = new RecordBatch(batch).records()
deepStrictEqual(records.length, COUNT)
deepStrictEqual(records[7]?.value, value)

printTimings(
  'append',
  'record',
  time([
    {
      name: 'key and value as bytes',
      count: COUNT,
      run: () => build((builder, timestamp) => builder.append(timestamp, key, value)),
    },
    {
      name: 'value as bytes, no key',
      count: COUNT,
      run: () => build((builder, timestamp) => builder.append(timestamp, null, value)),
    },
    {
      name: 'key and value as strings',
      count: COUNT,
      run: () => build((builder, timestamp) => builder.append(timestamp, 'user-123456', text)),
    },
    {
      name: 'with one header',
      count: COUNT,
      run: () => build((builder, timestamp) => builder.append(timestamp, key, value, headers)),
    },
  ]),
)

const walk = () => {
  const cursor = new RecordBatch(batch).cursor()
  let bytes = 0
  while (cursor.next()) bytes += cursor.valueSize
  return bytes
}
const objects = () => {
  let offsets = 0
  for (const { offset } of new RecordBatch(batch).records()) offsets += offset
  return offsets
}
const values = () => {
  let bytes = 0
  for (const found of readBatches(batch)) {
    for (const record of found.records()) bytes += record.value?.length ?? 0
  }
  return bytes
}
printTimings(
  'read',
  'record',
  time([
    { name: 'cursor', count: COUNT, run: walk },
    { name: 'record objects', count: COUNT, run: objects },
    { name: 'record objects and their values', count: COUNT, run: values },
    {
      name: 'validate',
      count: COUNT,
      run: () => validateRecords(batch, 0, { sizeMax: 1 << 20, requireKeys: true }),
    },
    { name: 'checksum', count: COUNT, run: () => computeBatchCrc(batch) },
  ]),
)

const lines = Array.from({ length: 1000 }, (_, i) =>
  JSON.stringify({ id: (i * 7919) % 10_007, name: `user ${i % 97}`, at: BASE + i * 31 }),
)
const plain = Buffer.from(lines.join('')).subarray(0, 16 * 1024)
for (const [name, codec] of Object.entries(COMPRESSION)) {
  if (codec === COMPRESSION.none) continue
  await loadCodec(codec)
  const packed = compress(codec, plain)
  deepStrictEqual(decompress(codec, packed, { sizeMax: 1 << 20 }), plain)
  const timings = time([
    { name: `compress to ${packed.length} bytes`, count: 1, run: () => compress(codec, plain) },
    {
      name: 'decompress',
      count: 1,
      run: () => decompress(codec, packed, { sizeMax: 1 << 20 }),
    },
  ])
  printTimings(`${name}, 16 KiB of JSON`, 'batch', timings)
}
