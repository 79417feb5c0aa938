/**
 * ListTransactions (key 66) 0-2, DescribeTransactions (65) 0, DescribeProducers (61) 0.
 *
 * Behaviour: transactional ids with their state, by state, producer id, age (from 1) and pattern
 * (from 2); one id with its open partitions; the producers a partition remembers.
 */
import {
  apis,
  type DescribeTransactionsResponse,
  type ErrorName,
  errorCode,
  type InferInput,
} from '@ottla/protocol'
import { StorageError } from '@ottla/storage'
import type { BrokerServices } from '../broker-services.ts'
import {
  TRANSACTION_STATES,
  type Transaction,
} from '../coordinator/transaction/transaction-state.ts'
import { handler } from '../handler.ts'
import { topicNameFault } from '../metadata/topic-names.ts'

export const listTransactions = handler(
  apis.listTransactions,
  { lowest: 0, highest: 2 },
  async ({ transactions, clock }, _context, request) => {
    await transactions.loadAll()
    const names: readonly string[] = TRANSACTION_STATES
    const states = request.stateFilters.filter((state) => names.includes(state))
    const unknown = request.stateFilters.filter((state) => !names.includes(state))
    const unknownStateFilters = [...new Set(unknown)]
    const pattern = patternOf(request.transactionalIdPattern)
    if (pattern === undefined) {
      return {
        throttleTimeMs: 0,
        errorCode: errorCode('INVALID_REGULAR_EXPRESSION'),
        unknownStateFilters,
        transactionStates: [],
      }
    }
    const now = clock.now()
    const isWanted = (transaction: Transaction): boolean =>
      (request.stateFilters.length === 0 || states.includes(transaction.state)) &&
      (request.producerIdFilters.length === 0 ||
        request.producerIdFilters.includes(transaction.producerId)) &&
      // One that has not begun yet counts as older than any.
      (request.durationFilter < 0 || now - transaction.startTimestamp > request.durationFilter) &&
      (pattern === null || pattern.test(transaction.transactionalId))
    return {
      throttleTimeMs: 0,
      errorCode: 0,
      unknownStateFilters,
      transactionStates: [...transactions.coordinator.transactions.values()]
        .filter(isWanted)
        .map(({ transactionalId, producerId, state }) => ({
          transactionalId,
          producerId,
          transactionState: state,
        })),
    }
  },
)

/** null without a pattern, undefined when it is not a regular expression. */
function patternOf(text: string | null): RegExp | null | undefined {
  if (text === null || text === '') return null
  try {
    return new RegExp(`^(?:${text})$`)
  } catch {
    return undefined
  }
}

type Described = InferInput<typeof DescribeTransactionsResponse>['transactionStates'][number]

export const describeTransactions = handler(
  apis.describeTransactions,
  { lowest: 0, highest: 0 },
  async (services, _context, request) => ({
    throttleTimeMs: 0,
    transactionStates: await Promise.all(
      request.transactionalIds.map((transactionalId) => describe(services, transactionalId)),
    ),
  }),
)

async function describe(services: BrokerServices, transactionalId: string): Promise<Described> {
  const refuse = (error: ErrorName): Described => ({
    errorCode: errorCode(error),
    transactionalId,
    transactionState: '',
    transactionTimeoutMs: 0,
    transactionStartTimeMs: 0,
    producerId: 0,
    producerEpoch: 0,
    topics: [],
  })
  if (transactionalId === '') return refuse('INVALID_REQUEST')
  const fault = await services.transactions.load(transactionalId)
  if (fault) return refuse(fault)
  const known = services.transactions.coordinator.transactions.get(transactionalId)
  if (!known) return refuse('TRANSACTIONAL_ID_NOT_FOUND')
  return {
    errorCode: 0,
    transactionalId,
    transactionState: known.state,
    transactionTimeoutMs: known.timeoutMs,
    transactionStartTimeMs: known.startTimestamp,
    producerId: known.producerId,
    producerEpoch: known.producerEpoch,
    topics: [...known.partitions].map(([topic, ids]) => ({ topic, partitions: [...ids] })),
  }
}

export const describeProducers = handler(
  apis.describeProducers,
  { lowest: 0, highest: 0 },
  async (services, _context, request) => ({
    throttleTimeMs: 0,
    topics: await Promise.all(
      request.topics.map(async ({ name, partitionIndexes }) => ({
        name,
        partitions: await Promise.all(
          partitionIndexes.map((partition) => producersOf(services, name, partition)),
        ),
      })),
    ),
  }),
)

async function producersOf(services: BrokerServices, topic: string, partitionIndex: number) {
  const log = services.partitions.get(topic, partitionIndex)
  const refuse = (error: ErrorName) => ({
    partitionIndex,
    errorCode: errorCode(error),
    activeProducers: [],
  })
  if (topicNameFault(topic)) return refuse('INVALID_TOPIC_EXCEPTION')
  if (!log) return refuse('UNKNOWN_TOPIC_OR_PARTITION')
  try {
    await log.ready()
  } catch (error) {
    if (!(error instanceof StorageError)) throw error
    return refuse(error.errorName)
  }
  return {
    partitionIndex,
    errorCode: 0,
    activeProducers: [...log.producers().all()].map((producer) => ({
      producerId: producer.producerId,
      producerEpoch: producer.producerEpoch,
      lastSequence: producer.batches.at(-1)?.lastSequence ?? -1,
      lastTimestamp: producer.lastTimestamp,
      coordinatorEpoch: producer.coordinatorEpoch,
      currentTxnStartOffset: producer.currentTxnFirstOffset,
    })),
  }
}
