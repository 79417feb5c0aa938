/**
 * One group of the classic protocol: its members, its state, and the questions the coordinator asks
 * about them.
 *
 *             first member joins                 all members have joined
 *   Empty ------------------------> PreparingRebalance -----------------> CompletingRebalance
 *     ^                                ^   ^                                  |
 *     | last member is gone            |   | member joins, leaves, dies       | leader has synced
 *     +--------------------------------+   +---------------- Stable <---------+
 *
 * Must always hold: a member waits for at most one join and one sync; the leader is a member while
 * there are members; every group instance id belongs to exactly one member.
 */
import { assert } from '@ottla/base'

export type GroupState = 'Empty' | 'PreparingRebalance' | 'CompletingRebalance' | 'Stable' | 'Dead'

/** Stands for a request that waits for its answer. */
export type Token = number

export interface Protocol {
  readonly name: string
  readonly metadata: Buffer
}

export interface Member {
  readonly memberId: string
  readonly groupInstanceId: string | null
  clientId: string
  clientHost: string
  rebalanceTimeoutMs: number
  sessionTimeoutMs: number
  protocols: readonly Protocol[]
  assignment: Buffer
  /** Heartbeats are due until then, in monotonic milliseconds. */
  sessionDeadlineMs: number
  joinToken: Token | undefined
  syncToken: Token | undefined
  /** It has joined the current generation and not synced yet. */
  mustSync: boolean
}

export const NO_ASSIGNMENT: Buffer = Buffer.alloc(0)

export class ClassicGroup {
  readonly groupId: string
  state: GroupState = 'Empty'
  generationId = 0
  protocolType: string | null = null
  protocolName: string | null = null
  leaderId: string | null = null
  /** Topics the members of the current generation read; undefined when that cannot be known. */
  subscribedTopics: ReadonlySet<string> | undefined
  /** Wall-clock time of the last change of state; offsets of an empty group expire from here. */
  stateTimestamp: number
  /** The join phase ends then at the latest; monotonic. */
  joinDeadlineMs = Number.POSITIVE_INFINITY
  /** An initial join phase may be prolonged until then. */
  joinLimitMs = Number.POSITIVE_INFINITY
  /** Members that have not synced by then are removed; monotonic. */
  syncDeadlineMs = Number.POSITIVE_INFINITY
  readonly members = new Map<string, Member>()
  readonly staticMembers = new Map<string, string>()
  /** Ids given to members that must come back with them (KIP-394), with their deadlines. */
  readonly pendingMembers = new Map<string, number>()

  constructor(groupId: string, now: number) {
    this.groupId = groupId
    this.stateTimestamp = now
  }

  get isEmpty(): boolean {
    return this.members.size === 0
  }

  moveTo(state: GroupState, now: number): void {
    this.state = state
    this.stateTimestamp = now
  }

  add(member: Member): void {
    assert(!this.members.has(member.memberId), `member ${member.memberId} joins twice`)
    if (this.members.size === 0) this.leaderId ??= member.memberId
    this.leaderId ??= member.memberId
    this.members.set(member.memberId, member)
    this.pendingMembers.delete(member.memberId)
    if (member.groupInstanceId !== null) {
      this.staticMembers.set(member.groupInstanceId, member.memberId)
    }
  }

  remove(memberId: string): Member | undefined {
    const member = this.members.get(memberId)
    if (!member) return undefined
    this.members.delete(memberId)
    if (member.groupInstanceId !== null) this.staticMembers.delete(member.groupInstanceId)
    if (this.leaderId === memberId) {
      this.leaderId = (this.members.keys().next().value as string | undefined) ?? null
    }
    return member
  }

  /** A static member that came back takes over its place under a new id. */
  replaceStatic(oldMemberId: string, memberId: string): Member {
    const old = this.members.get(oldMemberId)
    assert(old && old.groupInstanceId !== null, `no static member ${oldMemberId}`)
    const member = { ...old, memberId, joinToken: undefined, syncToken: undefined }
    this.members.delete(oldMemberId)
    this.members.set(memberId, member)
    this.staticMembers.set(old.groupInstanceId, memberId)
    if (this.leaderId === oldMemberId) this.leaderId = memberId
    return member
  }

  get hasAllJoined(): boolean {
    if (this.pendingMembers.size > 0) return false
    for (const member of this.members.values()) if (member.joinToken === undefined) return false
    return true
  }

  /** Longest time a member asked for to rejoin. */
  rebalanceTimeoutMs(): number {
    let longest = 0
    for (const member of this.members.values()) {
      longest = Math.max(longest, member.rebalanceTimeoutMs)
    }
    return longest
  }

  /** True when a member with these protocols could take part. */
  supports(protocolType: string, names: readonly string[]): boolean {
    if (this.isEmpty) return protocolType !== '' && names.length > 0
    if (protocolType !== this.protocolType) return false
    const common = this.commonProtocols()
    return names.some((name) => common.has(name))
  }

  private commonProtocols(): Set<string> {
    let common: Set<string> | undefined
    for (const member of this.members.values()) {
      const names = new Set(member.protocols.map((protocol) => protocol.name))
      common = common ? new Set([...common].filter((name) => names.has(name))) : names
    }
    return common ?? new Set()
  }

  /** The protocol most members prefer among those that all know. */
  selectProtocol(): string {
    const common = this.commonProtocols()
    const votes = new Map<string, number>()
    for (const member of this.members.values()) {
      const choice = member.protocols.find((protocol) => common.has(protocol.name))
      if (choice) votes.set(choice.name, (votes.get(choice.name) ?? 0) + 1)
    }
    let selected: string | undefined
    for (const [name, count] of votes) {
      if (selected === undefined || count > (votes.get(selected) as number)) selected = name
    }
    assert(selected !== undefined, `group ${this.groupId} has no common protocol`)
    return selected
  }

  metadataOf(member: Member): Buffer {
    const protocol = member.protocols.find(({ name }) => name === this.protocolName)
    return protocol?.metadata ?? NO_ASSIGNMENT
  }
}

export function sameProtocols(a: readonly Protocol[], b: readonly Protocol[]): boolean {
  return (
    a.length === b.length &&
    a.every(({ name, metadata }, i) => {
      const other = b[i] as Protocol
      return name === other.name && metadata.equals(other.metadata)
    })
  )
}
