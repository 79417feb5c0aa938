/** The acknowledgements of a request, partition by partition; each counts once it is durable. */
import type { Uuid } from '@ottla/base'
import type { ErrorName } from '@ottla/protocol'
import { type AcknowledgementBatch, acknowledge, batchesFault } from './acknowledge.ts'
import type { ShareService } from './share-service.ts'

export interface AckResult {
  readonly topicId: Uuid
  readonly partition: number
  readonly error: ErrorName
}

export interface AckRequest {
  readonly groupId: string
  readonly memberId: string
  readonly isRenewAck: boolean
  readonly topics: readonly {
    readonly topicId: Uuid
    readonly partitions: readonly {
      readonly partitionIndex: number
      readonly acknowledgementBatches: readonly AcknowledgementBatch[]
    }[]
  }[]
}

export const hasAcknowledgements = ({ topics }: Pick<AckRequest, 'topics'>): boolean =>
  topics.some(({ partitions }) =>
    partitions.some(({ acknowledgementBatches }) => acknowledgementBatches.length > 0),
  )

export function acknowledgeAll(share: ShareService, request: AckRequest): Promise<AckResult[]> {
  const results = request.topics.flatMap(({ topicId, partitions }) =>
    partitions
      .filter(({ acknowledgementBatches }) => acknowledgementBatches.length > 0)
      .map(async ({ partitionIndex: partition, acknowledgementBatches }) => {
        const key = { groupId: request.groupId, topicId, partition }
        const error = await acknowledgeOne(share, request, key, acknowledgementBatches)
        return { topicId, partition, error }
      }),
  )
  return Promise.all(results)
}

async function acknowledgeOne(
  share: ShareService,
  { memberId, isRenewAck }: AckRequest,
  key: { readonly groupId: string; readonly topicId: Uuid; readonly partition: number },
  batches: readonly AcknowledgementBatch[],
): Promise<ErrorName> {
  const fault = batchesFault(batches, { isRenewAck })
  if (fault) return fault
  const log = share.logOf(key.topicId, key.partition)
  if (typeof log === 'string') return log
  const held = share.find(key)
  if (!held) return 'UNKNOWN_TOPIC_OR_PARTITION'
  const { deliveryCountMax, mayRenew } = share.settingsOf(key.groupId)
  const transition = acknowledge(held.partition, batches, {
    memberId,
    deliveryCountMax,
    renewedDeadlineMs: mayRenew ? share.lockDeadlineMs(key.groupId) : undefined,
  })
  return typeof transition === 'string' ? transition : held.apply(transition)
}
