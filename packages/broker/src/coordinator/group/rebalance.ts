/**
 * The phases of a rebalance: members are asked to rejoin, the generation begins when they have (or
 * when their time is up), the leader brings the assignment, everybody gets a share.
 */
import type { ErrorName } from '@ottla/protocol'
import type { ClassicGroup, Member } from './classic-group.ts'
import { NO_ASSIGNMENT } from './classic-group.ts'
import { subscribedTopicsOf } from './classic-subscriptions.ts'
import { groupRecord, joinFailure, syncFailure } from './group-answers.ts'
import type { CoordinatorState, Now } from './group-coordinator.ts'
import type { Outcome } from './outcome.ts'

/** Opens the join phase; syncs that wait are told to join again. */
export function prepareRebalance(
  state: CoordinatorState,
  group: ClassicGroup,
  now: Now,
  outcome: Outcome,
): void {
  if (group.state === 'CompletingRebalance') {
    answerSyncs(group, 'REBALANCE_IN_PROGRESS', outcome)
  }
  const timeoutMs = group.rebalanceTimeoutMs()
  if (group.state === 'Empty') {
    const delayMs = Math.min(state.settings.initialRebalanceDelayMs, timeoutMs)
    group.joinDeadlineMs = now.monotonicMs + delayMs
    group.joinLimitMs = now.monotonicMs + timeoutMs
    group.moveTo('PreparingRebalance', now.wallMs)
    if (delayMs > 0) return
  } else {
    group.joinDeadlineMs = now.monotonicMs + timeoutMs
    group.joinLimitMs = group.joinDeadlineMs
    group.moveTo('PreparingRebalance', now.wallMs)
  }
  tryCompleteJoin(group, now, outcome)
}

/** A further member prolongs the initial wait, within what the members allow. */
export function prolongInitialJoin(state: CoordinatorState, group: ClassicGroup, now: Now): void {
  const isInitial = group.joinDeadlineMs < group.joinLimitMs
  if (!isInitial) return
  const wanted = now.monotonicMs + state.settings.initialRebalanceDelayMs
  group.joinDeadlineMs = Math.min(group.joinLimitMs, Math.max(group.joinDeadlineMs, wanted))
}

/** Ends the join phase when everybody is there; an initial wait is sat out. */
export function tryCompleteJoin(group: ClassicGroup, now: Now, outcome: Outcome): void {
  if (group.state !== 'PreparingRebalance' || !group.hasAllJoined) return
  const isInitialWait =
    group.joinDeadlineMs < group.joinLimitMs && now.monotonicMs < group.joinDeadlineMs
  if (!isInitialWait) completeJoin(group, now, outcome)
}

/** Begins a generation with the members that have joined. */
export function completeJoin(group: ClassicGroup, now: Now, outcome: Outcome): void {
  for (const member of [...group.members.values()]) {
    const isMissing = member.joinToken === undefined && member.groupInstanceId === null
    if (isMissing) group.remove(member.memberId)
  }
  if (group.isEmpty) {
    beginEmptyGeneration(group, now, outcome)
    return
  }
  if (!ensureJoinedLeader(group)) {
    // Only static members are left and none has come back yet: their sessions decide.
    group.joinDeadlineMs = now.monotonicMs + group.rebalanceTimeoutMs()
    return
  }
  group.generationId++
  group.protocolName = group.selectProtocol()
  group.subscribedTopics = subscribedTopicsOf(group)
  group.moveTo('CompletingRebalance', now.wallMs)
  group.joinDeadlineMs = Number.POSITIVE_INFINITY
  group.syncDeadlineMs = now.monotonicMs + group.rebalanceTimeoutMs()
  for (const member of group.members.values()) {
    member.mustSync = true
    const { joinToken } = member
    member.joinToken = undefined
    member.sessionDeadlineMs = now.monotonicMs + member.sessionTimeoutMs
    if (joinToken === undefined) continue
    outcome.replies.push({ token: joinToken, response: joinSuccess(group, member) })
  }
}

function beginEmptyGeneration(group: ClassicGroup, now: Now, outcome: Outcome): void {
  group.generationId++
  group.protocolName = null
  group.subscribedTopics = subscribedTopicsOf(group)
  group.leaderId = null
  group.joinDeadlineMs = Number.POSITIVE_INFINITY
  group.moveTo('Empty', now.wallMs)
  outcome.records.push(groupRecord(group))
}

