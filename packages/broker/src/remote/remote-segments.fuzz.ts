/** Random lives of archived segments against a model that is a plain list. */
import { SeededRandom } from '@ottla/base'
import { describe, expect, test } from 'vitest'
import { type RemoteLogRecord, type RemoteSegment, SegmentState } from './remote-log-records.ts'
import { epochAt, RemoteSegments } from './remote-segments.ts'

const HISTORIES = Number(process.env['OTTLA_HISTORIES'] ?? 100)
const of = { topic: 't', topicId: 'LWgrMmVrT0a__7a4SasuPA', partition: 0 }
const common = { of, brokerId: 1, eventTimestampMs: 0 }

class Model {
  readonly segments: RemoteSegment[] = []

  visible(): RemoteSegment[] {
    return this.segments.filter(({ state }) => state === SegmentState.COPY_FINISHED)
  }
}

function newSegment(random: SeededRandom, count: number): RemoteSegment {
  const startOffset = random.integer(100)
  const endOffset = startOffset + random.integer(30)
  const split = startOffset + 1 + random.integer(endOffset - startOffset + 1)
  const leaderEpoch = random.integer(3)
  return {
    id: `segment-${count}`,
    startOffset,
    endOffset,
    maxTimestampMs: 0,
    sizeBytes: 1 + random.integer(100),
    epochs:
      split <= endOffset
        ? [
            { leaderEpoch, offset: startOffset },
            { leaderEpoch: leaderEpoch + 1, offset: split },
          ]
        : [{ leaderEpoch, offset: startOffset }],
    isTxnIndexEmpty: true,
    state: SegmentState.COPY_STARTED,
    brokerId: 1,
    eventTimestampMs: 0,
    customMetadata: null,
  }
}

function step(random: SeededRandom, model: Model, count: number): RemoteLogRecord {
  const known = model.segments.length > 0 ? random.pick(model.segments) : undefined
  if (!known || random.chance(0.3)) {
    const segment = newSegment(random, count)
    model.segments.push(segment)
    return { kind: 'segment', ...common, segment }
  }
  const state = random.integer(4) as RemoteSegment['state']
  const at = model.segments.indexOf(known)
  if (state >= known.state && state !== SegmentState.COPY_STARTED) {
    if (state === SegmentState.DELETE_FINISHED) model.segments.splice(at, 1)
    else model.segments[at] = { ...known, state }
  }
  return { kind: 'update', ...common, id: known.id, state, customMetadata: null }
}

describe('archived segments of a partition', () => {
  test('are what a plain list says', () => {
    for (let seed = 1; seed <= HISTORIES; seed++) {
      const random = new SeededRandom(seed)
      const model = new Model()
      const segments = new RemoteSegments(of)
      for (let i = 0; i < 60; i++) {
        segments.replay(step(random, model, i))
        const visible = model.visible()
        const ids = (list: Iterable<RemoteSegment>) => [...list].map(({ id }) => id).sort()
        expect(ids(segments.segments), `seed ${seed}`).toEqual(ids(visible))
        expect(ids(segments.all()), `seed ${seed}`).toEqual(ids(model.segments))
        expect(segments.endOffset).toBe(Math.max(-1, ...visible.map((s) => s.endOffset)))
        const starts = segments.segments.map(({ startOffset }) => startOffset)
        expect(starts).toEqual([...starts].sort((a, b) => a - b))
        expectFound(segments, visible, random.integer(140), random.integer(4))
      }
    }
  })
})

function expectFound(
  segments: RemoteSegments,
  visible: readonly RemoteSegment[],
  offset: number,
  epoch: number,
): void {
  const holding = visible.filter((s) => s.startOffset <= offset && s.endOffset >= offset)
  const right = holding.filter((segment) => epochAt(segment, offset) === epoch)
  const found = segments.segmentFor(offset, epoch)
  // Only so many overlapping copies are looked at; the model makes more than a leader change does.
  if (holding.length > 0 && segments.segments.length <= 8) {
    expect(found && holding.some(({ id }) => id === found.id)).toBe(true)
    if (right.length > 0) expect(right.some(({ id }) => id === found?.id)).toBe(true)
  }
  if (found) expect(found.startOffset <= offset && found.endOffset >= offset).toBe(true)
  const after = visible.map((s) => s.startOffset).filter((start) => start > offset)
  expect(segments.segmentAfter(offset)?.startOffset).toBe(
    after.length > 0 ? Math.min(...after) : undefined,
  )
}
