/**
 * ShareGroupHeartbeat (key 76), version 1.
 *
 * Behaviour: see coordinator/share-group; answered when what it changed is durable.
 * Differences: the states of new partitions are made before the answer, which assigns them at once.
 * Apache Kafka makes them behind it, and assigns with the next heartbeat, 5 seconds later.
 */
import type { Uuid } from '@ottla/base'
import { apis, type ErrorName, errorCode, type ShareGroupHeartbeatRequest } from '@ottla/protocol'
import { StorageError } from '@ottla/storage'
import type { BrokerServices, RequestContext } from '../broker-services.ts'
import {
  shareGroupHeartbeat as decide,
  type ShareHeartbeatAnswer,
} from '../coordinator/share-group/heartbeat.ts'
import {
  noteStates,
  ShareChanges,
  type StatePartitions,
} from '../coordinator/share-group/share-groups.ts'
import { handler } from '../handler.ts'
import { UNKNOWN_OFFSET } from '../share/share-states.ts'

const SHARE_VERSION_WITH_SHARE_GROUPS = 1

/** Whether this broker serves share groups, by setting and by feature. */
export const servesShareGroups = ({ image }: BrokerServices): boolean =>
  (image.features.get('share.version') ?? 0) >= SHARE_VERSION_WITH_SHARE_GROUPS

const failure = (error: ErrorName) => ({
  throttleTimeMs: 0,
  errorCode: errorCode(error),
  memberEpoch: 0,
  heartbeatIntervalMs: 0,
})

export const shareGroupHeartbeat = handler(
  apis.shareGroupHeartbeat,
  { lowest: 1, highest: 1 },
  async (services, context, request) => {
    if (!servesShareGroups(services)) return failure('UNSUPPORTED_VERSION')
    const fault = request.groupId === '' ? undefined : await services.groups.load(request.groupId)
    if (fault) return failure(fault)
    try {
      return await beat(services, context, request)
    } catch (error) {
      if (!(error instanceof StorageError)) throw error
      return failure('COORDINATOR_NOT_AVAILABLE')
    }
  },
)

async function beat(
  services: BrokerServices,
  { clientId, connection }: RequestContext,
  request: ShareGroupHeartbeatRequest,
): Promise<ShareHeartbeatAnswer> {
  const { groups } = services
  const decision = (memberEpoch: number) =>
    decide(
      groups.coordinator,
      { ...request, memberEpoch },
      { now: groups.now(), clientId, clientHost: `/${connection.remoteAddress}` },
    )
  const { groupId, memberId } = request
  const first = decision(request.memberEpoch)
  const response = await groups.decided(first)
  if (first.toInitialize.size === 0) return response
  const isReady = await initialize(services, groupId, first.toInitialize)
  const member = groups.coordinator.shareGroups.get(groupId)?.members.get(memberId)
  return isReady && member ? groups.decided(decision(member.current.memberEpoch)) : response
}

/** Makes states where there are none yet, and notes that they are there. */
async function initialize(
  { groups, share }: BrokerServices,
  groupId: string,
  partitions: StatePartitions,
): Promise<boolean> {
  const group = groups.coordinator.shareGroups.get(groupId)
  if (!group) return false
  const stateEpoch = group.groupEpoch
  // Partitions that are added to a topic that is read already are read from their beginning.
  const startOf = (topicId: Uuid) => (group.initialized.has(topicId) ? 0 : UNKNOWN_OFFSET)
  const errors = await Promise.all(
    [...partitions].flatMap(([topicId, topic]) =>
      [...topic.partitions].map((partition) => {
        const key = { groupId, topicId, partition }
        return share.states.perform(key, (states, nowMs) =>
          states.get(key)
            ? { records: [], error: 'NONE' }
            : states.initialize(key, { stateEpoch, startOffset: startOf(topicId) }, nowMs),
        )
      }),
    ),
  )
  const { shareGroups } = groups.coordinator
  if (shareGroups.get(groupId) !== group || errors.some((error) => error !== 'NONE')) return false
  const changes = new ShareChanges(shareGroups, groups.now())
  noteStates(changes, group, partitions, 'initialized')
  await groups.decided({ records: changes.records, response: undefined })
  return true
}
