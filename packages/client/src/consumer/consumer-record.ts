/**
 * One record as a consumer sees it: a position in a batch, read on demand. A loop that looks at
 * values only never builds keys, headers or bigints.
 *
 * Keys and values that are bytes are views of the fetched batch and keep all of it in memory: copy
 * what must outlive the loop, or take `detach()`.
 *
 * HOT: guarded by bench/macro/client-speed.ts
 */

import { SerializationError } from '../errors.ts'
import { type RecordCursor, type RecordHeader, readHeaders } from '../records/record-cursor.ts'
import type { RecordSegment } from './record-segment.ts'

export class ConsumerRecord<Name extends string = string, K = unknown, V = unknown> {
  private readonly segment: RecordSegment
  private readonly offsetDelta: number
  private readonly timestampDelta: number
  private readonly keyStart: number
  private readonly keySize: number
  private readonly valueStart: number
  private readonly valueSize: number

  constructor(segment: RecordSegment, cursor: RecordCursor) {
    this.segment = segment
    this.offsetDelta = cursor.offsetDelta
    this.timestampDelta = cursor.timestampDelta
    this.keyStart = cursor.keyStart
    this.keySize = cursor.keySize
    this.valueStart = cursor.valueStart
    this.valueSize = cursor.valueSize
  }

  get topic(): Name {
    return this.segment.topic.name as Name
  }

  get partition(): number {
    return this.segment.partition
  }

  get offset(): bigint {
    return BigInt(this.segment.baseOffset + this.offsetDelta)
  }

  /** Milliseconds since 1970: of the producer, or of the broker where the topic says so. */
  get timestamp(): bigint {
    const { logAppendTime, baseTimestamp } = this.segment
    return BigInt(logAppendTime ?? baseTimestamp + this.timestampDelta)
  }

  /** Epoch of the leader that appended the record. */
  get leaderEpoch(): number {
    return this.segment.leaderEpoch
  }

  get key(): K {
    return this.decode('key', this.keyBytes) as K
  }

  get value(): V {
    return this.decode('value', this.valueBytes) as V
  }

  /** The key as it lies in the batch. */
  get keyBytes(): Buffer | null {
    if (this.keySize < 0) return null
    return this.segment.view(this.keyStart, this.keySize)
  }

  /** The value as it lies in the batch. */
  get valueBytes(): Buffer | null {
    if (this.valueSize < 0) return null
    return this.segment.view(this.valueStart, this.valueSize)
  }

  /** All headers in order; a name may occur more than once. */
  get headers(): RecordHeader[] {
    return readHeaders(this.segment.bytes, this.valueStart + Math.max(0, this.valueSize))
  }

  private decode(part: 'key' | 'value', bytes: Buffer | null): unknown {
    try {
      return this.segment.topic[part].deserialize(bytes)
    } catch (error) {
      const where = `The ${part} at partition ${this.partition}, offset ${this.offset}`
      throw new SerializationError(this.topic, where, error)
    }
  }

  /** Plain values, independent of the batch. */
  detach(): {
    topic: Name
    partition: number
    offset: bigint
    timestamp: bigint
    key: Buffer | null
    value: Buffer | null
    headers: RecordHeader[]
  } {
    const copy = (bytes: Buffer | null) => (bytes === null ? null : Buffer.from(bytes))
    return {
      topic: this.topic,
      partition: this.partition,
      offset: this.offset,
      timestamp: this.timestamp,
      key: copy(this.keyBytes),
      value: copy(this.valueBytes),
      headers: this.headers.map(({ key, value }) => ({ key, value: copy(value) })),
    }
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return `ConsumerRecord(${this.topic}-${this.partition}@${this.offset})`
  }
}
