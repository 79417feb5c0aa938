/**
 * Batches of a V2 producer are appended together with the record that names their partition, and a
 * crash may keep the one without the other. What is left is a transaction that is open in a
 * partition and not in `__transaction_state`: nobody would ever end it. It is told by its epoch,
 * which belongs to this one transaction, and the lost record is written again.
 *
 * What an epoch does not tell for sure is left alone: transactions of older clients, of unknown
 * producers, and of epochs that are over. No record of those can have been lost here.
 */
import type { ProducerIdentity } from './transaction-coordinator.ts'
import { hasOwnEpoch, hasPartition, isPrepared, type Transaction } from './transaction-state.ts'

/** A transaction as the log of one of its partitions knows it. */
export interface OpenTransaction extends ProducerIdentity {
  readonly topic: string
  readonly partition: number
}

/** Partitions of a producer's open transaction that its record does not name. */
export interface Unnamed extends ProducerIdentity {
  readonly partitions: readonly (readonly [topic: string, partition: number])[]
}

/** What the crash took from this transactional id's record; `open` are its producers' only. */
export function unnamedPartitions(
  known: Transaction,
  open: readonly OpenTransaction[],
): Unnamed | undefined {
  const next = nextIdentity(known)
  if (!next) return undefined
  const unnamed = open.filter(
    ({ topic, partition, ...producer }) =>
      producer.producerId === next.producerId &&
      producer.producerEpoch === next.producerEpoch &&
      !(known.state === 'Ongoing' && hasPartition(known, topic, partition)),
  )
  if (unnamed.length === 0) return undefined
  const partitions = unnamed.map(({ topic, partition }) => [topic, partition] as const)
  return { ...next, partitions }
}

/** Whose batches can only be of the transaction that is open or comes next. */
function nextIdentity(known: Transaction): ProducerIdentity | undefined {
  if (!hasOwnEpoch(known)) return undefined
  if (isPrepared(known.state) && known.nextProducerId >= 0) {
    return { producerId: known.nextProducerId, producerEpoch: known.nextProducerEpoch }
  }
  return { producerId: known.producerId, producerEpoch: known.producerEpoch }
}

/**
 * Whether a decided transaction has its marker in a partition already, because the producer's next
 * one is open there. Another marker would end that one.
 */
export const isMarked = (
  decided: Transaction,
  producer: { readonly producerEpoch: number; readonly currentTxnFirstOffset: number } | undefined,
): boolean =>
  hasOwnEpoch(decided) &&
  producer?.producerEpoch === decided.producerEpoch &&
  producer.currentTxnFirstOffset >= 0
