/**
 * Replay is total (KAFKA-5600, KAFKA-17306): records that are read twice change nothing more, and
 * removals of what is not known, as a compacted log may begin with, are taken.
 */
import { describe, expect, it } from 'vitest'
import { ConsumerGroupHarness, durableState } from '../consumer-group/group-harness.ts'
import {
  durableState as durableStreams,
  StreamsHarness,
  subtopology,
} from '../streams-group/streams-harness.ts'
import { decodeGroupRecord, encodeGroupRecord, type GroupRecord } from './group-records.ts'

function consumers(): ConsumerGroupHarness {
  const harness = new ConsumerGroupHarness()
  harness.topics.set('t', 4)
  harness.join('a', ['t'])
  harness.join('b', ['t'], { instanceId: 'i' })
  harness.heartbeat({ memberId: 'a', memberEpoch: 2 })
  harness.join('c', null, { subscribedTopicRegex: 't.*' })
  harness.heartbeat({ memberId: 'c', memberEpoch: -1 })
  return harness
}

function streams(): StreamsHarness {
  const harness = new StreamsHarness()
  harness.topics.set('in', 4)
  const shape = [subtopology('0', ['in'])]
  harness.join('a', shape)
  harness.join('b', shape, { instanceId: 'i' })
  harness.heartbeat({ memberId: 'a', memberEpoch: 2 })
  harness.join('c', shape)
  harness.heartbeat({ memberId: 'c', memberEpoch: -1 })
  return harness
}

const CLASSIC: GroupRecord[] = [
  { kind: 'group', group: 'classic', value: null },
  { kind: 'offset', group: 'classic', topic: 't', partition: 0, value: null },
]

/** As they are read from a log. */
function read(record: GroupRecord): GroupRecord {
  const { key, value } = encodeGroupRecord(record)
  const decoded = decodeGroupRecord(key, value)
  if (decoded.kind === 'other') throw new Error('the record is not known')
  return decoded
}

const KINDS = [
  { name: 'consumer groups', make: consumers, state: durableState },
  { name: 'streams groups', make: streams, state: durableStreams },
] as const

describe.each(KINDS)('the records of $name', ({ make, state }) => {
  it('give the same when they are read twice', () => {
    const harness = make()
    const before = state(harness.replayed())
    const twice = harness.replayed()
    for (const record of harness.records) twice.replay(read(record), harness.now)
    expect(state(twice)).toEqual(before)
  })

  it('may begin with removals of what nobody knows', () => {
    const harness = make()
    const coordinator = harness.replayed()
    const fresh = make()
    fresh.records.length = 0
    const empty = fresh.replayed()
    for (const record of [...harness.records, ...CLASSIC]) {
      empty.replay(read({ ...record, value: null } as GroupRecord), harness.now)
    }
    for (const record of harness.records) empty.replay(read(record), harness.now)
    expect(state(empty)).toEqual(state(coordinator))
  })

  it('may have lost the first records about a member', () => {
    const harness = make()
    const empty = make()
    empty.records.length = 0
    const coordinator = empty.replayed()
    // A compacted log keeps the newest record of each key, in the order in which they were written.
    const last = new Map<string, GroupRecord>()
    for (const record of harness.records) {
      const key = encodeGroupRecord(record).key.toString('hex')
      last.delete(key)
      last.set(key, record)
    }
    for (const record of last.values()) coordinator.replay(read(record), harness.now)
    expect(state(coordinator)).toEqual(state(harness.replayed()))
  })
})
