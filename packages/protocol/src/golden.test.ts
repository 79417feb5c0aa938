/**
 * Bytes that Apache Kafka wrote, kept in testdata/golden (test/compatibility/protocol/golden.ts
 * writes them): we read them as the same value and write the value as the same bytes.
 */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { decodeMessage, encodeMessage } from './codec.ts'
import { everyMessage, versionsOf } from './schema/every-message.ts'
import { messageJson } from './schema/message-json.ts'

const folder = new URL('../testdata/golden/', import.meta.url)

describe.each(everyMessage.map((message) => [message.name, message] as const))(
  '%s',
  (_, message) => {
    test('has the bytes that Apache Kafka gave it', () => {
      const lines = readFileSync(new URL(`${message.name}.txt`, folder), 'utf8')
        .trimEnd()
        .split('\n')
      const seen = new Set<number>()
      for (const line of lines) {
        const [, number, json, hex] = /^v(\d+) (.*) ([0-9a-f]*)$/.exec(line) as unknown as string[]
        const version = Number(number)
        seen.add(version)
        const value = decodeMessage(message, version, Buffer.from(hex as string, 'hex'))
        expect(messageJson(message, version, value)).toEqual(JSON.parse(json as string))
        expect(encodeMessage(message, version, value as never).toString('hex')).toBe(hex)
      }
      expect([...seen]).toEqual(versionsOf(message))
    })
  },
)