/** False when no member of the group has joined. */
function ensureJoinedLeader(group: ClassicGroup): boolean {
  const leader = group.leaderId === null ? undefined : group.members.get(group.leaderId)
  if (leader?.joinToken !== undefined) return true
  for (const member of group.members.values()) {
    if (member.joinToken === undefined) continue
    group.leaderId = member.memberId
    return true
  }
  return false
}

export function joinSuccess(
  group: ClassicGroup,
  member: Member,
  options: { readonly skipAssignment?: boolean } = {},
) {
  const isLeader = member.memberId === group.leaderId
  return {
    throttleTimeMs: 0,
    errorCode: 0,
    generationId: group.generationId,
    protocolType: group.protocolType,
    protocolName: group.protocolName,
    leader: group.leaderId ?? '',
    skipAssignment: options.skipAssignment ?? false,
    memberId: member.memberId,
    members: isLeader
      ? [...group.members.values()].map((other) => ({
          memberId: other.memberId,
          groupInstanceId: other.groupInstanceId,
          metadata: group.metadataOf(other),
        }))
      : [],
  }
}

/** The leader's assignment: written down, then given to everybody who asked. */
export function completeSync(
  group: ClassicGroup,
  assignments: ReadonlyMap<string, Buffer>,
  now: Now,
  outcome: Outcome,
): void {
  for (const member of group.members.values()) {
    member.assignment = assignments.get(member.memberId) ?? NO_ASSIGNMENT
  }
  group.syncDeadlineMs = Number.POSITIVE_INFINITY
  group.moveTo('Stable', now.wallMs)
  outcome.records.push(groupRecord(group))
  for (const member of group.members.values()) {
    const { syncToken } = member
    if (syncToken === undefined) continue
    member.syncToken = undefined
    member.mustSync = false
    member.sessionDeadlineMs = now.monotonicMs + member.sessionTimeoutMs
    outcome.replies.push({ token: syncToken, response: syncSuccess(group, member) })
  }
}

export const syncSuccess = (group: ClassicGroup, member: Member) => ({
  throttleTimeMs: 0,
  errorCode: 0,
  protocolType: group.protocolType,
  protocolName: group.protocolName,
  assignment: member.assignment,
})

function answerSyncs(group: ClassicGroup, error: ErrorName, outcome: Outcome): void {
  for (const member of group.members.values()) {
    member.assignment = NO_ASSIGNMENT
    member.mustSync = false
    if (member.syncToken === undefined) continue
    outcome.replies.push({ token: member.syncToken, response: syncFailure(error) })
    member.syncToken = undefined
  }
  group.syncDeadlineMs = Number.POSITIVE_INFINITY
}

/** Members that joined and never synced are removed, and the rest joins again. */
export function expireSyncs(
  state: CoordinatorState,
  group: ClassicGroup,
  now: Now,
  outcome: Outcome,
): void {
  group.syncDeadlineMs = Number.POSITIVE_INFINITY
  for (const member of [...group.members.values()]) {
    if (member.mustSync && member.syncToken === undefined) group.remove(member.memberId)
  }
  prepareRebalance(state, group, now, outcome)
}

/** Takes a member out and lets the others know. */
export function removeMember(
  state: CoordinatorState,
  group: ClassicGroup,
  memberId: string,
  now: Now,
  outcome: Outcome,
  reason: ErrorName = 'UNKNOWN_MEMBER_ID',
): void {
  const member = group.remove(memberId)
  if (!member) return
  if (member.joinToken !== undefined) {
    outcome.replies.push({ token: member.joinToken, response: joinFailure(reason, memberId) })
  }
  if (member.syncToken !== undefined) {
    outcome.replies.push({ token: member.syncToken, response: syncFailure(reason) })
  }
  rebalanceWithout(state, group, now, outcome)
}

/** Somebody has gone: the others join anew, or are waited for no longer. */
export function rebalanceWithout(
  state: CoordinatorState,
  group: ClassicGroup,
  now: Now,
  outcome: Outcome,
): void {
  if (group.state === 'Stable' || group.state === 'CompletingRebalance') {
    prepareRebalance(state, group, now, outcome)
  } else tryCompleteJoin(group, now, outcome)
}
