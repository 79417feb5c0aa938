import { bool, className, defineConfig, int, list, long } from '@ottla/base'

/** Streams groups (KIP-1071). */
export const streamsGroupSettings = defineConfig({
  'group.streams.acceptable.recovery.lag': long({
    default: 10000,
    min: 0,
    internal: true,
    doc: 'Records a state store may be behind and still count as caught up.',
  }),
  'group.streams.assignment.interval.ms': int({
    default: 1000,
    min: 0,
    dynamic: 'cluster-wide',
    doc: 'Fewest milliseconds between two assignments of a streams group (KIP-1071).',
  }),
  'group.streams.assignor.offload.enable': bool({
    default: true,
    dynamic: 'cluster-wide',
    internal: true,
    noEffect: 'threads',
    doc: 'Whether streams group assignments are computed on a thread of their own.',
  }),
  'group.streams.assignors': list({
    default: ['sticky'],
    noEffect: 'java',
    doc: 'Assignors the broker offers to streams groups.',
  }),
  'group.streams.heartbeat.interval.ms': int({
    default: 5000,
    min: 1,
    doc: 'Milliseconds between two heartbeats that members of streams groups are told to keep.',
  }),
  'group.streams.initial.rebalance.delay.ms': int({
    default: 3000,
    min: 0,
    doc: 'Milliseconds an empty streams group waits for more members before tasks are assigned.',
  }),
  'group.streams.max.assignment.interval.ms': int({
    default: 15000,
    min: 0,
    doc: "Upper limit for a streams group's own assignment interval, in milliseconds.",
  }),
  'group.streams.max.heartbeat.interval.ms': int({
    default: 15000,
    min: 1,
    doc: "Upper limit for a streams group's own heartbeat interval, in milliseconds.",
  }),
  'group.streams.max.session.timeout.ms': int({
    default: 60000,
    min: 1,
    doc: "Upper limit for a streams group's own session timeout, in milliseconds.",
  }),
  'group.streams.max.size': int({
    default: 2147483647,
    min: 1,
    doc: 'Most members of a streams group.',
  }),
  'group.streams.max.standby.replicas': int({
    default: 2,
    min: 0,
    doc: "Upper limit for a streams group's own number of standby replicas.",
  }),
  'group.streams.max.warmup.replicas': int({
    default: 20,
    min: 0,
    internal: true,
    noEffect: 'later',
    doc: 'Upper limit for the warm-up replicas of a streams group.',
  }),
  'group.streams.min.assignment.interval.ms': int({
    default: 0,
    min: 0,
    doc: "Lower limit for a streams group's own assignment interval, in milliseconds.",
  }),
  'group.streams.min.heartbeat.interval.ms': int({
    default: 5000,
    min: 1,
    doc: "Lower limit for a streams group's own heartbeat interval, in milliseconds.",
  }),
  'group.streams.min.session.timeout.ms': int({
    default: 45000,
    min: 1,
    doc: "Lower limit for a streams group's own session timeout, in milliseconds.",
  }),
  'group.streams.min.task.offset.interval.ms': int({
    default: 15000,
    min: 1,
    internal: true,
    noEffect: 'later',
    doc: 'Lower limit for how often streams members report task offsets, in milliseconds.',
  }),
  'group.streams.num.standby.replicas': int({
    default: 0,
    min: 0,
    doc: 'Standby replicas of each stateful task of a streams group.',
  }),
  'group.streams.num.warmup.replicas': int({
    default: 2,
    min: 0,
    internal: true,
    noEffect: 'later',
    doc: 'Tasks of a streams group that may warm up elsewhere at the same time.',
  }),
  'group.streams.rack.aware.assignment.tags': list({
    default: [],
    importance: 'low',
    doc: 'Client tags by which standby replicas of streams groups are spread.',
  }),
  'group.streams.session.timeout.ms': int({
    default: 45000,
    min: 1,
    doc: 'Milliseconds of silence after which a member of a streams group is taken out.',
  }),
  'group.streams.task.offset.interval.ms': int({
    default: 60000,
    min: 1,
    internal: true,
    doc: 'Milliseconds between two reports of task offsets by streams members.',
  }),
  'group.streams.topology.description.plugin.class': className({
    default: null,
    noEffect: 'java',
    doc: 'Java class that stores descriptions of streams topologies.',
  }),
})
