/**
 * TxnOffsetCommit (key 28), versions 0-6.
 *
 * Behaviour: offsets become part of the producer's transaction; a group sees them once it commits.
 * A member that is named must be of the current generation (KIP-447).
 * Version notes: member and generation from 3; from 5 (transactions V2) the offsets' partition is
 * added to the transaction here, before that AddOffsetsToTxn must have done it; topic ids from 6.
 */
import { apis, type ErrorName, errorCode, type TxnOffsetCommitRequest } from '@ottla/protocol'
import { StorageError } from '@ottla/storage'
import type { BrokerServices } from '../broker-services.ts'
import type { OffsetRecord } from '../coordinator/group/committed-offsets.ts'
import {
  checkCommit,
  commitRecords,
  type OffsetToCommit,
} from '../coordinator/group/group-offsets.ts'
import { handler } from '../handler.ts'
import { OFFSETS_TOPIC } from '../metadata/topic-names.ts'
import { collectOffsets } from './offset-commit.ts'

export const txnOffsetCommit = handler(
  apis.txnOffsetCommit,
  { lowest: 0, highest: 6 },
  async (services, { apiVersion }, request) => {
    const usesTopicIds = apiVersion >= 6
    const { accepted, errors } = collectOffsets(services, request.topics, usesTopicIds)
    // Partitions that nobody knows are answered without asking for more.
    let failure: ErrorName | undefined
    if (accepted.length > 0) failure = await commit(services, apiVersion, request, accepted)
    return {
      throttleTimeMs: 0,
      topics: request.topics.map(({ name, topicId, partitions }, t) => ({
        name,
        topicId,
        partitions: partitions.map(({ partitionIndex }, p) => {
          const own = errors[t]?.[p] ?? 'NONE'
          return {
            partitionIndex,
            errorCode: errorCode(own === 'NONE' ? (failure ?? 'NONE') : own),
          }
        }),
      })),
    }
  },
)

async function commit(
  services: BrokerServices,
  apiVersion: number,
  request: TxnOffsetCommitRequest,
  accepted: readonly OffsetToCommit[],
): Promise<ErrorName | undefined> {
  const { groups, transactions } = services
  const { groupId, memberId, groupInstanceId, transactionalId } = request
  if (groupId === '') return 'INVALID_GROUP_ID'
  const fault = await groups.load(groupId)
  if (fault) return fault
  // The producer is asked after first: a fenced one need not know how its group is.
  if (groups.isFenced(request, groupId)) return 'INVALID_PRODUCER_EPOCH'
  const partition = groups.partitionOf(groupId)
  const reach = apiVersion >= 5 ? 'adds' : apiVersion === 4 ? 'can-abort' : 'none'
  const admission = await transactions.admit(
    transactionalId,
    request,
    OFFSETS_TOPIC,
    partition,
    reach,
  )
  if (typeof admission === 'string' && admission !== 'NONE') return admission
  if (groups.coordinator.shareGroups.get(groupId)) return 'GROUP_ID_NOT_FOUND'
  const isNamed =
    memberId !== '' || groupInstanceId !== null || request.generationIdOrMemberEpoch >= 0
  if (isNamed) {
    const generationId = request.generationIdOrMemberEpoch
    const commit = { groupId, memberId, groupInstanceId, generationId, retentionTimeMs: -1 }
    const context = { now: groups.now(), apiVersion, isTransactional: true, partitions: accepted }
    const error = checkCommit(groups.coordinator, commit, context)
    // Producers learned that groups have member epochs with topic ids, in version 6.
    if (error === 'STALE_MEMBER_EPOCH' && apiVersion < 6) return 'ILLEGAL_GENERATION'
    if (error) return error
  }
  const failure = await write(services, request, accepted)
  if (failure || typeof admission === 'string') return failure
  const error = await admission.durable
  return error === 'NONE' ? undefined : error
}

async function write(
  services: BrokerServices,
  request: TxnOffsetCommitRequest,
  accepted: Parameters<typeof commitRecords>[1],
): Promise<ErrorName | undefined> {
  const { groups } = services
  const { groupId, memberId, groupInstanceId, producerId, producerEpoch } = request
  const commit = { groupId, memberId, groupInstanceId, generationId: -1, retentionTimeMs: -1 }
  const records = commitRecords(commit, accepted, groups.now()) as OffsetRecord[]
  try {
    await groups.appendTransactional({ producerId, producerEpoch }, groupId, records)
    return undefined
  } catch (error) {
    if (!(error instanceof StorageError)) throw error
    return 'COORDINATOR_NOT_AVAILABLE'
  }
}
