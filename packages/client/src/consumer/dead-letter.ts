/**
 * Records that a handler could not process, for a dead-letter topic: key, value and headers as they
 * were, and headers that say where the record came from and why. The headers have the names that
 * Kafka's own dead-letter queues for share groups use (KIP-1191).
 */
import { messageOf } from '@ottla/base'
import type { BytesRecord } from '../producer/producer-record.ts'
import type { HeaderValue } from '../producer/record-headers.ts'
import type { ConsumerRecord } from './consumer-record.ts'

const MESSAGE_LENGTH_MAX = 1_000

/** What became of a record before it was given up. */
export interface Failure {
  readonly group: string | undefined
  /** How often the handler was called with it. */
  readonly attempts: number
  readonly error: unknown
}

export function deadLetterOf(record: ConsumerRecord, failure: Failure): BytesRecord {
  const { group, attempts, error } = failure
  const headers: Record<string, HeaderValue[]> = {}
  for (const { key, value } of record.headers) headers[key] = [...(headers[key] ?? []), value]
  const add = (name: string, value: string) => {
    headers[`__dlq.errors.${name}`] = [value]
  }
  add('topic', record.topic)
  add('partition', String(record.partition))
  add('offset', String(record.offset))
  if (group !== undefined) add('group', group)
  add('delivery.count', String(attempts))
  add('message', messageOf(error).slice(0, MESSAGE_LENGTH_MAX))
  const { keyBytes: key, valueBytes: value, timestamp } = record
  return { key, value, timestamp, headers }
}
