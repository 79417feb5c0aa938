/** What producers publish on `node:diagnostics_channel`, for interceptors, metrics and traces. */
import { channel } from 'node:diagnostics_channel'
import type { ProducerRecord } from './producer-record.ts'

/**
 * `ottla:producer:send`: a record before it is encoded. A subscriber may put another one in its
 * place, as `ProducerInterceptor.onSend` of the Java client; what it throws is not the producer's.
 */
export interface ProducerSendEvent {
  readonly topic: string
  record: ProducerRecord<unknown, unknown>
}

interface OfBatch {
  readonly topic: string
  readonly partition: number
  /** Records in the batch. */
  readonly count: number
}

/** `ottla:producer:stored`: a batch that the broker has acknowledged. */
export interface ProducerStoredEvent extends OfBatch {
  /** Of the batch as it was sent, compressed. */
  readonly bytes: number
  /** Offset of its first record; -1 when the broker did not say. */
  readonly baseOffset: number
}

/** `ottla:producer:failed`: a batch that is given up. */
export interface ProducerFailedEvent extends OfBatch {
  readonly error: Error
}

type AnyRecord = ProducerRecord<unknown, unknown>

const SEND = channel('ottla:producer:send')
const STORED = channel('ottla:producer:stored')
const FAILED = channel('ottla:producer:failed')

/** The records as interceptors leave them. */
export function intercepted(topic: string, records: readonly AnyRecord[]): readonly AnyRecord[] {
  if (!SEND.hasSubscribers) return records
  return records.map((record) => {
    const event: ProducerSendEvent = { topic, record }
    SEND.publish(event)
    return event.record
  })
}

export function publishStored(event: () => ProducerStoredEvent): void {
  if (STORED.hasSubscribers) STORED.publish(event())
}

export function publishFailed(event: () => ProducerFailedEvent): void {
  if (FAILED.hasSubscribers) FAILED.publish(event())
}
