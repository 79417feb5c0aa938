import { describe, expect, test } from 'vitest'
import {
  decodeRemoteLogRecord,
  encodeRemoteLogRecord,
  PartitionDeleteState,
  type RemoteLogRecord,
  SegmentState,
} from './remote-log-records.ts'
import { metadataPartitionOf } from './remote-log-topic.ts'

const of = { topic: 'orders', topicId: 'LWgrMmVrT0a__7a4SasuPA', partition: 7 }
const brokerId = 1
const eventTimestampMs = 1_700_000_000_000

const RECORDS: readonly RemoteLogRecord[] = [
  {
    kind: 'segment',
    of,
    brokerId,
    eventTimestampMs,
    segment: {
      id: 'bCqX9U--S-6U8XUM9II25Q',
      startOffset: 11,
      endOffset: 99,
      maxTimestampMs: 1_699_999_999_999,
      sizeBytes: 2 ** 31 - 1,
      epochs: [
        { leaderEpoch: 0, offset: 11 },
        { leaderEpoch: 3, offset: 50 },
      ],
      isTxnIndexEmpty: true,
      state: SegmentState.COPY_STARTED,
      brokerId,
      eventTimestampMs,
      customMetadata: Buffer.from('mine'),
    },
  },
  {
    kind: 'update',
    of,
    brokerId,
    eventTimestampMs,
    id: 'bCqX9U--S-6U8XUM9II25Q',
    state: SegmentState.COPY_FINISHED,
    customMetadata: null,
  },
  { kind: 'partition', of, brokerId, eventTimestampMs, state: PartitionDeleteState.MARKED },
]

describe('records of __remote_log_metadata', () => {
  test.each(RECORDS)('a $kind comes back as it was', (record) => {
    expect(decodeRemoteLogRecord(encodeRemoteLogRecord(record))).toEqual(record)
  })

  test('what is newer than this version is refused, not skipped', () => {
    const bytes = encodeRemoteLogRecord(RECORDS[2] as RemoteLogRecord)
    for (const [at, value] of [
      [0, 2],
      [1, 9],
      [2, 1],
    ] as const) {
      const changed = Buffer.from(bytes)
      changed[at] = value
      expect(() => decodeRemoteLogRecord(changed)).toThrow(/remote log metadata/)
    }
  })

  // Computed with RemoteLogMetadataTopicPartitioner of Apache Kafka 4.4.0.
  test.each([
    ['LWgrMmVrT0a__7a4SasuPA', 0, 50, 1],
    ['LWgrMmVrT0a__7a4SasuPA', 1, 3, 2],
    ['LWgrMmVrT0a__7a4SasuPA', 7, 50, 23],
    ['LWgrMmVrT0a__7a4SasuPA', 1000, 50, 34],
    ['bCqX9U--S-6U8XUM9II25Q', 0, 50, 15],
    ['bCqX9U--S-6U8XUM9II25Q', 1000, 50, 32],
    ['AAAAAAAAAAAAAAAAAAAAAg', 0, 50, 47],
    ['AAAAAAAAAAAAAAAAAAAAAg', 7, 3, 0],
    ['AAAAAAAAAAAAAAAAAAAAAg', 1000, 50, 18],
  ])('%s-%i of %i metadata partitions is told of in %i', (topicId, partition, count, found) => {
    expect(metadataPartitionOf({ topic: 'any', topicId, partition }, count)).toBe(found)
  })
})
