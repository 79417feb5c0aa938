/**
 * How kafkajs's objects come from each other: what a call gives, what a member is, what an argument
 * or a value of an option has to be. Kinds are subjects of MIGRATIONS; with `[]` a list of them,
 * with `()` a function that is called with one.
 */

/** Names of packages with kafkajs's API. */
export const PACKAGES: ReadonlySet<unknown> = new Set(['kafkajs', '@ottla/kafkajs'])

/** The package itself, whose members are the subject `exports`. */
export const MODULE = 'exports'
/** The class, which `new` makes a `Kafka` of. */
export const KAFKA_CLASS = 'class Kafka'

/** By `kind.member`. */
export const MEMBERS: Readonly<Record<string, string>> = {
  'exports.default': MODULE,
  'exports.Kafka': KAFKA_CLASS,
  'Producer.events': 'ProducerEvents',
  'Consumer.events': 'ConsumerEvents',
  'Admin.events': 'AdminEvents',
  'EachMessagePayload.message': 'KafkaMessage',
  'EachBatchPayload.batch': 'Batch',
  'Batch.messages': 'KafkaMessage[]',
}

/** What a method gives, awaited or not. */
export const RESULTS: Readonly<Record<string, string>> = {
  'Kafka.producer': 'Producer',
  'Kafka.consumer': 'Consumer',
  'Kafka.admin': 'Admin',
  'Producer.transaction': 'Transaction',
  'Producer.send': 'RecordMetadata[]',
  'Producer.sendBatch': 'RecordMetadata[]',
  'Transaction.send': 'RecordMetadata[]',
  'Transaction.sendBatch': 'RecordMetadata[]',
}

/** First arguments of methods. */
export const ARGUMENTS: Readonly<Record<string, string>> = {
  'Kafka.producer': 'ProducerConfig',
  'Kafka.consumer': 'ConsumerConfig',
  'Kafka.admin': 'AdminConfig',
  'Producer.send': 'ProducerRecord',
  'Producer.sendBatch': 'ProducerBatch',
  'Transaction.send': 'ProducerRecord',
  'Transaction.sendBatch': 'ProducerBatch',
  'Consumer.subscribe': 'ConsumerSubscribeTopics',
  'Consumer.run': 'ConsumerRunConfig',
}

/** Values of options, by `kind.option`. */
export const VALUES: Readonly<Record<string, string>> = {
  'KafkaConfig.retry': 'RetryOptions',
  'KafkaConfig.sasl': 'SASLOptions',
  'ProducerConfig.retry': 'RetryOptions',
  'ConsumerConfig.retry': 'RetryOptions',
  'AdminConfig.retry': 'RetryOptions',
  'ProducerRecord.messages': 'Message[]',
  'ProducerBatch.topicMessages': 'TopicMessages[]',
  'TopicMessages.messages': 'Message[]',
  'ConsumerRunConfig.eachMessage': 'EachMessagePayload()',
  'ConsumerRunConfig.eachBatch': 'EachBatchPayload()',
}

/** Types that are named in annotations, where their name is not the subject's. */
export const TYPE_NAMES: Readonly<Record<string, string>> = {
  ConsumerSubscribeTopic: 'ConsumerSubscribeTopics',
  ConsumerEachMessagePayload: 'EachMessagePayload',
  ConsumerEachBatchPayload: 'EachBatchPayload',
  EachMessageHandler: 'EachMessagePayload()',
  EachBatchHandler: 'EachBatchPayload()',
  MessageSetEntry: 'KafkaMessage',
  RecordBatchEntry: 'KafkaMessage',
  Sender: 'Producer',
}

/** Methods of lists whose function is given an element, and those that give one back. */
export const WITH_ELEMENT: ReadonlySet<string> = new Set([
  ...['forEach', 'map', 'flatMap', 'filter', 'find', 'some', 'every'],
])
export const GIVE_ELEMENT: ReadonlySet<string> = new Set(['at', 'find', 'pop', 'shift'])
export const GIVE_LIST: ReadonlySet<string> = new Set(['filter', 'slice', 'reverse', 'concat'])

export const lookUp = (
  table: Readonly<Record<string, string>>,
  owner: string | undefined,
  name: string | undefined,
): string | undefined => {
  const key = `${owner}.${name}`
  return Object.hasOwn(table, key) ? table[key] : undefined
}

const without =
  (suffix: string) =>
  (kind: string | undefined): string | undefined =>
    kind?.endsWith(suffix) ? kind.slice(0, -suffix.length) : undefined

export const elementOf = without('[]')
export const argumentOf = without('()')
