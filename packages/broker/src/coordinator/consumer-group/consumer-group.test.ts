import { describe, expect, it } from 'vitest'
import { topicPartitionsOf } from './assignment.ts'
import { ConsumerGroupHarness, durableState, SESSION_MS } from './group-harness.ts'
import { compilePattern } from './topic-pattern.ts'
import { PatternError } from './topic-pattern-syntax.ts'

const counts = (answer: { assignment?: unknown }) =>
  (answer.assignment as { topicPartitions: { partitions: number[] }[] } | null)?.topicPartitions
    .map(({ partitions }) => partitions.length)
    .join()

function pair(): ConsumerGroupHarness {
  const harness = new ConsumerGroupHarness()
  harness.topics.set('t', 4)
  harness.join('one', ['t'])
  harness.join('two', ['t'])
  return harness
}

describe('a subscription by pattern', () => {
  it('takes in topics that come later and keeps what it had', () => {
    const harness = new ConsumerGroupHarness()
    harness.topics.set('topic-1-2', 1)
    const pattern = 'topic-1-2|topic-1-late-.*'
    const first = harness.join('m', null, { subscribedTopicRegex: pattern })
    expect(counts(first)).toBe('1')
    harness.topics.set('topic-1-late-1', 4)
    const second = harness.heartbeat({ memberId: 'm', memberEpoch: first.memberEpoch })
    expect(counts(second)).toBe('1,4')
  })

  it('beside names is given with the heartbeat after', () => {
    const harness = new ConsumerGroupHarness()
    harness.topics.set('named', 2)
    harness.topics.set('matched', 3)
    const first = harness.join('m', ['named'], { subscribedTopicRegex: 'mat.*' })
    expect(counts(first)).toBe('2')
    const second = harness.heartbeat({ memberId: 'm', memberEpoch: first.memberEpoch })
    expect(second.memberEpoch).toBe(first.memberEpoch + 1)
    expect(counts(second)?.split(',').sort()).toEqual(['2', '3'])
  })

  it('goes from the records with its last subscriber', () => {
    const harness = new ConsumerGroupHarness()
    harness.topics.set('t', 1)
    harness.join('m', null, { subscribedTopicRegex: 't.*' })
    harness.join('n', ['t'])
    expect([...harness.group.patterns.keys()]).toEqual(['t.*'])
    harness.heartbeat({ memberId: 'm', memberEpoch: -1 })
    expect([...harness.group.patterns.keys()]).toEqual([])
  })
})

describe('a member', () => {
  it('that does not give up its partitions in time is taken out', () => {
    const harness = pair()
    const owned = topicPartitionsOf(harness.group.members.get('one')?.current.assigned ?? new Map())
    harness.heartbeat({
      memberId: 'one',
      memberEpoch: 2,
      topicPartitions: owned.map(({ topicId, partitions }) => ({
        topicId,
        partitions: [...partitions],
      })),
    })
    harness.nowMs += 30_000
    harness.heartbeat({ memberId: 'one', memberEpoch: 2 })
    harness.heartbeat({ memberId: 'two', memberEpoch: 3 })
    harness.pass(30_001)
    expect([...harness.group.members.keys()]).toEqual(['two'])
    const answer = harness.heartbeat({ memberId: 'two', memberEpoch: 3 })
    expect(counts(answer)).toBe('4')
  })

  it('that falls silent is taken out after its session', () => {
    const harness = pair()
    harness.pass(SESSION_MS - 1)
    expect(harness.group.members.size).toBe(2)
    harness.pass(1)
    expect(harness.group.state).toBe('Empty')
  })

  it('that paused loses its place after its session', () => {
    const harness = new ConsumerGroupHarness()
    harness.topics.set('t', 2)
    harness.join('one', ['t'], { instanceId: 'i' })
    harness.heartbeat({ memberId: 'one', instanceId: 'i', memberEpoch: -2 })
    expect(harness.group.members.get('one')?.current.memberEpoch).toBe(-2)
    harness.pass(SESSION_MS)
    expect(harness.group.isEmpty).toBe(true)
  })
})

describe('the range assignor', () => {
  it('gives the same partitions of each topic to the same member', () => {
    const harness = new ConsumerGroupHarness()
    harness.topics.set('a', 4)
    harness.topics.set('b', 4)
    harness.join('m1', ['a', 'b'], { serverAssignor: 'range' })
    harness.join('m2', ['a', 'b'], { serverAssignor: 'range' })
    const target = (member: string) =>
      topicPartitionsOf(harness.group.target(member)).map(({ partitions }) => partitions)
    expect([target('m1'), target('m2')]).toEqual([
      [
        [0, 1],
        [0, 1],
      ],
      [
        [2, 3],
        [2, 3],
      ],
    ])
  })
})

describe('a restart', () => {
  it('finds the group as it was, and gives its members a whole session', () => {
    const harness = pair()
    const before = durableState(harness.coordinator)
    harness.pass(SESSION_MS - 1)
    harness.restart()
    expect(durableState(harness.coordinator)).toEqual(before)
    harness.pass(SESSION_MS - 1)
    expect(harness.group.members.size).toBe(2)
  })
})

describe('patterns', () => {
  it.each([
    ['a.*', 'abc', true],
    ['a.*', 'bac', false],
    ['a|b', 'b', true],
    ['(a|b)c{2,3}', 'bccc', true],
    ['(a|b)c{2,3}', 'bcccc', false],
    ['[^a-c_]+', 'xyz', true],
    ['[^a-c_]+', 'x_z', false],
    ['(?i)TOPIC', 'topic', true],
    ['(?i:T)OPIC', 'topic', false],
    ['\\Qa.b\\E', 'a.b', true],
    ['\\Qa.b\\E', 'axb', false],
    ['[[:digit:]]+\\.\\w*', '12.ab', true],
    ['a\\b-b', 'a-b', true],
    ['(a*)*', 'aaa', true],
    ['', '', true],
  ])('%s of %s: %s', (pattern, name, isMatch) => {
    expect(compilePattern(pattern)(name)).toBe(isMatch)
  })

  it('take linear time where backtracking would take forever', () => {
    expect(compilePattern('(a*)*b')('a'.repeat(249))).toBe(false)
    expect(compilePattern('(a|a)*(a|a)*(a|a)*c')('a'.repeat(249))).toBe(false)
  })

  it('are limited in size', () => {
    expect(() => compilePattern('((a{100}){100}){100}')).toThrow(PatternError)
  })
})
