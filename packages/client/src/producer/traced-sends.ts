/** Records on their way through a tracing library: headers are added, and the end is told. */
import type { Tracing } from '../tracing/tracing.ts'
import type { ProducerRecord } from './producer-record.ts'
import type { RecordMetadata, SentRecords } from './send-operation.ts'

type AnyRecord = ProducerRecord<unknown, unknown>

interface TracedRecords {
  /** The records with the headers that carry the trace. */
  readonly records: readonly AnyRecord[]
  /** Tells the traces what becomes of the records. */
  follow(sent: Promise<RecordMetadata | SentRecords>): void
  /** Nobody will be told: the traces end here. */
  leave(): void
}

export function traceSends(
  tracing: Tracing,
  topic: string,
  records: readonly AnyRecord[],
): TracedRecords {
  const sends = records.map((record) => tracing.send(topic, record))
  return {
    records: records.map((record, i) => ({
      ...record,
      headers: { ...record.headers, ...sends[i]?.headers },
    })),
    follow: (sent) => {
      sent.then(
        (result) => {
          sends.forEach((send, i) => {
            send.stored('at' in result ? result.at(i) : result)
          })
        },
        (error: unknown) => {
          for (const send of sends) send.failed(error)
        },
      )
    },
    leave: () => {
      for (const send of sends) send.queued()
    },
  }
}
