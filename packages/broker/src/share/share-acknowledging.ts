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

/**
 * Partitions without batches are answered too, as in Apache Kafka: with an error when they are not
 * there, with none when something was acknowledged beside them.
 */
export async function acknowledgeAll(
  share: ShareService,
  request: AckRequest,
): Promise<AckResult[]> {
  const asked = request.topics.flatMap(({ topicId, partitions }) =>
    partitions.map(({ partitionIndex: partition, acknowledgementBatches: batches }) => {
      const error = acknowledgementFault(share, request, { topicId, partition, batches })
      return { topicId, partition, batches, error }
    }),
  )
  const isAny = asked.some(({ error, batches }) => error === undefined && batches.length > 0)
  const answered = asked.filter(({ error, batches }) => error ?? (isAny || batches.length > 0))
  return Promise.all(
    answered.map(async ({ topicId, partition, batches, error }) => {
      if (error || batches.length === 0) return { topicId, partition, error: error ?? 'NONE' }
      const key = { groupId: request.groupId, topicId, partition }
      return { topicId, partition, error: await acknowledgeOne(share, request, key, batches) }
    }),
  )
}

interface AskedPartition {
  readonly topicId: Uuid
  readonly partition: number
  readonly batches: readonly AcknowledgementBatch[]
}

function acknowledgementFault(
  share: ShareService,
  { isRenewAck }: AckRequest,
  { topicId, partition, batches }: AskedPartition,
): ErrorName | undefined {
  const log = share.logOf(topicId, partition)
  if (log === 'UNKNOWN_TOPIC_ID') return log
  return batchesFault(batches, { isRenewAck }) ?? (typeof log === 'string' ? log : undefined)
}

async function acknowledgeOne(
  share: ShareService,
  { memberId }: AckRequest,
  key: { readonly groupId: string; readonly topicId: Uuid; readonly partition: number },
  batches: readonly AcknowledgementBatch[],
): Promise<ErrorName> {
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
