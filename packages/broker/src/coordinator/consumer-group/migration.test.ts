import {
  ConsumerProtocolAssignment,
  ConsumerProtocolSubscription,
  decodeMessage,
  encodePrefixed,
  errorName,
} from '@ottla/protocol'
import { describe, expect, it } from 'vitest'
import { heartbeat, join, leave, sync } from '../group/membership.ts'
import type { Outcome } from '../group/outcome.ts'
import { ConsumerGroupHarness, durableState } from './group-harness.ts'

interface Joined {
  readonly errorCode: number
  readonly generationId: number
  readonly memberId: string
}

/** A coordinator with members of the classic protocol, who need no answer that waits. */
class Mixed extends ConsumerGroupHarness {
  private tokens = 0

  private take<T>(outcome: Outcome): T {
    this.records.push(...outcome.records)
    return outcome.replies.at(-1)?.response as T
  }

  joins(memberId: string, owned: readonly number[] = [], instance: string | null = null): Joined {
    // A topic may be named as often as a client likes.
    const ownedPartitions = owned.map((n) => ({ topic: 't', partitions: [n] })).reverse()
    const subscription = { topics: ['t'], userData: null, ownedPartitions }
    const metadata = encodePrefixed(ConsumerProtocolSubscription, 1, 1, subscription)
    const request = {
      groupId: 'g',
      sessionTimeoutMs: 10_000,
      rebalanceTimeoutMs: 20_000,
      memberId,
      groupInstanceId: instance,
      protocolType: 'consumer',
      protocols: [{ name: 'range', metadata }],
      reason: null,
    }
    const context = {
      token: ++this.tokens,
      now: this.now,
      clientId: 'client',
      clientHost: '/127.0.0.1',
      requiresKnownMemberId: false,
      supportsSkippingAssignment: true,
    }
    return this.take<Joined>(join(this.coordinator, request, context))
  }

  syncs(memberId: string, generationId: number, share: readonly number[] = []): string {
    const assigned = [{ topic: 't', partitions: [...share] }]
    const value = { assignedPartitions: assigned, userData: null }
    const assignment = encodePrefixed(ConsumerProtocolAssignment, 1, 1, value)
    const request = {
      groupId: 'g',
      generationId,
      memberId,
      groupInstanceId: null,
      protocolType: 'consumer',
      protocolName: 'range',
      assignments: share.length > 0 ? [{ memberId, assignment }] : [],
    }
    const outcome = sync(this.coordinator, request, ++this.tokens, this.now)
    const answer = this.take<{ errorCode: number; assignment: Buffer }>(outcome)
    if (answer.errorCode !== 0) return errorName(answer.errorCode)
    const told = decodeMessage(ConsumerProtocolAssignment, 1, answer.assignment.subarray(2))
    return told.assignedPartitions.map(({ partitions }) => partitions.join()).join()
  }

  beats(memberId: string, generationId: number): string {
    const request = { groupId: 'g', generationId, memberId, groupInstanceId: null }
    return heartbeat(this.coordinator, request, this.now)
  }

  leaves(memberId: string): void {
    const members = [{ memberId, groupInstanceId: null, reason: null }]
    const request = { groupId: 'g', memberId: '', members }
    this.take(leave(this.coordinator, request, 5, this.now).outcome)
  }

  /** A classic group with one member that has everything. */
  classicGroup(): string {
    this.topics.set('t', 4)
    const { memberId, generationId } = this.joins('')
    this.syncs(memberId, generationId, [0, 1, 2, 3])
    return memberId
  }

  get kinds(): string[] {
    const { groups, consumerGroups } = this.coordinator
    return [...(groups.has('g') ? ['classic'] : []), ...(consumerGroups.get('g') ? ['modern'] : [])]
  }

  /** What is recorded is what is known. */
  check(): void {
    const replayed = this.replayed()
    expect(durableState(replayed)).toEqual(durableState(this.coordinator))
    const members = (coordinator: typeof replayed) =>
      [...(coordinator.groups.get('g')?.members.values() ?? [])].map((member) => [
        member.memberId,
        member.assignment.toString('hex'),
      ])
    expect(members(replayed)).toEqual(members(this.coordinator))
  }
}

