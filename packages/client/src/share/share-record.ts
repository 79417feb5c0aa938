/** A record that this member holds for itself until it says what became of it. */
import { ConsumerRecord } from '../consumer/consumer-record.ts'
import type { RecordSegment } from '../consumer/record-segment.ts'
import type { RecordCursor } from '../records/record-cursor.ts'
import type { Acknowledgement, HeldRecords } from './held-records.ts'

export class ShareRecord<
  Name extends string = string,
  K = unknown,
  V = unknown,
> extends ConsumerRecord<Name, K, V> {
  /** How often the record was given out, this time included; 1 for the first. */
  readonly deliveryCount: number
  private readonly held: HeldRecords
  /** The offset once more, since marks are made by number. */
  private readonly at: number

  constructor(
    segment: RecordSegment,
    cursor: RecordCursor,
    parts: { readonly held: HeldRecords; readonly deliveryCount: number },
  ) {
    super(segment, cursor)
    this.held = parts.held
    this.at = segment.baseOffset + cursor.offsetDelta
    this.deliveryCount = parts.deliveryCount
  }

  /** It was processed, and nobody gets it again. */
  accept(): void {
    this.acknowledge('accept')
  }

  /** It was not processed, and is given out again, to this member or another. */
  release(): void {
    this.acknowledge('release')
  }

  /** It cannot be processed, and nobody gets it again. */
  reject(): void {
    this.acknowledge('reject')
  }

  /**
   * Processing goes on: with the next `commit` the lock holds for another full time (KIP-1222;
   * Kafka 4.2 and later). The record has to be acknowledged after that.
   */
  renew(): void {
    this.acknowledge('renew')
  }

  /** Takes effect with the next request to the broker; until then another word replaces it. */
  acknowledge(what: Acknowledgement): void {
    this.held.mark(this.at, what)
  }

  /** No answer has been given yet, apart from renewals. */
  get isHeld(): boolean {
    return this.held.isHeld(this.at)
  }
}
