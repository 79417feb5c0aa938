/** Options of kafkajs's objects and calls, and what takes their place. Times are milliseconds. */
import { renamed, SAME, subject } from './migration.ts'

const OF_KAFKA = ' of [Kafka], for all its clients'
const RETRIES = 'no number of retries: time is what ends them, '

export const OPTION_MIGRATIONS = {
  KafkaConfig: subject('A client and a topic', {
    brokers: {
      to: '[KafkaOptions.brokers], a list or text with commas; a function is called before',
    },
    ssl: { ...renamed('KafkaOptions.tls'), see: 'Logins and TLS' },
    sasl: {
      to: '[KafkaOptions.sasl], with mechanisms by their names in Kafka',
      see: 'Logins and TLS',
    },
    clientId: SAME,
    connectionTimeout: renamed('KafkaOptions.connectTimeoutMs', ' (default 10000, not 1000)'),
    authenticationTimeout: {
      to: 'no option of its own: [KafkaOptions.requestTimeoutMs] holds for each request of a login',
      see: 'Logins and TLS',
    },
    reauthenticationThreshold: {
      to: 'no counterpart: when to log in again is decided from what the broker says',
      see: 'Logins and TLS',
    },
    requestTimeout:
      '[KafkaOptions.requestTimeoutMs]; producers and consumers have an option of this name of ' +
      'their own',
    enforceRequestTimeout: 'no counterpart: [KafkaOptions.requestTimeoutMs] always holds',
    retry:
      'no counterpart: calls are retried for [KafkaOptions.apiTimeoutMs], records for ' +
      '[ProducerOptions.deliveryTimeoutMs]',
    socketFactory: {
      to: '[KafkaOptions.openSocket], which gives a connected stream; TLS is put over it',
      see: 'Logins and TLS',
    },
    logLevel: { to: 'no counterpart: levels are the business of the logger', see: 'Logging' },
    logCreator: {
      to: '[KafkaOptions.logger], an object with `debug`, `info`, `warn` and `error`',
      see: 'Logging',
    },
  }),

  RetryOptions: subject('Errors', {
    maxRetryTime:
      'how long to retry at all: [KafkaOptions.apiTimeoutMs] for calls, ' +
      '[ProducerOptions.deliveryTimeoutMs] for records',
    initialRetryTime: 'no counterpart: pauses begin at 100 ms, double, and end at 1 s (KIP-580)',
    factor: 'no counterpart: pauses vary by a fifth, as in KIP-580',
    multiplier: 'no counterpart: pauses double up to 1 s, as in KIP-580',
    retries: `${RETRIES}[KafkaOptions.apiTimeoutMs] and [ProducerOptions.deliveryTimeoutMs]`,
    restartOnFailure:
      'no counterpart: errors are thrown from the loop, and another loop around it goes on',
  }),

  SASLOptions: subject('Logins and TLS', {
    mechanism: 'in capitals as in Kafka: `PLAIN`, `SCRAM-SHA-256`, `SCRAM-SHA-512`, `OAUTHBEARER`',
    username: SAME,
    password: SAME,
    oauthBearerProvider: renamed('TokenLogin.token'),
    authorizationIdentity: 'no counterpart: for Amazon MSK there is [mskIam]',
    accessKeyId: '[AwsCredentials.accessKeyId] in [MskIamOptions.credentials] of [mskIam]',
    secretAccessKey: '[AwsCredentials.secretAccessKey] in [MskIamOptions.credentials] of [mskIam]',
    sessionToken: '[AwsCredentials.sessionToken] in [MskIamOptions.credentials] of [mskIam]',
    authenticationProvider:
      '[CustomLogin.exchange]: given what the broker said last, returns what to answer',
  }),

  ProducerConfig: subject('Producing', {
    createPartitioner:
      '[ProducerOptions.partitioner], which is told the key, the value and the number of ' +
      "partitions; without it keys are hashed as by kafkajs's default",
    retry: `${RETRIES}[ProducerOptions.deliveryTimeoutMs]`,
    metadataMaxAge: `[KafkaOptions.metadataMaxAgeMs]${OF_KAFKA}`,
    allowAutoTopicCreation: `[KafkaOptions.allowAutoTopicCreation]${OF_KAFKA}`,
    idempotent: renamed('ProducerOptions.idempotence', ' (default true, not false)'),
    transactionalId: SAME,
    transactionTimeout: renamed('ProducerOptions.transactionTimeoutMs'),
    maxInFlightRequests:
      '[ProducerOptions.maxInFlight], at most 5 with idempotence, which keeps the order (default ' +
      '5, not unlimited)',
  }),

  ConsumerConfig: subject('Consuming', {
    groupId: renamed('ConsumerOptions.group'),
    partitionAssigners:
      "[ConsumerOptions.assignors], by name or a [CustomAssignor]; members with kafkajs's " +
      "RoundRobinAssigner and members with ottla's assignors cannot be in one group",
    metadataMaxAge: `[KafkaOptions.metadataMaxAgeMs]${OF_KAFKA}`,
    sessionTimeout: renamed('ConsumerOptions.sessionTimeoutMs', ' (default 45000, not 30000)'),
    rebalanceTimeout: renamed(
      'ConsumerOptions.rebalanceTimeoutMs',
      ' (default [ConsumerOptions.maxPollIntervalMs], not 60000)',
    ),
    heartbeatInterval: renamed('ConsumerOptions.heartbeatIntervalMs'),
    maxBytesPerPartition: renamed('ConsumerOptions.maxPartitionFetchBytes'),
    minBytes: renamed('ConsumerOptions.fetchMinBytes'),
    maxBytes: renamed('ConsumerOptions.fetchMaxBytes', ' (default 52428800, not 10485760)'),
    maxWaitTimeInMs: renamed('ConsumerOptions.fetchMaxWaitMs', ' (default 500, not 5000)'),
    retry:
      '[RunOptions.retries] for handlers; otherwise the loop goes on by itself through what ' +
      'passes, and throws the rest',
    allowAutoTopicCreation: `[KafkaOptions.allowAutoTopicCreation]${OF_KAFKA}`,
    maxInFlightRequests: 'no counterpart: the client itself decides how many fetches are under way',
    readUncommitted:
      "[ConsumerOptions.isolationLevel]: 'read_committed' is what kafkajs does without this " +
      "option, 'read_uncommitted' is ottla's default",
    rackId: renamed('ConsumerOptions.rack'),
  }),

  AdminConfig: subject('Administration', {
    retry:
      'no counterpart: a call may take [KafkaOptions.apiTimeoutMs], or its own [AdminOptions.timeoutMs]',
  }),

  ConsumerSubscribeTopics: subject('Consuming', {
    topic: 'the first argument of [Consumer.subscribe] or [Consumer.run]',
    topics: 'the first argument of [Consumer.subscribe] or [Consumer.run]',
    fromBeginning:
      "[ConsumerOptions.from]: 'earliest' for true; a function where topics differ from each other",
  }),

  ConsumerRunConfig: subject('Consuming', {
    autoCommit: '[ConsumerOptions.autoCommit], when the consumer is made',
    autoCommitInterval:
      '[ConsumerOptions.autoCommitIntervalMs], when the consumer is made (default 5000, not after ' +
      'each batch)',
    autoCommitThreshold: 'no counterpart: [ConsumerBatch.commit] commits when you say so',
    eachBatchAutoResolve:
      'no counterpart: a batch is processed when the loop asks for the next one, and not when it ' +
      'was left by an error',
    partitionsConsumedConcurrently: '[RunOptions.concurrency] of [Consumer.run]',
    eachBatch:
      'the body of a loop: `for await (const batch of consumer.subscribe(topic))`; what it throws ' +
      'ends the loop',
    eachMessage:
      'the body of a loop: `for await (const record of consumer.subscribe(topic).records())`, or ' +
      'the handler of [Consumer.run]; what it throws ends the loop',
  }),

  ProducerRecord: subject('Producing', {
    topic: 'the first argument of [Producer.send]',
    messages: 'the second argument of [Producer.send]: a record, or a list of them',
    acks: '[ProducerOptions.acks], when the producer is made',
    timeout:
      '[ProducerOptions.requestTimeoutMs] for one request, [ProducerOptions.deliveryTimeoutMs] ' +
      'for all of them',
    compression: "[SendOptions.compression] by name, such as 'zstd', or the producer's",
  }),

  ProducerBatch: subject('Producing', {
    topicMessages: 'several calls of [Producer.send] at the same time: they share requests',
    acks: '[ProducerOptions.acks], when the producer is made',
    timeout:
      '[ProducerOptions.requestTimeoutMs] for one request, [ProducerOptions.deliveryTimeoutMs] ' +
      'for all of them',
    compression: "[SendOptions.compression] by name, such as 'zstd', or the producer's",
  }),

  TopicMessages: subject('Producing', {
    topic: 'the first argument of [Producer.send]',
    messages: 'the second argument of [Producer.send]',
  }),

  Message: subject('Producing', {
    key: SAME,
    value: SAME,
    partition: SAME,
    headers: SAME,
    timestamp: '[BytesRecord.timestamp], a number, bigint or Date; not text',
  }),
}
