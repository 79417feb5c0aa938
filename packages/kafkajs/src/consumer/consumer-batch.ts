/** The engine's batch as kafkajs's. */
import type { ConsumerRecord, ConsumerBatch as EngineBatch } from '@ottla/client'
import type { Batch, KafkaMessage } from '../types/consumer.ts'
import type { IHeaders } from '../types/producer.ts'

function headersOf(record: ConsumerRecord): IHeaders {
  const headers: IHeaders = {}
  for (const { key, value } of record.headers) {
    const one = value as Buffer
    const before = Object.hasOwn(headers, key) ? headers[key] : undefined
    if (before === undefined) headers[key] = one
    else headers[key] = Array.isArray(before) ? [...before, one] : [before, one]
  }
  return headers
}

function messageOf(record: ConsumerRecord): KafkaMessage {
  return {
    magicByte: 2,
    attributes: 0,
    timestamp: String(record.timestamp),
    offset: String(record.offset),
    key: record.keyBytes,
    value: record.valueBytes,
    headers: headersOf(record),
    isControlRecord: false,
  } as KafkaMessage
}

export class ConsumerBatch implements Batch {
  readonly topic: string
  readonly partition: number
  readonly highWatermark: string
  readonly messages: KafkaMessage[]
  readonly fetchedOffset: string
  /** Behind the batch, records that were filtered out included. */
  readonly nextOffset: bigint

  constructor(batch: EngineBatch) {
    this.topic = batch.topic
    this.partition = batch.partition
    this.highWatermark = String(batch.highWatermark)
    this.fetchedOffset = String(batch.firstOffset)
    this.nextOffset = batch.nextOffset
    this.messages = Array.from(batch, messageOf)
  }

  get rawMessages(): KafkaMessage[] {
    return this.messages
  }

  isEmpty(): boolean {
    return this.messages.length === 0
  }

  firstOffset(): string | null {
    return this.messages[0]?.offset ?? null
  }

  lastOffset(): string {
    return String(this.nextOffset - 1n)
  }

  /** Records behind the last of this batch. */
  offsetLag(): string {
    return String(BigInt(this.highWatermark) - this.nextOffset)
  }

  /** Records behind the first of this batch. */
  offsetLagLow(): string {
    const first = this.firstOffset()
    return first === null ? '0' : String(BigInt(this.highWatermark) - 1n - BigInt(first))
  }
}
