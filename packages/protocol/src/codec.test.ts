import { SeededRandom } from '@ottla/base'
import { describe, expect, test } from 'vitest'
import { apis } from './apis.ts'
import {
  apiByKey,
  correlationIdOf,
  decodeMessage,
  decodePrefixed,
  decodeRequestBody,
  decodeResponse,
  encodeMessage,
  encodePrefixed,
  encodeRequest,
  encodeResponse,
  readRequestHeader,
} from './codec.ts'
import {
  ConsumerGroupMemberMetadataValue,
  ConsumerGroupMetadataValue,
  OffsetCommitValue,
} from './internal-records/consumer-offsets.ts'
import { RequestHeader, ResponseHeader } from './messages/header.ts'
import { randomMessage } from './schema/random-value.ts'
import { isFlexible, type Message } from './schema/schema.ts'
import { MalformedMessageError } from './wire/malformed-message-error.ts'
import { Reader } from './wire/reader.ts'

/** A frame without its size, which must be right. */
function body(chunks: Buffer[]): Buffer {
  const frame = Buffer.concat(chunks)
  expect(frame.readInt32BE(0)).toBe(frame.length - 4)
  return frame.subarray(4)
}

const heartbeat = { groupId: 'g', generationId: 3, memberId: 'm', groupInstanceId: null }

describe('requests', () => {
  test.each([0, 3, 4])('carry the header of their version (Heartbeat v%i)', (version) => {
    const header = { correlationId: 77, clientId: 'client' }
    const frame = body(encodeRequest(apis.heartbeat, version, header, heartbeat))
    const reader = new Reader(frame)
    expect(readRequestHeader(reader)).toEqual({ apiKey: 12, apiVersion: version, ...header })
    expect(decodeRequestBody(apis.heartbeat, version, reader)).toEqual(heartbeat)
    expect(reader.remaining).toBe(0)
    const headerVersion = version >= 4 ? 2 : 1
    const expected = encodeMessage(RequestHeader, headerVersion, {
      requestApiKey: 12,
      requestApiVersion: version,
      ...header,
    })
    expect(frame.subarray(0, expected.length).equals(expected)).toBe(true)
  })

  test('may have no client id, and unknown tags in their header', () => {
    const frame = body(
      encodeRequest(apis.heartbeat, 4, { correlationId: 1, clientId: null }, heartbeat),
    )
    const tagged = Buffer.concat([
      frame.subarray(0, 10),
      Buffer.from('020703aabbcc0900', 'hex'),
      frame.subarray(11),
    ])
    const reader = new Reader(tagged)
    expect(readRequestHeader(reader).clientId).toBeNull()
    expect(decodeRequestBody(apis.heartbeat, 4, reader)).toEqual(heartbeat)
  })

  test('that are malformed name message, version, field and position', () => {
    const header = { correlationId: 1, clientId: null }
    const frame = body(encodeRequest(apis.heartbeat, 3, header, heartbeat))
    frame.writeInt16BE(-7, frame.length - 5)
    const reader = new Reader(frame)
    readRequestHeader(reader)
    expect(() => decodeRequestBody(apis.heartbeat, 3, reader)).toThrow(
      expect.objectContaining({ api: 'HeartbeatRequest v3', path: 'memberId' }),
    )
  })
})

describe('responses', () => {
  test('carry tags in flexible versions only', () => {
    const value = { throttleTimeMs: 5, errorCode: 27 }
    for (const version of [1, 4]) {
      const frame = body(encodeResponse(apis.heartbeat, version, 99, value))
      expect(correlationIdOf(frame)).toBe(99)
      expect(decodeResponse(apis.heartbeat, version, frame)).toEqual(value)
      const head = encodeMessage(ResponseHeader, version >= 4 ? 1 : 0, { correlationId: 99 })
      expect(frame.subarray(0, head.length).equals(head)).toBe(true)
    }
    expect(() => correlationIdOf(Buffer.alloc(3))).toThrow(MalformedMessageError)
  })

  test('of ApiVersions never carry tags in their header', () => {
    const value = { errorCode: 0, apiKeys: [{ apiKey: 18, minVersion: 0, maxVersion: 5 }] }
    const frame = body(encodeResponse(apis.apiVersions, 3, 1, value))
    expect(frame.subarray(0, 7).toString('hex')).toBe('00000001' + '0000' + '02')
    expect(decodeResponse(apis.apiVersions, 3, frame).apiKeys).toHaveLength(1)
  })

  test.each(Object.values(apis).map((api) => [api.name, api] as const))(
    'and requests of %s survive every version',
    (_, typed) => {
      const api = apiByKey(typed.key) as NonNullable<ReturnType<typeof apiByKey>>
      for (let version = api.lowest; version <= api.highest; version++) {
        const random = new SeededRandom(version)
        const value = randomMessage(api.response as Message, version, random)
        const frame = body(encodeResponse(api, version, 5, value as never))
        expect(JSON.stringify(decodeResponse(api, version, frame))).toBe(JSON.stringify(value))
        const request = randomMessage(api.request as Message, version, random)
        const header = { correlationId: 5, clientId: 'c' }
        const reader = new Reader(body(encodeRequest(api, version, header, request as never)))
        expect(readRequestHeader(reader)).toMatchObject({ apiKey: api.key, apiVersion: version })
        const decoded = decodeRequestBody(api, version, reader)
        expect(JSON.stringify(decoded)).toBe(JSON.stringify(request))
        expect(isFlexible(api.request as Message, version)).toBe(
          isFlexible(api.response as Message, version),
        )
      }
    },
  )
})

describe('records of the coordinators', () => {
  test('of a member is as Apache Kafka writes it, with a null that is not the default', () => {
    const hex = '00000000047261770b2f3132372e302e302e3102056c696665010000ea600001000100'
    const value = decodePrefixed(ConsumerGroupMemberMetadataValue, 0, Buffer.from(hex, 'hex'))
    expect(value).toMatchObject({ clientId: 'raw', classicMemberMetadata: null })
  })

  test('of a group may have a hash that is no exact number', () => {
    const bytes = Buffer.from('000000000002010008bb763bbd27945392', 'hex')
    const value = decodePrefixed(ConsumerGroupMetadataValue, 0, bytes)
    expect(value.epoch).toBe(2)
    const again = encodePrefixed(ConsumerGroupMetadataValue, 0, 0, value)
    // The lowest bits are lost: the hash only has to differ from another.
    expect(again.subarray(0, 14)).toEqual(bytes.subarray(0, 14))
  })

  test.each(['7fffffffffffffff', '8000000000000000'])('may have %s as hash', (hash) => {
    const bytes = Buffer.from(`000000000002010008${hash}`, 'hex')
    const value = decodePrefixed(ConsumerGroupMetadataValue, 0, bytes)
    expect(encodePrefixed(ConsumerGroupMetadataValue, 0, 0, value)).toEqual(bytes)
  })

  test('carry their version in front', () => {
    const value = {
      offset: 12,
      leaderEpoch: 3,
      metadata: 'm',
      commitTimestamp: 4,
      topicId: undefined,
    }
    const bytes = encodePrefixed(OffsetCommitValue, 3, 3, value)
    expect(bytes.readInt16BE(0)).toBe(3)
    expect(decodePrefixed(OffsetCommitValue, 3, bytes)).toMatchObject({ offset: 12, metadata: 'm' })
    expect(() => decodePrefixed(OffsetCommitValue, 3, Buffer.from([0]))).toThrow(
      MalformedMessageError,
    )
    expect(decodeMessage(OffsetCommitValue, 3, bytes.subarray(2)).offset).toBe(12)
  })
})
