import { bool, defineConfig, int, list, long, short, text } from '@ottla/base'

/** Classic and consumer groups, their coordinator, and committed offsets. */
export const groupSettings = defineConfig({
  'group.consumer.assignment.interval.ms': int({
    default: 1000,
    min: 0,
    dynamic: 'cluster-wide',
    doc: 'Fewest milliseconds between two assignments of a consumer group (KIP-848).',
  }),
  'group.consumer.assignor.offload.enable': bool({
    default: true,
    dynamic: 'cluster-wide',
    internal: true,
    noEffect: 'threads',
    doc: 'Whether consumer group assignments are computed on a thread of their own.',
  }),
  'group.consumer.assignors': list({
    default: ['uniform', 'range'],
    doc: 'Assignors the broker offers to consumer groups; the first is the default.',
  }),
  'group.consumer.heartbeat.interval.ms': int({
    default: 5000,
    min: 1,
    doc: 'Milliseconds between two heartbeats that members of consumer groups are told to keep.',
  }),
  'group.consumer.max.assignment.interval.ms': int({
    default: 15000,
    min: 0,
    doc: "Upper limit for a consumer group's own assignment interval, in milliseconds.",
  }),
  'group.consumer.max.heartbeat.interval.ms': int({
    default: 15000,
    min: 1,
    doc: "Upper limit for a consumer group's own heartbeat interval, in milliseconds.",
  }),
  'group.consumer.max.session.timeout.ms': int({
    default: 60000,
    min: 1,
    doc: "Upper limit for a consumer group's own session timeout, in milliseconds.",
  }),
  'group.consumer.max.size': int({
    default: 2147483647,
    min: 1,
    doc: 'Most members of a consumer group (KIP-848).',
  }),
  'group.consumer.migration.policy': text({
    default: 'bidirectional',
    doc: 'Which way a group may change between the classic and the consumer protocol: upgrade, downgrade, bidirectional or disabled.',
  }),
  'group.consumer.min.assignment.interval.ms': int({
    default: 0,
    min: 0,
    doc: "Lower limit for a consumer group's own assignment interval, in milliseconds.",
  }),
  'group.consumer.min.heartbeat.interval.ms': int({
    default: 5000,
    min: 1,
    doc: "Lower limit for a consumer group's own heartbeat interval, in milliseconds.",
  }),
  'group.consumer.min.session.timeout.ms': int({
    default: 45000,
    min: 1,
    doc: "Lower limit for a consumer group's own session timeout, in milliseconds.",
  }),
  'group.consumer.regex.refresh.interval.ms': int({
    default: 600000,
    min: 10000,
    internal: true,
    noEffect: 'later',
    doc: 'How often subscriptions by pattern are matched against the topics again, in milliseconds.',
  }),
  'group.consumer.session.timeout.ms': int({
    default: 45000,
    min: 1,
    doc: 'Milliseconds of silence after which a member of a consumer group is taken out.',
  }),
  'group.coordinator.append.linger.ms': int({
    default: -1,
    min: -1,
    noEffect: 'threads',
    doc: 'Milliseconds the group coordinator gathers records before it writes; -1 adapts to the load. Here the group commit gathers them.',
  }),
  'group.coordinator.background.threads': int({
    default: 2,
    min: 1,
    importance: 'high',
    noEffect: 'threads',
    doc: "Threads for the group coordinator's slow work, such as assignments.",
  }),
  'group.coordinator.cached.buffer.max.bytes': int({
    default: 1048588,
    min: 524288,
    dynamic: 'cluster-wide',
    noEffect: 'threads',
    doc: 'Most bytes of a write buffer the group coordinator keeps for reuse.',
  }),
  'group.coordinator.rebalance.protocols': list({
    default: ['classic', 'consumer', 'streams'],
    oneOf: ['consumer', 'classic', 'share', 'streams'],
    doc: 'Group protocols the broker serves.',
  }),
  'group.coordinator.threads': int({
    default: 4,
    min: 1,
    importance: 'high',
    noEffect: 'threads',
    doc: 'Threads that run the group coordinator.',
  }),
  'group.initial.rebalance.delay.ms': int({
    default: 3000,
    doc: 'Milliseconds an empty classic group waits for more members before its first rebalance. 0 starts at once; a deployment of many members saves rebalances with more.',
  }),
  'group.max.session.timeout.ms': int({
    default: 1800000,
    doc: 'Longest session timeout a member of a classic group may ask for, in milliseconds.',
  }),
  'group.max.size': int({
    default: 2147483647,
    min: 1,
    doc: 'Most members of a classic group; further ones are refused with GROUP_MAX_SIZE_REACHED.',
  }),
  'group.min.session.timeout.ms': int({
    default: 6000,
    doc: 'Shortest session timeout a member of a classic group may ask for, in milliseconds.',
  }),
  'offset.metadata.max.bytes': int({
    default: 4096,
    importance: 'high',
    doc: 'Most bytes of the text a client may store with a committed offset.',
  }),
  'offsets.commit.timeout.ms': int({
    default: 5000,
    min: 1,
    importance: 'high',
    noEffect: 'threads',
    doc: 'Milliseconds an offset commit may wait to be stored. Here it waits for the disk and nothing else.',
  }),
  'offsets.load.buffer.size': int({
    default: 5242880,
    min: 1,
    importance: 'high',
    noEffect: 'threads',
    doc: 'Bytes read at a time when committed offsets are loaded.',
  }),
  'offsets.retention.check.interval.ms': long({
    default: 600000,
    min: 1,
    importance: 'high',
    doc: 'How often expired committed offsets are looked for, in milliseconds.',
  }),
  'offsets.retention.minutes': int({
    default: 10080,
    min: 1,
    importance: 'high',
    doc: 'Minutes the committed offsets of a group without members are kept. A group that returns later starts anew.',
  }),
  'offsets.topic.compression.codec': int({
    default: 0,
    importance: 'high',
    noEffect: 'later',
    doc: 'Codec of the records in __consumer_offsets. They are stored uncompressed here.',
  }),
  'offsets.topic.num.partitions': int({
    default: 50,
    min: 1,
    importance: 'high',
    doc: 'Partitions of __consumer_offsets, which must not change once the topic exists.',
  }),
  'offsets.topic.replication.factor': short({
    default: 3,
    min: 1,
    importance: 'high',
    noEffect: 'nodes',
    doc: 'Replicas of __consumer_offsets; one on a single node.',
  }),
  'offsets.topic.segment.bytes': int({
    default: 104857600,
    min: 1,
    importance: 'high',
    doc: 'Size in bytes at which a segment of __consumer_offsets is closed.',
  }),
})
