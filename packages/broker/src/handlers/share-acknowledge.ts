/**
 * ShareAcknowledge (key 79), versions 1-2.
 *
 * Behaviour: says what became of acquired records, without asking for more; answered once that is
 * durable. Epoch -1 ends the session and gives back whatever the member still holds.
 * Version notes: renewing of locks from 2.
 */
import {
  apis,
  type ErrorName,
  errorCode,
  type InferInput,
  type ShareAcknowledgeResponse,
} from '@ottla/protocol'
import { isMemberId } from '../coordinator/share-group/heartbeat.ts'
import { handler } from '../handler.ts'
import { type AckResult, acknowledgeAll } from '../share/share-acknowledging.ts'
import { FINAL_EPOCH, OPENING_EPOCH } from '../share/share-sessions.ts'
import { servesShareGroups } from './share-group-heartbeat.ts'

type Answer = InferInput<typeof ShareAcknowledgeResponse>

const refused = (error: ErrorName): Answer => ({
  throttleTimeMs: 0,
  errorCode: errorCode(error),
  acquisitionLockTimeoutMs: 0,
  responses: [],
  nodeEndpoints: [],
})

export const shareAcknowledge = handler(
  apis.shareAcknowledge,
  { lowest: 1, highest: 2 },
  async (services, context, request) => {
    if (!servesShareGroups(services)) return refused('UNSUPPORTED_VERSION')
    const { groupId, memberId, shareSessionEpoch: epoch } = request
    if (groupId === null || !isMemberId(memberId)) return refused('INVALID_REQUEST')
    if (epoch === OPENING_EPOCH) return refused('INVALID_SHARE_SESSION_EPOCH')
    const { share } = services
    const session = share.sessions.use({ groupId, memberId, epoch }, context.connection)
    if (typeof session === 'string') return refused(session)
    const acked = await acknowledgeAll(share, { ...request, groupId, memberId })
    if (epoch === FINAL_EPOCH) {
      share.sessions.remove(groupId, memberId)
      await share.release(groupId, memberId)
    }
    return {
      throttleTimeMs: 0,
      errorCode: 0,
      acquisitionLockTimeoutMs: share.settingsOf(groupId).lockDurationMs,
      responses: byTopic(acked),
      nodeEndpoints: [],
    }
  },
)

function byTopic(acked: readonly AckResult[]): Answer['responses'] {
  const topics = new Map<string, Answer['responses'][number]['partitions'][number][]>()
  for (const { topicId, partition, error } of acked) {
    const partitions = topics.get(topicId) ?? []
    topics.set(topicId, partitions)
    partitions.push({
      partitionIndex: partition,
      errorCode: errorCode(error),
      currentLeader: { leaderId: 0, leaderEpoch: 0 },
    })
  }
  return [...topics].map(([topicId, partitions]) => ({ topicId, partitions }))
}
