/** Methods of kafkajs's objects and what they hand out, and what takes their place. */
import { renamed, SAME, subject } from './migration.ts'

const NO_EVENTS = 'no events, but options that are told; each event has an answer of its own'
const NO_CONNECT = 'nothing: connections are opened when they are needed'
const LOGGER = { to: 'the [KafkaOptions.logger] that was given', see: 'Logging' } as const
const CLOSE = 'Ending gracefully'
const ON = { to: NO_EVENTS, see: 'What was events' } as const

const CLIENT_EVENTS = {
  CONNECT: 'nothing: there is no moment at which a client is connected',
  DISCONNECT: 'the end of `close()`',
  REQUEST: '[KafkaOptions.onRequest]',
  REQUEST_TIMEOUT: '[KafkaOptions.onRequest], whose report says [RequestReport.hasTimedOut]',
  REQUEST_QUEUE_SIZE: '[RequestReport.inFlight] of [KafkaOptions.onRequest]',
}

const SEND =
  '[Producer.send(topic, records)]: a promise for each call, with [RecordMetadata] or [SentRecords]'
const SEND_BATCH = 'several calls of [Producer.send] at the same time: they share requests'

export const API_MIGRATIONS = {
  Kafka: subject('What changes', {
    producer: SAME,
    consumer:
      "[Kafka.consumer], whose defaults are Java's: `isolationLevel: 'read_committed'` keeps " +
      "kafkajs's, and its assignors form groups of their own",
    admin: '[Kafka.admin], an object and no call',
    logger: LOGGER,
  }),

  Producer: subject('Producing', {
    connect: NO_CONNECT,
    disconnect: { ...renamed('Producer.close', ', or `await using`'), see: CLOSE },
    send: SEND,
    sendBatch: SEND_BATCH,
    isIdempotent: 'nothing: it is what [ProducerOptions.idempotence] says (default true)',
    events: ON,
    on: ON,
    transaction: {
      to: '[Producer.transaction] with a function: it commits at its end, aborts when it throws',
      see: 'Transactions',
    },
    logger: LOGGER,
  }),

  Transaction: subject('Transactions', {
    send: '[Transaction.send(topic, records)], which need not be awaited',
    sendBatch: 'several calls of [Transaction.send]',
    sendOffsets:
      '[Producer.transform] for reading, writing and committing in one, or ' +
      '[Transaction.commitOffsets] with the consumer',
    commit: 'the end of the function given to [Producer.transaction]',
    abort: 'an error thrown from the function given to [Producer.transaction]',
    isActive: 'nothing: the function runs while it is; [Transaction.fault] says why it must end',
  }),

  Consumer: subject('Consuming', {
    connect: NO_CONNECT,
    disconnect: { ...renamed('Consumer.close', ', or `await using`'), see: CLOSE },
    subscribe: '[Consumer.subscribe(topics)], whose result is looped over: that is the run',
    stop: { to: '`break`, or the [IterationOptions.signal] given to the loop', see: CLOSE },
    run: 'a loop over [Consumer.subscribe], or [Consumer.run] with topics and a handler',
    commitOffsets: '[Consumer.commit], with offsets as number or bigint',
    seek: '[Consumer.seek(partition, offset)], with a bigint; works while the loop runs',
    describeGroup: { to: '[Admin.describeGroups]', see: 'Administration' },
    pause: '[Consumer.pause] with partitions, or all without an argument',
    paused: '[PartitionPosition.isPaused] of [Consumer.assignment]',
    resume: '[Consumer.resume] with partitions, or all without an argument',
    on: ON,
    events: ON,
    logger: LOGGER,
  }),

  EachMessagePayload: subject('Consuming', {
    topic: '[ConsumerRecord.topic]',
    partition: '[ConsumerRecord.partition]',
    message: 'the record of the loop or of the handler, a [ConsumerRecord]',
    heartbeat: 'nothing: heartbeats go on while handlers work',
    pause: '[Consumer.pause] and [Consumer.resume]',
  }),

  EachBatchPayload: subject('Consuming', {
    batch: 'the batch of the loop, a [ConsumerBatch]',
    resolveOffset: '[Consumer.commit] with a part of the batch; its offset is the next to read',
    heartbeat: 'nothing: heartbeats go on while handlers work',
    pause: '[Consumer.pause] and [Consumer.resume]',
    commitOffsetsIfNecessary: '[ConsumerBatch.commit], or [Consumer.commit]',
    uncommittedOffsets:
      '[PartitionPosition.position] and [PartitionPosition.committed] of [Consumer.assignment]',
    isRunning: 'the [IterationOptions.signal] given to the loop',
    isStale: 'nothing: [ConsumerOptions.onPartitionsRevoked] tells before partitions go',
  }),

  Batch: subject('Consuming', {
    topic: SAME,
    partition: SAME,
    highWatermark: '[ConsumerBatch.highWatermark], a bigint and not text',
    messages: 'the batch itself: `for (const record of batch)`, and [ConsumerBatch.count]',
    isEmpty: '[ConsumerBatch.count] is 0',
    firstOffset: '[ConsumerBatch.firstOffset], a bigint and no call',
    lastOffset: '[ConsumerBatch.nextOffset], one more, a bigint and no call',
    offsetLag: '[PartitionPosition.lag] of [Consumer.assignment], or [Consumer.lag]',
    offsetLagLow: '[PartitionPosition.lag] of [Consumer.assignment], or [Consumer.lag]',
  }),

  KafkaMessage: subject('Consuming', {
    key: SAME,
    value: SAME,
    timestamp: '[ConsumerRecord.timestamp], a bigint and not text',
    attributes: 'no counterpart: no broker gives it a meaning',
    offset: '[ConsumerRecord.offset], a bigint and not text',
    headers: '[ConsumerRecord.headers], a list of [RecordHeader] in their order, with duplicates',
    size: 'no counterpart: records of Kafka since 0.11 do not carry it',
  }),

  RecordMetadata: subject('Producing', {
    topicName: renamed('RecordMetadata.topic'),
    partition: SAME,
    errorCode: 'nothing: what was not stored rejects the promise',
    offset: '[RecordMetadata.offset], a bigint and not text',
    baseOffset: '[RecordMetadata.offset] of each record, a bigint and not text',
    timestamp: '[RecordMetadata.logAppendTime], a number',
    logAppendTime: '[RecordMetadata.logAppendTime], a number, undefined where the client said it',
    logStartOffset: '[RecordMetadata.logStartOffset], a bigint and not text',
  }),

  Admin: subject('Administration', {
    connect: NO_CONNECT,
    disconnect: 'nothing: [Kafka.close] closes what admin calls have opened',
    listTopics:
      '[Admin.listTopics], with descriptions in place of names, and internal topics only on demand',
    createTopics: '[Admin.createTopics(topics, options)]; one that exists is an error',
    deleteTopics: '[Admin.deleteTopics(topics, options)]',
    createPartitions: '[Admin.createPartitions(topics, options)]',
    fetchTopicMetadata: '[Admin.describeTopics], or [Admin.listTopics] for all',
    fetchOffsets: '[Admin.listGroupOffsets], without partitions that have no offset',
    fetchTopicOffsets: "[Admin.listOffsets] at 'earliest' and 'latest'",
    fetchTopicOffsetsByTimestamp: '[Admin.listOffsets] at a time',
    describeCluster: '[Admin.describeCluster], whose brokers have an id in place of a nodeId',
    setOffsets: '[Admin.alterGroupOffsets]',
    resetOffsets: '[Admin.listOffsets] and [Admin.alterGroupOffsets] with what it found',
    describeConfigs: '[Admin.describeConfigs(resources, options)], with types by name',
    alterConfigs:
      '[Admin.incrementalAlterConfigs], which leaves other settings as they are; alterConfigs of ' +
      'kafkajs resets them',
    listGroups: '[Admin.listGroups], a list',
    deleteGroups: '[Admin.deleteGroups]; [ItemOptions.perItem] gives a result for each',
    describeGroups: '[Admin.describeGroups], a list, with assignments decoded',
    describeAcls: '[Admin.describeAcls], a list, with types by name',
    deleteAcls: '[Admin.deleteAcls(filters)], with types by name',
    createAcls: '[Admin.createAcls(acls)], with types by name',
    deleteTopicRecords: '[Admin.deleteRecords], each partition with [RecordsToDelete.before]',
    alterPartitionReassignments: '[Admin.alterPartitionReassignments], a list of partitions',
    listPartitionReassignments: '[Admin.listPartitionReassignments], a list',
    logger: LOGGER,
    on: ON,
    events: ON,
  }),

  ProducerEvents: subject('What was events', CLIENT_EVENTS),
  AdminEvents: subject('What was events', CLIENT_EVENTS),
  ConsumerEvents: subject('What was events', {
    ...CLIENT_EVENTS,
    HEARTBEAT: "[ConsumerOptions.onGroupEvent] of type 'heartbeat'",
    COMMIT_OFFSETS:
      '[ConsumerCommittedEvent] on `node:diagnostics_channel`, or [PartitionPosition.committed]',
    GROUP_JOIN:
      "[ConsumerOptions.onGroupEvent] of type 'joined', and " +
      '[ConsumerOptions.onPartitionsAssigned]',
    FETCH_START: 'nothing that is told; [KafkaOptions.onRequest] is told of each fetch',
    FETCH: '[KafkaOptions.onRequest], told of each fetch',
    START_BATCH_PROCESS: 'the beginning of the body of the loop',
    END_BATCH_PROCESS: 'the end of the body of the loop',
    STOP: 'the end of the loop',
    CRASH: 'what the loop throws',
    REBALANCING:
      "[ConsumerOptions.onGroupEvent] of type 'rebalancing', and " +
      '[ConsumerOptions.onPartitionsRevoked]',
    RECEIVED_UNSUBSCRIBED_TOPICS: 'no counterpart',
  }),
}
