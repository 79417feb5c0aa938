import { AssertionError, ZERO_UUID } from '@ottla/base'
import { describe, expect, test } from 'vitest'
import { MalformedMessageError } from '../wire/malformed-message-error.ts'
import { BatchBuilder } from './batch-builder.ts'
import { RecordBatch } from './batch-reader.ts'
import {
  buildEndTransactionMarker,
  buildKRaftVersion,
  buildLeaderChange,
  buildSnapshotFooter,
  buildSnapshotHeader,
  buildVoters,
  decodeControlRecord,
} from './control-batch.ts'

const place = { timestamp: 1_700_000_000_000, baseOffset: 12, leaderEpoch: 3 }

function decodeOnly(bytes: Buffer) {
  const batch = new RecordBatch(bytes)
  expect([batch.isCrcValid, batch.isControl, batch.leaderEpoch]).toEqual([true, true, 3])
  const [record] = batch.records()
  return decodeControlRecord(record as { key: Buffer | null; value: Buffer | null })
}

describe('control batches', () => {
  test('end transactions in 78 bytes', () => {
    const end = { isCommit: true, producerId: 44, producerEpoch: 2, coordinatorEpoch: 9 }
    const bytes = buildEndTransactionMarker(end, place)
    expect(bytes.length).toBe(78)
    expect(new RecordBatch(bytes)).toMatchObject({
      isTransactional: true,
      producerId: 44,
      producerEpoch: 2,
      baseSequence: -1,
    })
    expect(decodeOnly(bytes)).toEqual({ type: 'COMMIT', coordinatorEpoch: 9 })
    const abort = buildEndTransactionMarker({ ...end, isCommit: false }, place)
    expect(decodeOnly(abort)).toEqual({ type: 'ABORT', coordinatorEpoch: 9 })
  })

  test('carry the records of a quorum and of its snapshots', () => {
    const voters = [{ voterId: 1 }, { voterId: 2 }]
    const change = { version: 0, leaderId: 1, voters, grantingVoters: [{ voterId: 1 }] }
    expect(decodeOnly(buildLeaderChange(change, place))).toMatchObject({ message: change })
    expect(() => buildLeaderChange({ ...change, version: 1 }, place)).toThrow(AssertionError)
    expect(decodeOnly(buildSnapshotHeader(77, place))).toMatchObject({
      type: 'SNAPSHOT_HEADER',
      message: { lastContainedLogTimestamp: 77 },
    })
    expect(decodeOnly(buildSnapshotFooter(place))).toMatchObject({ type: 'SNAPSHOT_FOOTER' })
    expect(decodeOnly(buildKRaftVersion(1, place))).toMatchObject({ message: { kRaftVersion: 1 } })
    const set = [
      {
        voterId: 1,
        voterDirectoryId: ZERO_UUID,
        endpoints: [{ name: 'CONTROLLER', host: 'localhost', port: 9093 }],
        kRaftVersionFeature: { minSupportedVersion: 0, maxSupportedVersion: 1 },
      },
    ]
    expect(decodeOnly(buildVoters(set, place))).toMatchObject({ message: { voters: set } })
  })

  test('of unknown type are recognised, broken ones refused', () => {
    const key = Buffer.from([0, 0, 0, 99])
    expect(decodeControlRecord({ key, value: null })).toEqual({ type: 'UNKNOWN', number: 99 })
    const broken: [Buffer | null, Buffer | null][] = [
      [null, null],
      [Buffer.from([0]), null],
      [Buffer.from([0, 0, 0, 1]), null],
      [Buffer.from([0, 0, 0, 2]), Buffer.from([0, 1, 0])],
    ]
    for (const [k, value] of broken) {
      expect(() => decodeControlRecord({ key: k, value })).toThrow(MalformedMessageError)
    }
  })

  test('are not what a builder makes by itself', () => {
    const builder = new BatchBuilder()
    builder.append(1, null, null)
    expect(new RecordBatch(builder.finish()).isControl).toBe(false)
  })
})
