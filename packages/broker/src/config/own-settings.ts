import { bool, defineConfig, int, nullableText, password, text } from '@ottla/base'

/** Settings that Apache Kafka does not have. */
export const ownSettings = defineConfig({
  'flush.policy': text({
    default: 'fsync',
    oneOf: ['fsync', 'os'],
    own: true,
    importance: 'high',
    doc: 'When a record counts as written: fsync answers after fdatasync, os leaves the flush to the operating system as Apache Kafka does and can lose acknowledged records in a power cut.',
  }),
  'release.version': text({
    default: '4.4',
    oneOf: ['4.0', '4.1', '4.2', '4.3', '4.4'],
    own: true,
    importance: 'high',
    doc: 'Oldest release of Apache Kafka that shall be able to open a directory made now: a fresh directory gets the feature levels of that release, as with kafka-storage format --release-version. A directory that exists keeps its own.',
  }),
  'insecure.listeners.allow': bool({
    default: false,
    own: true,
    importance: 'high',
    doc: 'Permits listeners on addresses other than loopback without TLS and authentication.',
  }),
  'client.telemetry.otlp.endpoint': nullableText({
    default: null,
    own: true,
    doc: "URL that takes the metrics clients push (KIP-714) as OTLP over HTTP, such as a collector's http://127.0.0.1:4318/v1/metrics. Clients are offered to push only when it is set.",
  }),
  'archive.url': nullableText({
    default: null,
    own: true,
    doc: 'Where segments of tiered topics are archived: file:///path of a directory, or s3://bucket with a prefix behind it if need be. Needed when remote.log.storage.system.enable is true.',
  }),
  'archive.cache.bytes.max': int({
    default: 134_217_728,
    min: 8_388_608,
    own: true,
    doc: 'Memory for what was read from the archive and what is read ahead of its readers.',
  }),
  'archive.s3.endpoint': nullableText({
    default: null,
    own: true,
    doc: "URL of an S3-compatible server; without it Amazon's for the region.",
  }),
  'archive.s3.region': text({
    default: 'us-east-1',
    own: true,
    doc: 'Region of the bucket; servers other than Amazon take any.',
  }),
  'archive.s3.path.style.access': bool({
    default: false,
    own: true,
    doc: 'Whether the bucket is named in the path instead of the host name, as most servers other than Amazon want it.',
  }),
  'archive.s3.access.key.id': nullableText({
    default: null,
    own: true,
    doc: "Access key of the bucket; without it the environment's and the machine's own credentials are used, as the AWS tools do.",
  }),
  'archive.s3.secret.access.key': password({
    default: null,
    own: true,
    doc: 'Secret that belongs to the access key of the bucket.',
  }),
  'archive.s3.request.timeout.ms': int({
    default: 60_000,
    min: 100,
    own: true,
    doc: 'Milliseconds without an answer or any progress after which a request to the bucket has failed.',
  }),
  'rlmm.config.remote.log.metadata.topic.num.partitions': int({
    default: 50,
    min: 1,
    own: true,
    doc: "Partitions of the topic that lists what is archived. The name is that of Apache Kafka's plugin, and both must agree.",
  }),
  'metrics.port': int({
    default: -1,
    min: -1,
    max: 65535,
    own: true,
    doc: 'Loopback port of /healthz and /metrics; 0 takes a free one, -1 opens none.',
  }),
  'in.flight.bytes.max': int({
    default: 33_554_432,
    min: 65_536,
    own: true,
    doc: 'Bytes of requests in progress and unsent responses per connection before reading pauses.',
  }),
  'tail.cache.bytes.max': int({
    default: 67_108_864,
    min: 0,
    own: true,
    doc: 'Memory for recently appended batches, from which consumers at the tail are served.',
  }),
  'open.files.max': int({
    default: 1000,
    min: 16,
    own: true,
    doc: 'Segment files held open at a time.',
  }),
  'frame.arrival.ms.max': int({
    default: 30_000,
    min: 1000,
    own: true,
    doc: 'A connection whose request stands still half-sent for this long is closed.',
  }),
  'partitions.max': int({
    default: 100_000,
    min: 1,
    own: true,
    doc: 'Partitions this broker holds at most.',
  }),
})

/**
 * Defaults that differ from Apache Kafka's, because one node cannot replicate, loopback is the only
 * safe place to listen without being told, and nobody wants to wait for the first rebalance.
 */
export const ownDefaults: Readonly<Record<string, unknown>> = {
  'node.id': 1,
  'process.roles': ['broker', 'controller'],
  listeners: ['PLAINTEXT://127.0.0.1:9092'],
  'socket.listen.backlog.size': 511,
  'offsets.topic.replication.factor': 1,
  'transaction.state.log.replication.factor': 1,
  'transaction.state.log.min.isr': 1,
  'share.coordinator.state.topic.replication.factor': 1,
  'share.coordinator.state.topic.min.isr': 1,
  'group.initial.rebalance.delay.ms': 0,
  'group.consumer.assignment.interval.ms': 0,
  'group.share.assignment.interval.ms': 0,
  'group.streams.initial.rebalance.delay.ms': 0,
  'group.streams.assignment.interval.ms': 0,
  'max.connections': 4000,
  'max.connections.per.ip': 4000,
}
