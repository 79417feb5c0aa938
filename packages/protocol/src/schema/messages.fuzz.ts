/**
 * Every message in every version: random values go through interpreter and compiled code in both
 * directions and must agree, and damaged bytes must end in a MalformedMessageError and nothing
 * else. A failure names the seed, which repeats it.
 */
import { SeededRandom } from '@ottla/base'
import { describe, expect, test } from 'vitest'
import { MalformedMessageError } from '../wire/malformed-message-error.ts'
import { Reader } from '../wire/reader.ts'
import { Writer } from '../wire/writer.ts'
import { readerOf, writerOf } from './compile.ts'
import { everyMessage, versionsOf } from './every-message.ts'
import { interpretRead, interpretWrite } from './interpreter.ts'
import { randomMessage } from './random-value.ts'
import type { Message } from './schema.ts'

const ROUNDS = 6

function compiledBytes(message: Message, version: number, value: unknown): Buffer {
  const writer = new Writer(true)
  writerOf(message, version)(writer, value as never)
  return Buffer.concat(writer.finish())
}

function interpretedBytes(message: Message, version: number, value: unknown): Buffer {
  const writer = new Writer(true)
  interpretWrite(message, version, writer, value)
  return Buffer.concat(writer.finish())
}

/** A string that two values share exactly when they are the same, bytes included. */
const canonical = (value: unknown): string =>
  JSON.stringify(value, (_, inner) => (Object.is(inner, -0) ? '-0' : inner))

const readCompiled = (message: Message, version: number, bytes: Buffer): unknown =>
  readerOf(message, version)(new Reader(bytes))

test('there is no message that the tests would miss', () => {
  expect(everyMessage.length).toBeGreaterThan(230)
})

describe.each(everyMessage.map((message) => [message.name, message] as const))(
  '%s',
  (_, message) => {
    test('reads back what it wrote, compiled and interpreted', () => {
      for (const version of versionsOf(message)) {
        for (let seed = 1; seed <= ROUNDS; seed++) {
          const value = randomMessage(message, version, new SeededRandom(seed * 1000 + version))
          const bytes = compiledBytes(message, version, value)
          const where = `v${version} seed ${seed}`
          const interpreted = interpretedBytes(message, version, value)
          expect(interpreted.toString('hex'), where).toBe(bytes.toString('hex'))
          const reader = new Reader(bytes)
          const read = readerOf(message, version)(reader)
          expect(reader.remaining, where).toBe(0)
          expect(canonical(read), where).toBe(canonical(value))
          const second = interpretRead(message, version, new Reader(bytes))
          expect(canonical(second), where).toBe(canonical(value))
        }
      }
    })

    test('refuses every cut and survives every kind of damage', () => {
      for (const version of versionsOf(message)) {
        const random = new SeededRandom(version + 1)
        const bytes = compiledBytes(message, version, randomMessage(message, version, random))
        const step = Math.max(1, Math.floor(bytes.length / 60))
        for (let cut = 0; cut < bytes.length; cut += step) {
          expectMalformed(() => readCompiled(message, version, bytes.subarray(0, cut)), true)
        }
        for (let i = 0; i < 40; i++) {
          const bad = Buffer.from(bytes)
          damage(bad, random)
          expectMalformed(() => readCompiled(message, version, bad), false)
          expectMalformed(() => interpretRead(message, version, new Reader(bad)), false)
        }
      }
    })
  },
)

/** Overwrites a few bytes with the patterns that hurt parsers most. */
function damage(bytes: Buffer, random: SeededRandom): void {
  const patterns = [
    '7fffffff',
    'ffffffff',
    '80000000',
    'fffffffe',
    'ffffffff0f',
    '8080808080',
    '00',
  ]
  if (bytes.length === 0) return
  const at = random.integer(bytes.length)
  if (random.chance(0.3)) bytes[at] = random.integer(256)
  else Buffer.from(random.pick(patterns), 'hex').copy(bytes, at)
}

function expectMalformed(read: () => unknown, mustThrow: boolean): void {
  try {
    read()
  } catch (error) {
    if (error instanceof MalformedMessageError) return
    throw error
  }
  if (mustThrow) throw new Error('accepted a message that was cut off')
}
