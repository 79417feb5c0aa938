import { describe, expect, test } from 'vitest'
import { checkArchive, isLoss } from './archive-check.ts'
import { type RemoteSegment, SegmentState } from './remote-log-records.ts'
import { RemoteSegments } from './remote-segments.ts'
import { objectKey, objectsOf, parseObjectKey } from './segment-objects.ts'

const of = { topic: 'a-b.c_1', topicId: 'LWgrMmVrT0a__7a4SasuPA', partition: 3 }

function segment(startOffset: number, state: RemoteSegment['state'] = 1): RemoteSegment {
  return {
    id: Buffer.alloc(16, startOffset + 1).toString('base64url'),
    startOffset,
    endOffset: startOffset + 9,
    maxTimestampMs: 0,
    sizeBytes: 100,
    epochs: [{ leaderEpoch: 0, offset: startOffset }],
    isTxnIndexEmpty: true,
    state,
    brokerId: 1,
    eventTimestampMs: 0,
    customMetadata: null,
  }
}

function told(...segments: RemoteSegment[]): RemoteSegments[] {
  const all = new RemoteSegments(of)
  for (const one of segments) {
    all.replay({ kind: 'segment', of, brokerId: 1, eventTimestampMs: 0, segment: one })
  }
  return [all]
}

const stored = (one: RemoteSegment) =>
  objectsOf(one).map((object) => ({ key: objectKey(of, one, object), size: 100 }))

const kinds = (...args: Parameters<typeof checkArchive>) =>
  checkArchive(...args).findings.map(({ kind }) => kind)

describe('archive and metadata', () => {
  test('agree', () => {
    const [first, second] = [segment(0), segment(10)]
    const objects = [...stored(first), ...stored(second)]
    expect(checkArchive(objects, told(first, second))).toEqual({
      objects: 10,
      bytes: 1000,
      segments: 2,
      findings: [],
    })
  })

  test('objects that nobody tells of are orphans, and strangers are not', () => {
    const objects = [...stored(segment(0)), { key: 'notes.txt', size: 1 }]
    expect(kinds(objects, [])).toEqual([...new Array(5).fill('orphan'), 'foreign'])
    // An object of a known segment under a name that is not its own.
    const moved = { key: objectKey({ ...of, partition: 4 }, segment(0), 'log'), size: 100 }
    expect(kinds([...stored(segment(0)), moved], told(segment(0)))).toEqual(['orphan'])
  })

  test('what readers are promised must be there, whole', () => {
    const one = segment(0)
    const [log, ...others] = stored(one)
    expect(kinds(others, told(one))).toEqual(['missing'])
    expect(kinds([{ key: log?.key ?? '', size: 99 }, ...others], told(one))).toEqual(['wrong size'])
    expect(kinds([...stored(one), ...stored(segment(20))], told(one, segment(20)))).toEqual(['gap'])
    const { findings } = checkArchive([], told(one))
    expect(findings.every(isLoss)).toBe(true)
  })

  test('what has not ended is no orphan', () => {
    const copying = segment(0, SegmentState.COPY_STARTED)
    const deleting = segment(10, SegmentState.DELETE_STARTED)
    const objects = [...stored(copying), ...stored(deleting)].slice(0, 7)
    expect(kinds(objects, told(copying, deleting))).toEqual(['unfinished', 'unfinished'])
  })
})

test('names of objects are read as they are written', () => {
  for (const object of ['log', 'txnindex', 'leader_epoch_checkpoint'] as const) {
    const one = segment(1234)
    const parsed = { of, segmentId: one.id, startOffset: 1234, object }
    expect(parseObjectKey(objectKey(of, one, object))).toEqual(parsed)
  }
  expect(parseObjectKey('t-0-LWgrMmVrT0a__7a4SasuPA/00000000000000000000-x.log')).toBeUndefined()
})
