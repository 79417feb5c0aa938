/** What a group looks like from outside: as a record, and as answers that refuse. */
import { type ErrorName, errorCode } from '@ottla/protocol'
import { type ClassicGroup, NO_ASSIGNMENT } from './classic-group.ts'
import type { GroupRecord } from './group-records.ts'
import { newOutcome, type Outcome } from './outcome.ts'

/** The record that keeps a group as it is now. */
export function groupRecord(group: ClassicGroup): GroupRecord {
  return {
    kind: 'group',
    group: group.groupId,
    value: {
      protocolType: group.protocolType ?? '',
      generation: group.generationId,
      protocol: group.isEmpty ? null : group.protocolName,
      leader: group.isEmpty ? null : group.leaderId,
      currentStateTimestamp: group.stateTimestamp,
      members: [...group.members.values()].map((member) => ({
        memberId: member.memberId,
        groupInstanceId: member.groupInstanceId,
        clientId: member.clientId,
        clientHost: member.clientHost,
        rebalanceTimeout: member.rebalanceTimeoutMs,
        sessionTimeout: member.sessionTimeoutMs,
        subscription: group.metadataOf(member),
        assignment: member.assignment,
      })),
    },
  }
}

export const joinFailure = (error: ErrorName, memberId: string) => ({
  throttleTimeMs: 0,
  errorCode: errorCode(error),
  generationId: -1,
  protocolType: null,
  protocolName: null,
  leader: '',
  memberId,
  members: [],
})

export const syncFailure = (error: ErrorName) => ({
  throttleTimeMs: 0,
  errorCode: errorCode(error),
  assignment: NO_ASSIGNMENT,
})

/** Answers for everybody who waits for a join or a sync that will not end here. */
export function dismissWaiting(groups: Iterable<ClassicGroup>): Outcome {
  const outcome = newOutcome()
  const error = 'COORDINATOR_NOT_AVAILABLE'
  for (const group of groups) {
    for (const member of group.members.values()) {
      const { joinToken, syncToken, memberId } = member
      if (joinToken !== undefined) {
        outcome.replies.push({ token: joinToken, response: joinFailure(error, memberId) })
      }
      if (syncToken !== undefined) {
        outcome.replies.push({ token: syncToken, response: syncFailure(error) })
      }
      member.joinToken = undefined
      member.syncToken = undefined
    }
  }
  return outcome
}
