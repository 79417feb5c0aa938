export { Kafka, type KafkaOptions } from './kafka.ts'
export { Producer } from './producer/producer.ts'
export { defineTopic } from './serde/topic.ts'
