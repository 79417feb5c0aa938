/**
 * One transactional id as the coordinator keeps it.
 *
 *            first partition         end                    markers written
 *   Empty ------------------> Ongoing ----> PrepareCommit ------------------> CompleteCommit
 *     ^                          |                                                 |
 *     |                          +--------> PrepareAbort  ------------------> CompleteAbort
 *     |      a new transaction begins from any complete state                      |
 *     +----------------------------------------------------------------------------+
 *
 * Once a Prepare state is durable its outcome is decided: a coordinator that finds it at start
 * writes the markers again and completes it. Changed by replay only.
 */
import type { InferInput } from '@ottla/protocol'
import {
  decodePrefixed,
  encodePrefixed,
  TransactionLogKey,
  TransactionLogValue,
} from '@ottla/protocol'

export const TRANSACTION_STATES = [
  'Empty',
  'Ongoing',
  'PrepareCommit',
  'PrepareAbort',
  'CompleteCommit',
  'CompleteAbort',
  'Dead',
  'PrepareEpochFence',
] as const
export type TransactionState = (typeof TRANSACTION_STATES)[number]

/** Largest epoch a producer gets; the one above only ever stands in a fencing marker. */
export const PRODUCER_EPOCH_MAX = 32_766

export interface Transaction {
  readonly transactionalId: string
  readonly producerId: number
  readonly producerEpoch: number
  /** Id before the last overflow of the epoch, or -1. */
  readonly previousProducerId: number
  /** Id that takes over when this transaction completes, or -1. */
  readonly nextProducerId: number
  readonly nextProducerEpoch: number
  readonly timeoutMs: number
  readonly state: TransactionState
  /** Partitions of the open transaction, by topic. */
  readonly partitions: ReadonlyMap<string, ReadonlySet<number>>
  /** Wall clock; -1 when nothing is open. */
  readonly startTimestamp: number
  readonly lastUpdateTimestamp: number
  /** 0 or 1: the producer's epoch lasts; 2: it ends with each transaction (KIP-890). */
  readonly clientVersion: number
}

export type TransactionRecord = {
  readonly transactionalId: string
  /** null forgets the transactional id. */
  readonly value: Transaction | null
}

/** Version that Apache Kafka writes at transaction.version 1 and above. */
const VALUE_VERSION = 1
const KEY_VERSION = 0

export function encodeTransactionRecord(record: TransactionRecord): {
  key: Buffer
  value: Buffer | null
} {
  const { transactionalId, value } = record
  return {
    key: encodePrefixed(TransactionLogKey, KEY_VERSION, 0, { transactionalId }),
    value:
      value && encodePrefixed(TransactionLogValue, VALUE_VERSION, VALUE_VERSION, wireOf(value)),
  }
}

function wireOf(value: Transaction): InferInput<typeof TransactionLogValue> {
  const partitions = [...value.partitions].map(([topic, ids]) => ({
    topic,
    partitionIds: [...ids],
  }))
  return {
    producerId: value.producerId,
    previousProducerId: value.previousProducerId,
    nextProducerId: value.nextProducerId,
    producerEpoch: value.producerEpoch,
    nextProducerEpoch: value.nextProducerEpoch,
    transactionTimeoutMs: value.timeoutMs,
    transactionStatus: TRANSACTION_STATES.indexOf(value.state),
    transactionPartitions: value.state === 'Empty' ? null : partitions,
    transactionLastUpdateTimestampMs: value.lastUpdateTimestamp,
    transactionStartTimestampMs: value.startTimestamp,
    clientTransactionVersion: value.clientVersion,
  }
}

/** Undefined for keys of a kind that is not known here. */
export function decodeTransactionRecord(
  key: Buffer,
  value: Buffer | null,
): TransactionRecord | undefined {
  if (key.length < 2 || key.readInt16BE(0) !== KEY_VERSION) return undefined
  const { transactionalId } = decodePrefixed(TransactionLogKey, 0, key)
  if (value === null) return { transactionalId, value: null }
  const wire = decodePrefixed(TransactionLogValue, value.readInt16BE(0), value)
  const partitions = new Map(
    (wire.transactionPartitions ?? []).map(({ topic, partitionIds }) => [
      topic,
      new Set(partitionIds),
    ]),
  )
  return {
    transactionalId,
    value: {
      transactionalId,
      producerId: wire.producerId,
      producerEpoch: wire.producerEpoch,
      previousProducerId: wire.previousProducerId,
      nextProducerId: wire.nextProducerId,
      nextProducerEpoch: wire.nextProducerEpoch,
      timeoutMs: wire.transactionTimeoutMs,
      state: TRANSACTION_STATES[wire.transactionStatus] ?? 'Dead',
      partitions,
      startTimestamp: wire.transactionStartTimestampMs,
      lastUpdateTimestamp: wire.transactionLastUpdateTimestampMs,
      clientVersion: wire.clientTransactionVersion,
    },
  }
}

export const isPrepared = (state: TransactionState): boolean =>
  state === 'PrepareCommit' || state === 'PrepareAbort' || state === 'PrepareEpochFence'

export const isComplete = (state: TransactionState): boolean =>
  state === 'CompleteCommit' || state === 'CompleteAbort'

/**
 * Whether all records of the producer's present epoch belong to one transaction: the one that is
 * open, or else the next one. An older client's epoch lasts from one transaction to the next.
 */
export const hasOwnEpoch = ({ state, clientVersion }: Transaction): boolean =>
  state === 'Empty' || clientVersion === 2

export function hasPartition(transaction: Transaction, topic: string, partition: number): boolean {
  return transaction.partitions.get(topic)?.has(partition) ?? false
}
