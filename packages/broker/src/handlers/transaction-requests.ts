/**
 * AddPartitionsToTxn (key 24) 0-5, AddOffsetsToTxn (25) 0-4, EndTxn (26) 0-5,
 * WriteTxnMarkers (27) 1-2.
 *
 * Behaviour: see coordinator/transaction. Each answer comes once what it says is durable; an ended
 * transaction gets its markers afterwards.
 * Version notes: PRODUCER_FENCED is INVALID_PRODUCER_EPOCH before version 2; EndTxn 5 is that of
 * transactions V2 (KIP-890) and names the identity to go on with; AddPartitionsToTxn from 4 takes
 * several transactions and can merely verify.
 */
import { apis, type ErrorName, errorCode } from '@ottla/protocol'
import type { BrokerServices } from '../broker-services.ts'
import { hasPartition, isPrepared } from '../coordinator/transaction/transaction-state.ts'
import { handler } from '../handler.ts'
import { OFFSETS_TOPIC } from '../metadata/topic-names.ts'

/** Versions before 2 do not know PRODUCER_FENCED. */
const fencedFor = (apiVersion: number, error: ErrorName): ErrorName =>
  error === 'PRODUCER_FENCED' && apiVersion < 2 ? 'INVALID_PRODUCER_EPOCH' : error

interface TopicPartitions {
  readonly name: string
  readonly partitions: readonly number[]
}

interface Addition {
  readonly transactionalId: string
  readonly producerId: number
  readonly producerEpoch: number
  readonly verifyOnly: boolean
  readonly topics: readonly TopicPartitions[]
}

export const addPartitionsToTxn = handler(
  apis.addPartitionsToTxn,
  { lowest: 0, highest: 5 },
  async (services, { apiVersion }, request) => {
    if (apiVersion >= 4) {
      const resultsByTransaction = await Promise.all(
        request.transactions.map(async (addition) => ({
          transactionalId: addition.transactionalId,
          topicResults: await add(services, apiVersion, addition),
        })),
      )
      return { throttleTimeMs: 0, errorCode: 0, resultsByTransaction }
    }
    const resultsByTopicV3AndBelow = await add(services, apiVersion, {
      transactionalId: request.v3AndBelowTransactionalId,
      producerId: request.v3AndBelowProducerId,
      producerEpoch: request.v3AndBelowProducerEpoch,
      verifyOnly: false,
      topics: request.v3AndBelowTopics,
    })
    return { throttleTimeMs: 0, resultsByTopicV3AndBelow }
  },
)

async function add(services: BrokerServices, apiVersion: number, addition: Addition) {
  const { transactions, image } = services
  const { topics, transactionalId } = addition
  const isKnown = (topic: string, partition: number) =>
    image.topics.get(topic)?.partitions[partition] !== undefined
  const hasUnknown = topics.some(({ name, partitions }) =>
    partitions.some((p) => !isKnown(name, p)),
  )
  const partitions = topics.flatMap(({ name, partitions }) =>
    partitions.map((partition) => [name, partition] as const),
  )
  let error: ErrorName = 'NONE'
  if (hasUnknown) error = 'NONE'
  else if (addition.verifyOnly) {
    const isNamed = transactionalId !== ''
    error = isNamed ? ((await transactions.load(transactionalId)) ?? 'NONE') : 'INVALID_REQUEST'
  } else {
    const clientVersion = apiVersion >= 4 ? 2 : 0
    error = await transactions.addPartitions(transactionalId, addition, partitions, clientVersion)
  }
  const errorOf = (topic: string, partition: number): ErrorName => {
    if (error !== 'NONE') return fencedFor(apiVersion, error)
    if (hasUnknown) {
      return isKnown(topic, partition) ? 'OPERATION_NOT_ATTEMPTED' : 'UNKNOWN_TOPIC_OR_PARTITION'
    }
    if (!addition.verifyOnly) return 'NONE'
    return verify(services, addition, [topic, partition])
  }
  return topics.map(({ name, partitions }) => ({
    name,
    resultsByPartition: partitions.map((partitionIndex) => ({
      partitionIndex,
      partitionErrorCode: errorCode(errorOf(name, partitionIndex)),
    })),
  }))
}

function verify(
  services: BrokerServices,
  addition: Addition,
  [topic, partition]: readonly [topic: string, partition: number],
): ErrorName {
  const known = services.transactions.coordinator.transactions.get(addition.transactionalId)
  if (!known || known.producerId !== addition.producerId) return 'INVALID_PRODUCER_ID_MAPPING'
  if (known.producerEpoch !== addition.producerEpoch) return 'PRODUCER_FENCED'
  if (isPrepared(known.state)) return 'CONCURRENT_TRANSACTIONS'
  return hasPartition(known, topic, partition) ? 'NONE' : 'TRANSACTION_ABORTABLE'
}

export const addOffsetsToTxn = handler(
  apis.addOffsetsToTxn,
  { lowest: 0, highest: 4 },
  async (services, { apiVersion }, request) => {
    const { transactions, groups, topics } = services
    const answer = (error: ErrorName) => ({
      throttleTimeMs: 0,
      errorCode: errorCode(fencedFor(apiVersion, error)),
    })
    await topics.ensureInternal(OFFSETS_TOPIC)
    const partition = [OFFSETS_TOPIC, groups.partitionOf(request.groupId)] as const
    const { transactionalId } = request
    return answer(await transactions.addPartitions(transactionalId, request, [partition], 0))
  },
)

export const endTxn = handler(
  apis.endTxn,
  { lowest: 0, highest: 5 },
  async ({ transactions }, { apiVersion }, request) => {
    const { transactionalId, committed } = request
    const isV2 = apiVersion >= 5
    const answer = await transactions.end(transactionalId, request, committed, isV2)
    if (answer.kind === 'refused') {
      return { throttleTimeMs: 0, errorCode: errorCode(fencedFor(apiVersion, answer.error)) }
    }
    return { throttleTimeMs: 0, errorCode: 0, ...(isV2 ? answer.value : {}) }
  },
)

export const writeTxnMarkers = handler(
  apis.writeTxnMarkers,
  { lowest: 1, highest: 2 },
  async ({ transactions }, _context, request) => ({
    markers: await Promise.all(
      request.markers.map(async (marker) => {
        const { producerId, producerEpoch, coordinatorEpoch } = marker
        const end = {
          producerId,
          producerEpoch,
          coordinatorEpoch,
          isCommit: marker.transactionResult,
        }
        const topics = await Promise.all(
          marker.topics.map(async ({ name, partitionIndexes }) => ({
            name,
            partitions: await Promise.all(
              partitionIndexes.map(async (partitionIndex) => {
                const error = await transactions.writer.writeMarker(name, partitionIndex, end)
                return { partitionIndex, errorCode: errorCode(error) }
              }),
            ),
          })),
        )
        return { producerId, topics }
      }),
    ),
  }),
)
