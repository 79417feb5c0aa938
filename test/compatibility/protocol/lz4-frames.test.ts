/** LZ4 frames between us and the command of the format's reference implementation. */
import { execFileSync } from 'node:child_process'
import { SeededRandom } from '@ottla/base'
import { COMPRESSION, compress, decompress } from '@ottla/protocol'
import { beforeAll, describe, expect, test } from 'vitest'
import { ensureLz4 } from '../support/peers.ts'

/** Text, noise, and what repeats from far away and from near by. */
function content(): Buffer {
  const random = new SeededRandom(11)
  const words = Array.from({ length: 500 }, () => random.bytes(1 + random.integer(9)))
  const text = Buffer.concat(Array.from({ length: 40_000 }, () => random.pick(words)))
  const noise = random.bytes(150_000)
  return Buffer.concat([text, noise, text.subarray(0, 50_000), Buffer.alloc(200_000), noise])
}

const plain = content()
const lz4 = (args: readonly string[], input: Buffer): Buffer =>
  execFileSync('lz4', [...args, '-q', '-c', '-'], {
    input,
    maxBuffer: 2 ** 28,
    timeout: 60_000,
    stdio: 'pipe',
  })

beforeAll(ensureLz4)

describe('the reference implementation of lz4', () => {
  const variants = ['-B4', '-B5', '-B6', '-B7'].flatMap((size) =>
    ['-BI', '-BD'].flatMap((blocks) =>
      [[], ['-BX'], ['--no-frame-crc', '-9'], ['-BX', '-12']].map((others) => [
        ...[size, blocks],
        ...others,
      ]),
    ),
  )
  test.each(variants.map((args) => ({ args })))('is read: lz4 $args', ({ args }) => {
    const frame = lz4(args, plain)
    const back = decompress(COMPRESSION.lz4, frame, { sizeMax: plain.length })
    expect(back.equals(plain)).toBe(true)
  })

  const sizes = [0, 1, 4, 5, 12, 13, 14, 17, 18, 31, 100, 65_535, 65_536, 65_537, plain.length]
  test.each(sizes)('reads what we write: %i bytes of anything, and of the same', (size) => {
    for (const content of [plain.subarray(0, size), Buffer.alloc(size, 'ab')]) {
      expect(lz4(['-d'], compress(COMPRESSION.lz4, content)).equals(content)).toBe(true)
    }
  })
})
