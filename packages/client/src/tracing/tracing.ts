/** What a client tells a tracing library, which may be any; `@ottla/opentelemetry` serves one. */
import type { ConsumerBatch } from '../consumer/consumer-batch.ts'
import type { ConsumerRecord } from '../consumer/consumer-record.ts'
import type { ProducerRecord } from '../producer/producer-record.ts'
import type { RecordMetadata } from '../producer/send-operation.ts'

/** A record on its way to the broker. */
export interface TracedSend {
  /** Headers to add, which carry the trace to whoever reads the record. */
  readonly headers: Readonly<Record<string, string>>
  /** The record is stored. */
  stored(metadata: RecordMetadata): void
  failed(error: unknown): void
  /** The record was enqueued: what becomes of it is not told record by record. */
  queued(): void
}

export interface Tracing {
  /** Called with each record before it is encoded. */
  send(topic: string, record: ProducerRecord<unknown, unknown>): TracedSend
  /** Called with each batch that a loop over batches or records is given. */
  receive(group: string | undefined, batch: ConsumerBatch): void
  /**
   * Calls the handler of `Consumer.run`, retries included, or of `ShareConsumer.run` for a record,
   * and returns its result.
   */
  process<T>(
    group: string | undefined,
    record: ConsumerRecord,
    handler: () => Promise<T>,
  ): Promise<T>
}
