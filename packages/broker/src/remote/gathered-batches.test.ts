import {
  BATCH_OVERHEAD,
  BatchBuilder,
  batchSizeOf,
  lastOffsetOf,
  writeInt64,
} from '@ottla/protocol'
import { describe, expect, test } from 'vitest'
import { GatheredBatches } from './gathered-batches.ts'

/** Batches of one record each, from offset 0 on. */
function segmentOf(sizes: readonly number[]): Buffer {
  const batches = sizes.map((size, i) => {
    const builder = new BatchBuilder()
    builder.append(1_700_000_000_000, null, Buffer.alloc(size, i))
    const bytes = Buffer.from(builder.finish())
    writeInt64(bytes, 0, i)
    return bytes
  })
  return Buffer.concat(batches)
}

/** Reads from the file in chunks as the archive does, and notes what is lent. */
function gather(
  file: Buffer,
  chunkBytes: number,
  { offset = 0, bytesMax = 1_000_000, atLeastOneBatch = true } = {},
) {
  const found = new GatheredBatches(
    { offset, position: 0, end: file.length },
    {
      bytesMax,
      atLeastOneBatch,
    },
  )
  let lent = 0
  let fault: string | undefined
  for (let views = 0; found.position < file.length && !found.isDone; views++) {
    expect(views).toBeLessThan(1000)
    const chunkEnd = (Math.floor(found.position / chunkBytes) + 1) * chunkBytes
    const to = found.needed > 0 ? found.position + found.needed : chunkEnd
    lent++
    const bytes = file.subarray(found.position, to)
    fault = found.take({ bytes, release: () => lent-- })
  }
  return { found, fault, lent: () => lent }
}

const SIZES = [10, 300, 5, 120, 80, 700, 1, 40, 90, 33]

describe('batches gathered from chunks', () => {
  test('are all there, whatever the chunks cut', () => {
    const file = segmentOf(SIZES)
    for (let chunkBytes = 1; chunkBytes < file.length + 10; chunkBytes += 7) {
      const { found, lent } = gather(file, chunkBytes)
      expect(Buffer.concat(found.chunks).equals(file)).toBe(true)
      expect([found.size, found.nextOffset]).toEqual([file.length, SIZES.length])
      expect(lent()).toBe(found.chunks.length)
      found.release()
      expect(lent()).toBe(0)
    }
  })

  test('begin with the one that contains the offset, and are no more than asked for', () => {
    const file = segmentOf(SIZES)
    for (let chunkBytes = 1; chunkBytes < file.length + 10; chunkBytes += 7) {
      const { found } = gather(file, chunkBytes, { offset: 3, bytesMax: 450 })
      const bytes = Buffer.concat(found.chunks)
      expect(lastOffsetOf(bytes)).toBe(3)
      expect(found.nextOffset).toBe(5)
      expect(found.size).toBeLessThanOrEqual(450)
      const rest = gather(file.subarray(found.position), chunkBytes, { offset: 5 })
      expect(rest.found.nextOffset).toBe(SIZES.length)
    }
  })

  test('are at least one when that is asked for, else none that is too large', () => {
    const file = segmentOf([500, 10])
    expect(gather(file, 64, { bytesMax: 100 }).found).toMatchObject({ nextOffset: 1, isDone: true })
    const { found, lent } = gather(file, 64, { bytesMax: 100, atLeastOneBatch: false })
    expect(found).toMatchObject({ size: 0, isDone: true })
    expect(lent()).toBe(0)
  })

  test('reach to where damage begins', () => {
    const file = segmentOf(SIZES)
    const third = batchSizeOf(file, 0) + batchSizeOf(file, batchSizeOf(file, 0))
    const body = third + BATCH_OVERHEAD
    file[body] = (file[body] as number) ^ 1
    const before = gather(file, 256)
    expect(before.fault).toBeUndefined()
    expect(before.found.nextOffset).toBe(2)
    const at = gather(file, 256, { offset: 2 })
    expect(at.fault).toBe('checksum does not agree')
    expect(at.lent()).toBe(0)
    const torn = gather(file.subarray(0, 30), 256)
    expect(torn.fault).toBe('the segment ends within a header')
  })
})
