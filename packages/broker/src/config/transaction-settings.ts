import { bool, defineConfig, int, nullableText, short } from '@ottla/base'

/** Transactions and their coordinator. */
export const transactionSettings = defineConfig({
  'add.partitions.to.txn.retry.backoff.max.ms': int({
    default: 100,
    min: 0,
    importance: 'high',
    noEffect: 'nodes',
    doc: 'Longest wait in milliseconds before a partition is added to a transaction again.',
  }),
  'add.partitions.to.txn.retry.backoff.ms': int({
    default: 20,
    min: 1,
    importance: 'high',
    noEffect: 'nodes',
    doc: 'First wait in milliseconds before a partition is added to a transaction again.',
  }),
  'early.start.listeners': nullableText({
    default: null,
    importance: 'high',
    noEffect: 'nodes',
    doc: 'Listeners that a Kafka broker opens before it is unfenced.',
  }),
  'transaction.abort.timed.out.transaction.cleanup.interval.ms': int({
    default: 10000,
    min: 1,
    importance: 'low',
    doc: 'How often transactions that ran out of time are aborted, in milliseconds.',
  }),
  'transaction.max.timeout.ms': int({
    default: 900000,
    min: 1,
    importance: 'high',
    doc: 'Longest timeout a transactional producer may ask for, in milliseconds.',
  }),
  'transaction.partition.verification.enable': bool({
    default: true,
    dynamic: 'cluster-wide',
    importance: 'low',
    noEffect: 'nodes',
    doc: 'Whether a transactional batch is refused unless its partition was added to the transaction.',
  }),
  'transaction.remove.expired.transaction.cleanup.interval.ms': int({
    default: 3600000,
    min: 1,
    importance: 'low',
    doc: 'How often unused transactional ids are dropped, in milliseconds.',
  }),
  'transaction.state.log.load.buffer.size': int({
    default: 5242880,
    min: 1,
    importance: 'high',
    noEffect: 'threads',
    doc: 'Bytes read at a time when the state of transactions is loaded.',
  }),
  'transaction.state.log.min.isr': int({
    default: 2,
    min: 1,
    importance: 'high',
    doc: 'Becomes min.insync.replicas of __transaction_state when that topic is created.',
  }),
  'transaction.state.log.num.partitions': int({
    default: 50,
    min: 1,
    importance: 'high',
    doc: 'Partitions of __transaction_state, which must not change once the topic exists.',
  }),
  'transaction.state.log.replication.factor': short({
    default: 3,
    min: 1,
    importance: 'high',
    noEffect: 'nodes',
    doc: 'Replicas of __transaction_state; one on a single node.',
  }),
  'transaction.state.log.segment.bytes': int({
    default: 104857600,
    min: 1,
    importance: 'high',
    doc: 'Size in bytes at which a segment of __transaction_state is closed.',
  }),
  'transaction.two.phase.commit.enable': bool({
    default: false,
    importance: 'low',
    noEffect: 'later',
    doc: 'Whether producers may take part in a two-phase commit, whose transactions never time out.',
  }),
  'transactional.id.expiration.ms': int({
    default: 604800000,
    min: 1,
    importance: 'high',
    doc: 'Milliseconds after which an unused transactional id is forgotten.',
  }),
})
