import { bool, defineConfig, int, nullableText, short } from '@ottla/base'

export const transactionSettings = defineConfig({
  'add.partitions.to.txn.retry.backoff.max.ms': int({
    default: 100,
    min: 0,
    importance: 'high',
    doc: '',
  }),
  'add.partitions.to.txn.retry.backoff.ms': int({
    default: 20,
    min: 1,
    importance: 'high',
    doc: '',
  }),
  'early.start.listeners': nullableText({ default: null, importance: 'high', doc: '' }),
  'transaction.abort.timed.out.transaction.cleanup.interval.ms': int({
    default: 10000,
    min: 1,
    importance: 'low',
    doc: '',
  }),
  'transaction.max.timeout.ms': int({ default: 900000, min: 1, importance: 'high', doc: '' }),
  'transaction.partition.verification.enable': bool({
    default: true,
    dynamic: 'cluster-wide',
    importance: 'low',
    doc: '',
  }),
  'transaction.remove.expired.transaction.cleanup.interval.ms': int({
    default: 3600000,
    min: 1,
    importance: 'low',
    doc: '',
  }),
  'transaction.state.log.load.buffer.size': int({
    default: 5242880,
    min: 1,
    importance: 'high',
    doc: '',
  }),
  'transaction.state.log.min.isr': int({ default: 2, min: 1, importance: 'high', doc: '' }),
  'transaction.state.log.num.partitions': int({ default: 50, min: 1, importance: 'high', doc: '' }),
  'transaction.state.log.replication.factor': short({
    default: 3,
    min: 1,
    importance: 'high',
    doc: '',
  }),
  'transaction.state.log.segment.bytes': int({
    default: 104857600,
    min: 1,
    importance: 'high',
    doc: '',
  }),
  'transaction.two.phase.commit.enable': bool({ default: false, importance: 'low', doc: '' }),
  'transactional.id.expiration.ms': int({
    default: 604800000,
    min: 1,
    importance: 'high',
    doc: '',
  }),
})
