import { describe, expect, test } from 'vitest'
import type { RemoteSegment } from './remote-log-records.ts'
import {
  copyLagOf,
  epochsWithin,
  expiredSegments,
  segmentsToCopy,
  type TieringSettings,
} from './tiering-plan.ts'

const NOW = 1_000_000
const SETTINGS: TieringSettings = {
  isCopyDisabled: false,
  copyLagMs: 0,
  copyLagBytes: Number.POSITIVE_INFINITY,
  retentionMs: -1,
  retentionBytes: -1,
  deletes: true,
}

const sealed = (baseOffset: number, ageMs = 0) => ({
  baseOffset,
  nextOffset: baseOffset + 10,
  sizeBytes: 100,
  largestTimestampMs: NOW - ageMs,
})

const archived = (startOffset: number, ageMs = 0): RemoteSegment => ({
  id: String(startOffset),
  startOffset,
  endOffset: startOffset + 9,
  maxTimestampMs: NOW - ageMs,
  sizeBytes: 100,
  epochs: [{ leaderEpoch: 0, offset: startOffset }],
  isTxnIndexEmpty: true,
  state: 1,
  brokerId: 1,
  eventTimestampMs: 0,
  customMetadata: null,
})

const bases = (segments: readonly { baseOffset: number }[]) => segments.map((s) => s.baseOffset)

describe('what is copied', () => {
  const all = [sealed(0), sealed(10), sealed(20)]
  const log = { tieredTo: -1, logStartOffset: 0, activeBytes: 50 }

  test('is what the archive lacks, oldest first', () => {
    expect(bases(segmentsToCopy(all, log, SETTINGS, NOW))).toEqual([0, 10, 20])
    expect(bases(segmentsToCopy(all, { ...log, tieredTo: 9 }, SETTINGS, NOW))).toEqual([10, 20])
  })

  test('is nothing below the log start offset, and nothing once copying is stopped', () => {
    expect(bases(segmentsToCopy(all, { ...log, logStartOffset: 15 }, SETTINGS, NOW))).toEqual([
      10, 20,
    ])
    expect(segmentsToCopy(all, log, { ...SETTINGS, isCopyDisabled: true }, NOW)).toEqual([])
  })

  test('waits for age, or for bytes behind it, and never overtakes', () => {
    const aged = [sealed(0, 900), sealed(10, 100), sealed(20, 900)]
    const byAge = { ...SETTINGS, copyLagMs: 500 }
    expect(bases(segmentsToCopy(aged, log, byAge, NOW))).toEqual([0])
    // 250, 150 and 50 bytes lie behind the three.
    const byBytes = { ...SETTINGS, copyLagMs: Number.POSITIVE_INFINITY, copyLagBytes: 150 }
    expect(bases(segmentsToCopy(all, log, byBytes, NOW))).toEqual([0, 10])
  })

  test('a lag of -1 is the local retention, which may have no end', () => {
    expect(copyLagOf(0, 700)).toBe(0)
    expect(copyLagOf(-1, 700)).toBe(700)
    expect(copyLagOf(-1, -1)).toBe(Number.POSITIVE_INFINITY)
  })
})

describe('what expires', () => {
  const segments = [archived(0, 300), archived(10, 200), archived(20, 100)]
  const log = { logStartOffset: 0, localLogStartOffset: 20, localOnlyBytes: 50 }
  const expire = (at: Partial<typeof log>, settings: Partial<TieringSettings>) => {
    const expiry = expiredSegments(segments, { ...log, ...at }, { ...SETTINGS, ...settings }, NOW)
    return [expiry.logStartOffset, expiry.segments.map(({ startOffset }) => startOffset)]
  }

  test('is nothing without a limit', () => {
    expect(expire({}, {})).toEqual([0, []])
  })

  test('is what is older than retention.ms', () => {
    expect(expire({}, { retentionMs: 250 })).toEqual([10, [0]])
    expect(expire({}, { retentionMs: 200 })).toEqual([10, [0]])
    expect(expire({}, { retentionMs: 0 })).toEqual([30, [0, 10, 20]])
  })

  test('is what the log does not need to be as large as retention.bytes, local bytes included', () => {
    // 350 bytes in all.
    expect(expire({}, { retentionBytes: 250 })).toEqual([10, [0]])
    expect(expire({}, { retentionBytes: 251 })).toEqual([0, []])
    expect(expire({}, { retentionBytes: 0 })).toEqual([30, [0, 10, 20]])
  })

  test('is what lies wholly below the log start offset, whatever the policy', () => {
    expect(expire({ logStartOffset: 15 }, { deletes: false })).toEqual([15, [0]])
    expect(expire({ logStartOffset: 20 }, {})).toEqual([20, [0, 10]])
  })

  test('nothing of a log that only compacts', () => {
    expect(expire({}, { retentionMs: 0, retentionBytes: 0, deletes: false })).toEqual([0, []])
  })

  test('the log begins where its first record is', () => {
    const { logStartOffset } = expiredSegments(
      [],
      { ...log, localLogStartOffset: 40 },
      SETTINGS,
      NOW,
    )
    expect(logStartOffset).toBe(40)
    const behindHole = expiredSegments(segments.slice(1), log, SETTINGS, NOW)
    expect(behindHole.logStartOffset).toBe(10)
  })
})

test('epochs within a segment begin at its start', () => {
  const entries = [
    { epoch: 0, startOffset: 0 },
    { epoch: 2, startOffset: 15 },
    { epoch: 5, startOffset: 40 },
  ]
  expect(epochsWithin(entries, 10, 20)).toEqual([
    { leaderEpoch: 0, offset: 10 },
    { leaderEpoch: 2, offset: 15 },
  ])
  expect(epochsWithin(entries, 15, 16)).toEqual([{ leaderEpoch: 2, offset: 15 }])
  expect(epochsWithin(entries, 50, 60)).toEqual([{ leaderEpoch: 5, offset: 50 }])
})
