import { BufferPool, SeededRandom } from '@ottla/base'
import { describe, expect, test } from 'vitest'
import { FrameMemory, FrameReceiver, FrameSizeError, FrameSplitter, giveFrame } from './frame.ts'

const SEEDS = 200

function randomFrames(random: SeededRandom): Buffer[] {
  return Array.from({ length: 1 + random.integer(20) }, () => {
    const size = random.chance(0.1) ? random.integer(300_000) : random.integer(200)
    return Buffer.from(random.bytes(Math.min(size, 2000))).length === size
      ? Buffer.from(random.bytes(size))
      : Buffer.alloc(size, random.integer(256))
  })
}

function encode(frames: readonly Buffer[]): Buffer {
  return Buffer.concat(
    frames.flatMap((frame) => {
      const size = Buffer.alloc(4)
      size.writeInt32BE(frame.length)
      return [size, frame]
    }),
  )
}

function cut(bytes: Buffer, random: SeededRandom): Buffer[] {
  const chunks: Buffer[] = []
  let position = 0
  while (position < bytes.length) {
    const size = 1 + random.integer(random.chance(0.3) ? 5 : 70_000)
    chunks.push(Buffer.from(bytes.subarray(position, position + size)))
    position += size
  }
  return chunks
}

const memory = new FrameMemory()

function feed(receiver: FrameReceiver, chunks: readonly Buffer[]): void {
  for (const chunk of chunks) {
    let position = 0
    while (position < chunk.length) {
      const copied = chunk.copy(receiver.target(), 0, position)
      receiver.received(copied)
      position += copied
    }
  }
}

/** Gives each frame back some frames later, overwritten, as its next owner would. */
function readFromPool(chunks: readonly Buffer[], random: SeededRandom): Buffer[] {
  const pool = new BufferPool()
  const held: Buffer[] = []
  const copies: Buffer[] = []
  const release = (count: number) => {
    for (const frame of held.splice(0, count)) {
      copies.push(Buffer.from(frame))
      frame.fill(0xff)
      giveFrame(pool, frame)
    }
  }
  const receiver = new FrameReceiver(
    (frame) => {
      held.push(frame)
      release(random.integer(held.length + 1))
    },
    undefined,
    pool,
  )
  feed(receiver, chunks)
  release(held.length)
  expect(pool.usedBytes).toBe(0)
  return copies
}

describe('frames come out as they went in, however the stream is cut', () => {
  for (let seed = 1; seed <= SEEDS; seed += 50) {
    test(`seeds ${seed} to ${seed + 49}`, () => {
      for (let s = seed; s < seed + 50; s++) {
        const random = new SeededRandom(s)
        const frames = randomFrames(random)
        const chunks = cut(encode(frames), random)

        const split: Buffer[] = []
        const splitter = new FrameSplitter()
        for (const chunk of chunks) splitter.push(chunk, (frame) => split.push(frame))
        expect(split.length, `seed ${s}`).toBe(frames.length)
        expect(Buffer.concat(split).equals(Buffer.concat(frames)), `seed ${s}`).toBe(true)

        const owned: Buffer[] = []
        feed(new FrameReceiver((frame) => owned.push(frame)), chunks)
        expect(owned.length, `seed ${s}`).toBe(frames.length)
        expect(Buffer.concat(owned).equals(Buffer.concat(frames)), `seed ${s}`).toBe(true)

        const lent: Buffer[] = []
        const keep = (frame: Buffer) => {
          lent.push(Buffer.from(frame))
          frame.fill(0xff)
        }
        feed(new FrameReceiver(keep, undefined, memory), chunks)
        expect(lent.length, `seed ${s}`).toBe(frames.length)
        expect(Buffer.concat(lent).equals(Buffer.concat(frames)), `seed ${s}`).toBe(true)

        const pooled = readFromPool(chunks, random)
        expect(pooled.length, `seed ${s}`).toBe(frames.length)
        expect(Buffer.concat(pooled).equals(Buffer.concat(frames)), `seed ${s}`).toBe(true)
      }
    })
  }
})

describe('hostile sizes', () => {
  const bomb = (size: number) => {
    const bytes = Buffer.alloc(4)
    bytes.writeInt32BE(size)
    return bytes
  }

  test.each([-1, -(2 ** 31), 2 ** 31 - 1])('a size of %i ends the stream', (size) => {
    expect(() => new FrameSplitter().push(bomb(size), () => {})).toThrow(FrameSizeError)
    const receiver = new FrameReceiver(() => {})
    bomb(size).copy(receiver.target())
    expect(() => receiver.received(4)).toThrow(FrameSizeError)
  })

  test('a large size allocates no more than a few megabytes before its bytes come', () => {
    const receiver = new FrameReceiver(() => {}, 2 ** 31 - 1)
    bomb(2 ** 31 - 1).copy(receiver.target())
    receiver.received(4)
    expect(receiver.target().buffer.byteLength).toBeLessThan(5 * 1024 * 1024)
  })

  test('a fetch of 4 MiB with what stands around it never moves', () => {
    const pool = new BufferPool()
    let given = 0
    let taken = 0
    pool.take = (size) => {
      taken++
      return Buffer.alloc(size)
    }
    pool.give = () => void given++
    const size = 4 * 1024 * 1024 + 4096
    const frames: number[] = []
    const receiver = new FrameReceiver((frame) => frames.push(frame.length), undefined, pool)
    bomb(size).copy(receiver.target())
    receiver.received(4)
    while (receiver.missing > 0) receiver.received(Math.min(receiver.target().length, 100_000))
    expect(frames).toEqual([size])
    expect([taken, given]).toEqual([1, 0])
  })

  test('an empty frame is a frame', () => {
    const frames: Buffer[] = []
    new FrameSplitter().push(bomb(0), (frame) => frames.push(frame))
    expect(frames).toHaveLength(1)
  })
})
