/**
 * Every message in every version through Apache Kafka's generated classes: what we write, Java
 * reads as the same value and writes as the same bytes, also after a detour through its JSON.
 */
import { SeededRandom } from '@ottla/base'
import { decodeMessage, encodeMessage } from '@ottla/protocol'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { everyMessage, versionsOf } from '../../../packages/protocol/src/schema/every-message.ts'
import { hasRecords, messageJson } from '../../../packages/protocol/src/schema/message-json.ts'
import { randomMessage } from '../../../packages/protocol/src/schema/random-value.ts'
import { inFlight, Judge } from './judge.ts'

const SEEDS = 12

interface Exchange {
  readonly error?: string
  readonly remaining: number
  readonly unknownTags: number
  readonly bytes: string
  readonly bytesFromJson?: string
  readonly json: unknown
}

let judge: Judge

beforeAll(async () => {
  judge = await Judge.start()
})
afterAll(() => judge?.[Symbol.asyncDispose]())

describe.each(everyMessage.map((message) => [message.name, message] as const))(
  '%s',
  (_, message) => {
    test('is the same message to Apache Kafka', async () => {
      const cases = versionsOf(message).flatMap((version) =>
        Array.from({ length: SEEDS }, (_, seed) => ({ version, seed })),
      )
      await inFlight(cases, async ({ version, seed }) => {
        const value = randomMessage(message, version, new SeededRandom(seed * 977 + version))
        const bytes = encodeMessage(message, version, value as never)
        const answer = await judge.ask<Exchange>({
          op: 'message',
          name: message.name,
          version,
          bytes: bytes.toString('base64'),
          hasRecords: hasRecords(message.fields),
        })
        const where = `v${version} seed ${seed}`
        expect(answer.error, where).toBeUndefined()
        const theirs = Buffer.from(answer.bytes, 'base64')
        expect(theirs.toString('hex'), where).toBe(bytes.toString('hex'))
        expect(answer.json, where).toEqual(messageJson(message, version, value))
        expect(answer, where).toMatchObject({ remaining: 0, unknownTags: 0 })
        if (answer.bytesFromJson !== undefined) {
          expect(answer.bytesFromJson, where).toBe(answer.bytes)
        }
        expect(JSON.stringify(decodeMessage(message, version, theirs)), where).toBe(
          JSON.stringify(value),
        )
      })
    })
  },
)
