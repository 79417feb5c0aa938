import { SeededRandom } from '@ottla/base'
import { BatchBuilder, baseOffsetOf, isBatchCrcValid, writeInt64 } from '@ottla/protocol'
import { expect, test } from 'vitest'
import { TailBatches, TailCache, type TailRead } from './tail-cache.ts'

const SEEDS = 6
const STEPS = 1500
const BYTES_MAX = 3_000_000
const SIZES = [200, 5_000, 40_000, 300_000]

/** One batch of each size; only the offset differs, which the checksum does not cover. */
const templates = SIZES.map((size) => {
  const builder = new BatchBuilder()
  builder.append(0, null, Buffer.alloc(size, size & 0xff))
  return builder.finish()
})

interface Partition {
  readonly tail: TailBatches
  nextOffset: number
}

interface Loan {
  readonly read: TailRead
  readonly fromOffset: number
}

function checkAndRelease({ read, fromOffset }: Loan, seed: number): void {
  read.chunks.forEach((chunk, i) => {
    expect(baseOffsetOf(chunk), `seed ${seed}`).toBe(fromOffset + i)
    expect(isBatchCrcValid(chunk), `seed ${seed}`).toBe(true)
  })
  for (const slab of read.slabs) slab.release()
}

function live(seed: number): number {
  const random = new SeededRandom(seed)
  const cache = new TailCache(BYTES_MAX)
  const partitions: Partition[] = [0, 1, 2].map(() => ({ tail: new TailBatches(), nextOffset: 0 }))
  const loans: Loan[] = []
  let reads = 0
  for (let step = 0; step < STEPS; step++) {
    const partition = partitions[random.integer(partitions.length)] as Partition
    const { tail } = partition
    if (random.chance(0.7)) {
      const batch = Buffer.from(templates[random.integer(templates.length)] as Buffer)
      writeInt64(batch, 0, partition.nextOffset++)
      const placed = cache.place(batch)
      cache.add(tail, placed)
      batch.fill(0)
    } else if (random.chance(0.02)) {
      partition.nextOffset = Math.max(0, partition.nextOffset - random.integer(3))
      cache.truncate(tail, partition.nextOffset)
    } else {
      const fromOffset = partition.nextOffset - 1 - random.integer(Math.max(1, tail.count))
      const read =
        fromOffset < 0 ? undefined : tail.read(fromOffset, partition.nextOffset, 1e6, true)
      if (!read) continue
      reads++
      for (const slab of read.slabs) slab.retain()
      loans.push({ read, fromOffset })
    }
    // Readers release in any order, some of them much later.
    while (loans.length > random.integer(20)) {
      checkAndRelease(loans.splice(random.integer(loans.length), 1)[0] as Loan, seed)
    }
    expect(cache.size).toBeLessThanOrEqual(BYTES_MAX)
  }
  for (const loan of loans) checkAndRelease(loan, seed)
  return reads
}

test('what a reader holds is not overwritten, however memory is used again', () => {
  let reads = 0
  for (let seed = 1; seed <= SEEDS; seed++) reads += live(seed)
  expect(reads).toBeGreaterThan(SEEDS * 100)
}, 60_000)
