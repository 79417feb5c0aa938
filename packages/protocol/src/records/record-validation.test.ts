import { SeededRandom } from '@ottla/base'
import { beforeAll, describe, expect, test } from 'vitest'
import { COMPRESSION, compress, loadCodec } from '../compression/codecs.ts'
import {
  CorruptCompressionError,
  DecompressedTooLargeError,
} from '../compression/compression-errors.ts'
import { MalformedMessageError } from '../wire/malformed-message-error.ts'
import { BatchBuilder, type BatchFields } from './batch-builder.ts'
import { BATCH_OVERHEAD, RECORDS_COUNT_POSITION } from './batch-header.ts'
import { RecordBatch, readBatches } from './batch-reader.ts'
import { producerBatchFault, validateRecords } from './record-validation.ts'

const rules = { sizeMax: 1 << 20 }

function batchOf(keys: (string | null)[], compression = 0, fields: BatchFields = {}): Buffer {
  const builder = new BatchBuilder({ compression })
  for (const [i, key] of keys.entries()) builder.append(1000 + i, key, 'value', [])
  return builder.finish(fields)
}

beforeAll(() => loadCodec(COMPRESSION.zstd))

describe('the header of a producer batch', () => {
  test('is accepted when it agrees with itself', () => {
    expect(producerBatchFault(batchOf(['a', 'b']))).toBeUndefined()
    const idempotent = { producerId: 4, producerEpoch: 0, baseSequence: 0, isTransactional: true }
    expect(producerBatchFault(batchOf(['a'], 4, idempotent))).toBeUndefined()
  })

  const faults: [string, Buffer][] = [
    ['control', batchOf(['a'], 0, { isControl: true })],
    ['base offset', batchOf(['a'], 0, { baseOffset: 5 })],
    ['last offset delta', batchOf(['a'], 0, { lastOffsetDelta: 5 })],
    ['sequence', batchOf(['a'], 0, { producerId: 4, producerEpoch: 0 })],
    ['without an epoch', batchOf(['a'], 0, { producerId: 4, baseSequence: 0 })],
    ['without a producer id', batchOf(['a'], 0, { isTransactional: true })],
    ['0 records', new BatchBuilder().finish()],
    ['cut off', Buffer.alloc(20)],
    ['beyond the end', batchOf(['a']).subarray(0, -1)],
  ]
  test.each(faults)('is refused: %s', (reason, batch) => {
    expect(producerBatchFault(batch)).toContain(reason)
  })
})

describe.each(Object.entries(COMPRESSION))('records packed with %s', (_, codec) => {
  test('are accepted, and the first maximum of the timestamps is found', () => {
    expect(validateRecords(batchOf(['a', 'b', 'c'], codec), 0, rules)).toEqual({
      kind: 'valid',
      maxTimestamp: 1002,
      offsetOfMaxTimestamp: 2,
    })
  })

  test('without keys are named where keys are needed', () => {
    const batch = batchOf(['a', null, 'c', null], codec)
    expect(validateRecords(batch, 0, { ...rules, requireKeys: true })).toMatchObject({
      error: 'INVALID_RECORD',
      recordErrors: [{ batchIndex: 1 }, { batchIndex: 3 }],
    })
    expect(validateRecords(batch, 0, rules).kind).toBe('valid')
  })

  test('outside the bounds of time are named', () => {
    const bounds = { ...rules, timestampMin: 1001, timestampMax: 1001 }
    expect(validateRecords(batchOf(['a', 'b', 'c'], codec), 0, bounds)).toMatchObject({
      error: 'INVALID_TIMESTAMP',
      recordErrors: [{ batchIndex: 0 }, { batchIndex: 2 }],
    })
  })

  test('whose offsets are not 0, 1, 2 ... are named', () => {
    const builder = new BatchBuilder({ compression: codec })
    const record = { timestamp: 1, key: null, value: null, headers: [] }
    builder.appendAt(0, record)
    builder.appendAt(2, record)
    const batch = builder.finish({ lastOffsetDelta: 2 })
    expect(validateRecords(batch, 0, rules)).toMatchObject({ recordErrors: [{ batchIndex: 1 }] })
  })

  test('that are fewer or more than the header says make the batch corrupt', () => {
    for (const count of [1, 3, 2 ** 31 - 1, -1]) {
      const batch = batchOf(['a', 'b'], codec)
      batch.writeInt32BE(count, RECORDS_COUNT_POSITION)
      expect(validateRecords(batch, 0, rules)).toMatchObject({ error: 'CORRUPT_MESSAGE' })
    }
  })

  if (codec !== COMPRESSION.none)
    test('that unpack to too much are refused', () => {
      const header = batchOf(['a'], codec).subarray(0, BATCH_OVERHEAD)
      const bomb = Buffer.concat([header, compress(codec, Buffer.alloc(rules.sizeMax + 1))])
      bomb.writeInt32BE(bomb.length - 12, 8)
      expect(validateRecords(bomb, 0, rules)).toMatchObject({ error: 'MESSAGE_TOO_LARGE' })
    })
})

test('a batch that is cut off is corrupt', () => {
  const batch = batchOf(['a', 'b'])
  for (const size of [BATCH_OVERHEAD, batch.length - 8, batch.length - 1]) {
    expect(validateRecords(batch.subarray(0, size), 0, rules)).toMatchObject({
      error: 'CORRUPT_MESSAGE',
    })
  }
})

test('damaged batches end in typed errors only', () => {
  const random = new SeededRandom(99)
  for (let i = 0; i < 6000; i++) {
    const bytes = Buffer.from(batchOf(['k', null, 'key'], i % 5))
    for (let n = 0; n <= i % 3; n++) {
      const at = 16 + random.integer(bytes.length - 16)
      bytes[at] = random.integer(256)
    }
    try {
      for (const batch of readBatches(bytes)) {
        for (const record of batch.records(1 << 16)) record.headers.length
      }
    } catch (error) {
      const isTyped =
        error instanceof MalformedMessageError ||
        error instanceof CorruptCompressionError ||
        error instanceof DecompressedTooLargeError
      expect(isTyped, String(error)).toBe(true)
    }
    expect(() =>
      validateRecords(bytes.subarray(0, new RecordBatch(bytes).size), 0, rules),
    ).not.toThrow()
  }
})
