/**
 * What a client measures: one row for each thing, and the numbers that come of it. Names are those
 * of the Java client's metrics (KIP-714), so that a broker's subscriptions fit both.
 */

/**
 * - `total`: since the client began; `sum` the same of the values;
 * - `rate` per second, `avg` and `max`: over the last 30 to 60 seconds.
 */
export type Statistic = 'total' | 'sum' | 'rate' | 'avg' | 'max' | 'value'

interface MetricRow {
  /** Behind `org.apache.kafka.`. */
  readonly name: string
  readonly statistics: readonly Statistic[]
  readonly doc: string
}

export const METRICS = {
  producerConnections: {
    name: 'producer.connection.creation',
    statistics: ['total', 'rate'],
    doc: 'Connections that producers have made.',
  },
  producerRequests: {
    name: 'producer.node.request.latency',
    statistics: ['avg', 'max'],
    doc: 'Milliseconds until a broker answers a producer, by broker.',
  },
  recordsSent: {
    name: 'producer.record.send',
    statistics: ['sum', 'rate'],
    doc: 'Records that were stored.',
  },
  bytesSent: {
    name: 'producer.outgoing.byte',
    statistics: ['sum', 'rate'],
    doc: 'Bytes of the batches that were stored, compressed.',
  },
  recordErrors: {
    name: 'producer.record.error',
    statistics: ['sum', 'rate'],
    doc: 'Records that could not be stored.',
  },
  recordRetries: {
    name: 'producer.record.retry',
    statistics: ['sum', 'rate'],
    doc: 'Records that were sent again.',
  },
  queueTime: {
    name: 'producer.record.queue.time',
    statistics: ['avg', 'max'],
    doc: 'Milliseconds that batches waited before they were sent.',
  },
  produceThrottle: {
    name: 'producer.produce.throttle.time',
    statistics: ['avg', 'max'],
    doc: 'Milliseconds that brokers held answers to producers back for a quota.',
  },
  consumerConnections: {
    name: 'consumer.connection.creation',
    statistics: ['total', 'rate'],
    doc: 'Connections that consumers have made.',
  },
  consumerRequests: {
    name: 'consumer.node.request.latency',
    statistics: ['avg', 'max'],
    doc: 'Milliseconds until a broker answers a consumer, by broker.',
  },
  pollIdle: {
    name: 'consumer.poll.idle.ratio',
    statistics: ['avg'],
    doc: 'Share of the time that the loop waits for records instead of working on them.',
  },
  fetchLatency: {
    name: 'consumer.fetch.manager.fetch.latency',
    statistics: ['avg', 'max'],
    doc: 'Milliseconds until a fetch is answered.',
  },
  recordsConsumed: {
    name: 'consumer.fetch.manager.records.consumed',
    statistics: ['sum', 'rate'],
    doc: 'Records that loops and handlers were given.',
  },
  commitLatency: {
    name: 'consumer.coordinator.commit.latency',
    statistics: ['avg', 'max'],
    doc: 'Milliseconds until offsets are committed.',
  },
  rebalanceLatency: {
    name: 'consumer.coordinator.rebalance.latency',
    statistics: ['avg', 'max', 'sum'],
    doc: 'Milliseconds that joining a group and taking partitions over has taken.',
  },
  rebalances: {
    name: 'consumer.coordinator.rebalance',
    statistics: ['total'],
    doc: 'How often partitions were given or taken by a group.',
  },
  assignedPartitions: {
    name: 'consumer.coordinator.assigned.partitions',
    statistics: ['value'],
    doc: 'Partitions that consumers hold now.',
  },
} as const satisfies Record<string, MetricRow>

export type MetricName = keyof typeof METRICS
export const METRIC_NAMES = Object.keys(METRICS) as MetricName[]