describe('a group that changes its protocol', () => {
  it('takes its classic members along and shares with the new one', () => {
    const mixed = new Mixed()
    const classic = mixed.classicGroup()
    mixed.join('m', ['t'])
    expect(mixed.kinds).toEqual(['modern'])
    mixed.check()
    expect(mixed.beats(classic, 1)).toBe('REBALANCE_IN_PROGRESS')
    expect(mixed.joins(classic, [0, 1, 2, 3]).generationId).toBe(1)
    expect(mixed.syncs(classic, 1)).toBe('0,1')
    expect(mixed.beats(classic, 1)).toBe('REBALANCE_IN_PROGRESS')
    expect(mixed.joins(classic, [0, 1]).generationId).toBe(2)
    expect(mixed.syncs(classic, 2)).toBe('0,1')
    expect(mixed.beats(classic, 2)).toBe('NONE')
    const told = mixed.heartbeat({ memberId: 'm', memberEpoch: 2 }).assignment
    expect(told?.topicPartitions[0]?.partitions).toEqual([2, 3])
    mixed.check()
  })

  it('is classic again when the last member of the consumer protocol has gone', () => {
    const mixed = new Mixed()
    const classic = mixed.classicGroup()
    mixed.join('m', ['t'])
    mixed.heartbeat({ memberId: 'm', memberEpoch: -1 })
    expect(mixed.kinds).toEqual(['classic'])
    mixed.check()
    expect(mixed.beats(classic, 2)).toBe('REBALANCE_IN_PROGRESS')
    const { generationId } = mixed.joins(classic)
    expect(generationId).toBe(3)
    expect(mixed.syncs(classic, generationId, [0, 1, 2, 3])).toBe('0,1,2,3')
  })

  it('makes way when it is empty, even for a member that nobody knows', () => {
    const mixed = new Mixed()
    mixed.topics.set('t', 1)
    mixed.join('m', ['t'])
    mixed.heartbeat({ memberId: 'm', memberEpoch: -1 })
    expect(mixed.kinds).toEqual(['modern'])
    expect(errorName(mixed.joins('unknown').errorCode)).toBe('UNKNOWN_MEMBER_ID')
    expect(mixed.kinds).toEqual([])
    mixed.check()
    expect(mixed.join('m', ['t']).memberEpoch).toBe(2)
  })

  it('stays as it is where the policy says so', () => {
    const upgradeOnly = new Mixed({ migration: 'upgrade' })
    upgradeOnly.classicGroup()
    upgradeOnly.join('m', ['t'])
    upgradeOnly.heartbeat({ memberId: 'm', memberEpoch: -1 })
    expect(upgradeOnly.kinds).toEqual(['modern'])
    const downgradeOnly = new Mixed({ migration: 'downgrade' })
    downgradeOnly.classicGroup()
    expect(errorName(downgradeOnly.join('m', ['t']).errorCode)).toBe('GROUP_ID_NOT_FOUND')
    expect(downgradeOnly.kinds).toEqual(['classic'])
    const never = new Mixed({ migration: 'disabled' })
    never.topics.set('t', 1)
    never.join('m', ['t'])
    expect(errorName(never.joins('').errorCode)).toBe('INCONSISTENT_GROUP_PROTOCOL')
  })

  it('takes out classic members that are silent, or do not join or sync in time', () => {
    const silent = new Mixed()
    silent.classicGroup()
    silent.join('m', ['t'])
    silent.pass(10_000)
    expect([...silent.group.members.keys()]).toEqual(['m'])
    const idle = new Mixed()
    const classic = idle.classicGroup()
    idle.join('m', ['t'])
    for (let i = 0; i < 5 && idle.group.members.has(classic); i++) {
      idle.beats(classic, 1)
      idle.pass(5_000)
    }
    expect([...idle.group.members.keys()]).toEqual(['m'])
    const unsynced = new Mixed()
    unsynced.topics.set('t', 1)
    unsynced.join('m', ['t'])
    const { memberId, generationId } = unsynced.joins('')
    for (let i = 0; i < 5 && unsynced.group.members.has(memberId); i++) {
      unsynced.beats(memberId, generationId)
      unsynced.pass(5_000)
    }
    expect([...unsynced.group.members.keys()]).toEqual(['m'])
  })

  it('gives a static member its place, whichever protocol it comes back with', () => {
    const mixed = new Mixed()
    mixed.topics.set('t', 2)
    const first = mixed.joins('', [], 'i')
    mixed.syncs(first.memberId, first.generationId, [0, 1])
    const modern = mixed.join('m', ['t'], { instanceId: 'i' })
    expect(modern.assignment?.topicPartitions[0]?.partitions).toEqual([0, 1])
    expect(mixed.kinds).toEqual(['modern'])
    const second = mixed.joins('', [], 'i')
    expect(mixed.kinds).toEqual(['classic'])
    expect(second.generationId).toBe(1)
    mixed.check()
  })

  it('answers those who wait in a classic group when it becomes another', () => {
    const mixed = new Mixed()
    const memberId = mixed.classicGroup()
    expect(mixed.joins('')).toBeUndefined()
    expect(errorName(mixed.join('m', ['t']).errorCode)).toBe('NONE')
    const errors = mixed.sentAway.map(({ response }) => (response as Joined).errorCode)
    expect(errors.map(errorName)).toEqual(['REBALANCE_IN_PROGRESS'])
    expect(mixed.group.members.has(memberId)).toBe(true)
  })

  it('leaves groups alone whose members cannot be read', () => {
    const mixed = new Mixed()
    const classic = mixed.classicGroup()
    const group = mixed.coordinator.groups.get('g')
    const member = group?.members.get(classic)
    if (member) member.assignment = Buffer.from('00', 'hex')
    expect(errorName(mixed.join('m', ['t']).errorCode)).toBe('GROUP_ID_NOT_FOUND')
    mixed.leaves(classic)
    expect(errorName(mixed.join('m', ['t']).errorCode)).toBe('NONE')
  })
})
