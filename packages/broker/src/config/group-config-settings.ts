import { bool, defineConfig, int, list, text } from '@ottla/base'

/** Settings of single groups (KIP-848, KIP-932, KIP-1071), stored in the metadata log. */
export const groupConfigSettings = defineConfig({
  'consumer.assignment.interval.ms': int({
    default: 1000,
    min: 0,
    synonym: 'group.consumer.assignment.interval.ms',
    doc: '',
  }),
  'consumer.heartbeat.interval.ms': int({
    default: 5000,
    min: 1,
    synonym: 'group.consumer.heartbeat.interval.ms',
    doc: '',
  }),
  'consumer.session.timeout.ms': int({
    default: 45000,
    min: 1,
    synonym: 'group.consumer.session.timeout.ms',
    doc: '',
  }),
  'errors.deadletterqueue.copy.record.enable': bool({ default: false, doc: '' }),
  'errors.deadletterqueue.topic.name': text({ default: '', doc: '' }),
  'share.assignment.interval.ms': int({
    default: 1000,
    min: 0,
    synonym: 'group.share.assignment.interval.ms',
    doc: '',
  }),
  'share.auto.offset.reset': text({ default: 'latest', doc: '' }),
  'share.delivery.count.limit': int({
    default: 5,
    min: 2,
    max: 10,
    synonym: 'group.share.delivery.count.limit',
    doc: '',
  }),
  'share.heartbeat.interval.ms': int({
    default: 5000,
    min: 1,
    synonym: 'group.share.heartbeat.interval.ms',
    doc: '',
  }),
  'share.isolation.level': text({ default: 'read_uncommitted', doc: '' }),
  'share.partition.max.record.locks': int({
    default: 2000,
    min: 100,
    max: 10000,
    synonym: 'group.share.partition.max.record.locks',
    doc: '',
  }),
  'share.record.lock.duration.ms': int({
    default: 30000,
    min: 1000,
    max: 3600000,
    synonym: 'group.share.record.lock.duration.ms',
    doc: '',
  }),
  'share.renew.acknowledge.enable': bool({ default: true, doc: '' }),
  'share.session.timeout.ms': int({
    default: 45000,
    min: 1,
    synonym: 'group.share.session.timeout.ms',
    doc: '',
  }),
  'streams.assignment.interval.ms': int({
    default: 1000,
    min: 0,
    synonym: 'group.streams.assignment.interval.ms',
    doc: '',
  }),
  'streams.assignor.name': text({ default: 'sticky', synonym: 'group.streams.assignors', doc: '' }),
  'streams.heartbeat.interval.ms': int({
    default: 5000,
    min: 1,
    synonym: 'group.streams.heartbeat.interval.ms',
    doc: '',
  }),
  'streams.initial.rebalance.delay.ms': int({
    default: 3000,
    min: 0,
    synonym: 'group.streams.initial.rebalance.delay.ms',
    doc: '',
  }),
  'streams.num.standby.replicas': int({
    default: 0,
    min: 0,
    synonym: 'group.streams.num.standby.replicas',
    doc: '',
  }),
  'streams.rack.aware.assignment.tags': list({
    default: [],
    synonym: 'group.streams.rack.aware.assignment.tags',
    doc: '',
  }),
  'streams.session.timeout.ms': int({
    default: 45000,
    min: 1,
    synonym: 'group.streams.session.timeout.ms',
    doc: '',
  }),
})
