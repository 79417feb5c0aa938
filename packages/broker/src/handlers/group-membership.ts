/**
 * JoinGroup (key 11) 0-9, SyncGroup (14) 0-5, Heartbeat (12) 0-4, LeaveGroup (13) 0-5.
 *
 * Behaviour: see coordinator/group, and coordinator/consumer-group/classic-members.ts for members
 * of this protocol in consumer groups; the answer to a join or sync comes when its phase ends.
 * Version notes: member ids are given first from JoinGroup 4 (KIP-394), static members from 5,
 * several leave at once from LeaveGroup 3, SyncGroup must name the protocol from 5.
 */
import {
  apis,
  errorCode,
  type InferInput,
  type JoinGroupResponse,
  type SyncGroupResponse,
} from '@ottla/protocol'
import { joinFailure, syncFailure } from '../coordinator/group/group-answers.ts'
import { heartbeat, join, leave, sync } from '../coordinator/group/membership.ts'
import { handler } from '../handler.ts'

type JoinAnswer = InferInput<typeof JoinGroupResponse>

export const joinGroup = handler(
  apis.joinGroup,
  { lowest: 0, highest: 9 },
  async ({ groups }, { apiVersion, clientId, connection }, request) => {
    const fault = await groups.load(request.groupId)
    const answer = fault
      ? joinFailure(fault, request.memberId)
      : await groups.request<JoinAnswer>((token, now) =>
          join(groups.coordinator, request, {
            token,
            now,
            clientId,
            clientHost: `/${connection.remoteAddress}`,
            requiresKnownMemberId: apiVersion >= 4,
            supportsSkippingAssignment: apiVersion >= 9,
          }),
        )
    // A protocol without a name is null where the answer can say so.
    const protocolName = answer.protocolName || (apiVersion < 7 ? '' : null)
    return { ...answer, protocolName }
  },
)

export const syncGroup = handler(
  apis.syncGroup,
  { lowest: 0, highest: 5 },
  async ({ groups }, { apiVersion }, request) => {
    const isNamed = request.protocolType !== null && request.protocolName !== null
    if (apiVersion >= 5 && !isNamed) return syncFailure('INCONSISTENT_GROUP_PROTOCOL')
    const fault = await groups.load(request.groupId)
    if (fault) return syncFailure(fault)
    return groups.request<InferInput<typeof SyncGroupResponse>>((token, now) =>
      sync(groups.coordinator, request, token, now),
    )
  },
)

export const heartbeatHandler = handler(
  apis.heartbeat,
  { lowest: 0, highest: 4 },
  async ({ groups }, _context, request) => {
    const fault = await groups.load(request.groupId)
    const error = fault ?? heartbeat(groups.coordinator, request, groups.now())
    return { throttleTimeMs: 0, errorCode: errorCode(error) }
  },
)

export const leaveGroup = handler(
  apis.leaveGroup,
  { lowest: 0, highest: 5 },
  async ({ groups }, { apiVersion }, request) => {
    const fault = await groups.load(request.groupId)
    if (fault) return { throttleTimeMs: 0, errorCode: errorCode(fault), members: [] }
    const { outcome, response } = leave(groups.coordinator, request, apiVersion, groups.now())
    await groups.perform(outcome)
    return response
  },
)
