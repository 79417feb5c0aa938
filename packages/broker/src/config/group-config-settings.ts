import { bool, defineConfig, int, list, text } from '@ottla/base'

/** Settings of single groups (KIP-848, KIP-932, KIP-1071), stored in the metadata log. */
export const groupConfigSettings = defineConfig({
  'consumer.assignment.interval.ms': int({
    default: 1000,
    min: 0,
    synonym: 'group.consumer.assignment.interval.ms',
    doc: 'Fewest milliseconds between two assignments of this consumer group.',
  }),
  'consumer.heartbeat.interval.ms': int({
    default: 5000,
    min: 1,
    synonym: 'group.consumer.heartbeat.interval.ms',
    doc: "Milliseconds between two heartbeats of this consumer group's members.",
  }),
  'consumer.session.timeout.ms': int({
    default: 45000,
    min: 1,
    synonym: 'group.consumer.session.timeout.ms',
    doc: 'Milliseconds of silence after which this consumer group takes a member out.',
  }),
  'errors.deadletterqueue.copy.record.enable': bool({
    default: false,
    doc: 'Whether key, value and headers of a failed record go to the dead letter topic, or only where it came from.',
  }),
  'errors.deadletterqueue.topic.name': text({
    default: '',
    doc: 'Topic that gets the records this share group failed to process; empty means none.',
  }),
  'share.assignment.interval.ms': int({
    default: 1000,
    min: 0,
    synonym: 'group.share.assignment.interval.ms',
    doc: 'Fewest milliseconds between two assignments of this share group.',
  }),
  'share.auto.offset.reset': text({
    default: 'latest',
    doc: 'Where this share group begins in a partition it has no state for: earliest, latest or a duration back.',
  }),
  'share.delivery.count.limit': int({
    default: 5,
    min: 2,
    max: 10,
    synonym: 'group.share.delivery.count.limit',
    doc: 'How often this share group tries a record before it counts as failed.',
  }),
  'share.heartbeat.interval.ms': int({
    default: 5000,
    min: 1,
    synonym: 'group.share.heartbeat.interval.ms',
    doc: "Milliseconds between two heartbeats of this share group's members.",
  }),
  'share.isolation.level': text({
    default: 'read_uncommitted',
    doc: 'Whether this share group sees records of open transactions: read_uncommitted or read_committed.',
  }),
  'share.partition.max.record.locks': int({
    default: 2000,
    min: 100,
    max: 10000,
    synonym: 'group.share.partition.max.record.locks',
    doc: 'Records of a partition this share group may hold locked at a time.',
  }),
  'share.record.lock.duration.ms': int({
    default: 30000,
    min: 1000,
    max: 3600000,
    synonym: 'group.share.record.lock.duration.ms',
    doc: 'Milliseconds a member of this share group holds a record before it goes to another.',
  }),
  'share.renew.acknowledge.enable': bool({
    default: true,
    doc: 'Whether members of this share group may prolong the lock of a record.',
  }),
  'share.session.timeout.ms': int({
    default: 45000,
    min: 1,
    synonym: 'group.share.session.timeout.ms',
    doc: 'Milliseconds of silence after which this share group takes a member out.',
  }),
  'streams.assignment.interval.ms': int({
    default: 1000,
    min: 0,
    synonym: 'group.streams.assignment.interval.ms',
    doc: 'Fewest milliseconds between two assignments of this streams group.',
  }),
  'streams.assignor.name': text({
    default: 'sticky',
    synonym: 'group.streams.assignors',
    noEffect: 'later',
    doc: 'Assignor of this streams group.',
  }),
  'streams.heartbeat.interval.ms': int({
    default: 5000,
    min: 1,
    synonym: 'group.streams.heartbeat.interval.ms',
    doc: "Milliseconds between two heartbeats of this streams group's members.",
  }),
  'streams.initial.rebalance.delay.ms': int({
    default: 3000,
    min: 0,
    synonym: 'group.streams.initial.rebalance.delay.ms',
    doc: 'Milliseconds this streams group waits for more members before its first assignment.',
  }),
  'streams.num.standby.replicas': int({
    default: 0,
    min: 0,
    synonym: 'group.streams.num.standby.replicas',
    doc: 'Standby replicas of each stateful task of this streams group.',
  }),
  'streams.rack.aware.assignment.tags': list({
    default: [],
    synonym: 'group.streams.rack.aware.assignment.tags',
    doc: 'Client tags by which this streams group spreads its standby replicas.',
  }),
  'streams.session.timeout.ms': int({
    default: 45000,
    min: 1,
    synonym: 'group.streams.session.timeout.ms',
    doc: 'Milliseconds of silence after which this streams group takes a member out.',
  }),
})
