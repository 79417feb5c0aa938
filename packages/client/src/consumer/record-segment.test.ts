import { deepStrictEqual } from 'node:assert/strict'
import { expect, test } from 'vitest'
import { RecordExpiredError } from '../errors.ts'
import { topicOf } from '../serde/topic.ts'
import { RecordSegment } from './record-segment.ts'

const at = {
  ...{ topic: topicOf('t'), partition: 0, start: 0, end: 4, count: 1 },
  ...{ baseOffset: 0, baseTimestamp: 0, logAppendTime: undefined, leaderEpoch: 0 },
}
/** In the middle of its memory, as batches lie in a response. */
const bytes = Buffer.from('__text__').subarray(2, 6)

test('a view is a buffer like any other, of the same memory', () => {
  const view = new RecordSegment({ ...at, bytes }).view(1, 2)
  deepStrictEqual(view, Buffer.from('ex'))
  expect(view.buffer).toBe(bytes.buffer)
  expect(view.byteOffset).toBe(bytes.byteOffset + 1)
  expect(view.toString()).toBe('ex')
})

test('a view outside of the memory is refused', () => {
  expect(() => new RecordSegment({ ...at, bytes }).view(1, bytes.buffer.byteLength)).toThrow(
    RangeError,
  )
})

test('memory that is used again is not shown', () => {
  const segment = new RecordSegment({ ...at, bytes })
  segment.expire()
  expect(() => segment.view(1, 2)).toThrow(RecordExpiredError)
  expect(() => segment.bytes).toThrow(RecordExpiredError)
  expect(() => segment.cursor()).toThrow(RecordExpiredError)
})
