import type { CompressionTypes } from '../constants.ts'
import type { Offsets, PartitionMetadata } from './cluster.ts'
import type { ProducerEventMap, ProducerEvents } from './events.ts'
import type { Logger } from './logging.ts'

export interface IHeaders {
  [key: string]: Buffer | string | (Buffer | string)[] | undefined
}

export interface Message {
  key?: Buffer | string | null
  value: Buffer | string | null
  partition?: number
  headers?: IHeaders
  timestamp?: string
}

export interface PartitionerArgs {
  topic: string
  partitionMetadata: PartitionMetadata[]
  message: Message
}
export type ICustomPartitioner = () => (args: PartitionerArgs) => number
export type DefaultPartitioner = ICustomPartitioner
export type LegacyPartitioner = ICustomPartitioner

export interface TopicMessages {
  topic: string
  messages: Message[]
}

interface SendOptions {
  /** -1 all (default), 1 leader, 0 none. */
  acks?: number
  /** How long the brokers may take for the acknowledgement, in milliseconds. Default 30000. */
  timeout?: number
  compression?: CompressionTypes
}
export interface ProducerRecord extends SendOptions {
  topic: string
  messages: Message[]
}
export interface ProducerBatch extends SendOptions {
  topicMessages?: TopicMessages[]
}

export type RecordMetadata = {
  topicName: string
  partition: number
  errorCode: number
  offset?: string
  timestamp?: string
  baseOffset?: string
  logAppendTime?: string
  logStartOffset?: string
}

export type Sender = {
  send(record: ProducerRecord): Promise<RecordMetadata[]>
  sendBatch(batch: ProducerBatch): Promise<RecordMetadata[]>
}

export type Producer = Sender & {
  connect(): Promise<void>
  disconnect(): Promise<void>
  isIdempotent(): boolean
  readonly events: ProducerEvents
  on<N extends keyof ProducerEventMap>(
    eventName: N,
    listener: (event: ProducerEventMap[N]) => void,
  ): () => void
  transaction(): Promise<Transaction>
  logger(): Logger
}

export type Transaction = Sender & {
  sendOffsets(offsets: Offsets & { consumerGroupId: string }): Promise<void>
  commit(): Promise<void>
  abort(): Promise<void>
  isActive(): boolean
}
