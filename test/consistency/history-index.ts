/** A history looked up from all sides: who wrote a value, where it lies, who has seen it. */
import type { Operation, Poll, Read, Sent } from './history.ts'
import { RecordKeyIndex } from './record-key-index.ts'
import { recordKeyOf } from './topic.ts'

export interface Writer {
  readonly operation: Operation
  readonly sent: Sent
}

/** What is known of one key. */
export class KeyIndex {
  readonly writers = new Map<number, Writer>()
  /** Values by offset, from the broker's answers and from all reads. */
  readonly valuesAt = new Map<number, Set<number>>()
  readonly offsetsOf = new Map<number, Set<number>>()
  readonly seen = new Set<number>()
  readonly seenCommitted = new Set<number>()
  /** Of a compacted partition: the writes by record key. */
  readonly recordKeys = new Map<string, RecordKeyIndex>()
  /** Somebody asked for the deletion of what lies below. */
  deletedBefore = 0

  place(offset: number, value: number): void {
    addTo(this.valuesAt, offset, value)
    addTo(this.offsetsOf, value, offset)
  }

  addToRecordKey(recordKey: string | null, writer: Writer): void {
    if (recordKey === null) return
    const known = this.recordKeys.get(recordKey)
    if (known) known.add(writer)
    else this.recordKeys.set(recordKey, new RecordKeyIndex(this, writer))
  }

  firstOffsetOf(value: number): number | undefined {
    const offsets = this.offsetsOf.get(value)
    return offsets && Math.min(...offsets)
  }
}

export interface Sighting {
  readonly operation: Operation
  readonly poll: Poll
  readonly read: Read
}

export class HistoryIndex {
  readonly operations: readonly Operation[]
  readonly keys = new Map<number, KeyIndex>()

  constructor(operations: readonly Operation[]) {
    this.operations = operations
    for (const operation of operations) this.addWrites(operation)
    for (const { poll, read } of this.sightings()) {
      const key = this.key(poll.key)
      key.place(read.offset, read.value)
      key.seen.add(read.value)
      if (poll.isCommittedOnly) key.seenCommitted.add(read.value)
    }
  }

  private addWrites(operation: Operation): void {
    for (const sent of operation.sends) {
      const key = this.key(sent.key)
      if (key.writers.has(sent.value)) throw new Error(`${sent.key}:${sent.value} is sent twice`)
      key.writers.set(sent.value, { operation, sent })
      if (sent.offset !== undefined) key.place(sent.offset, sent.value)
      key.addToRecordKey(recordKeyOf(sent.key, sent.value), { operation, sent })
    }
    if (operation.what !== 'delete') return
    for (const id of operation.keys) {
      const key = this.key(id)
      key.deletedBefore = Math.max(key.deletedBefore, operation.before ?? 0)
    }
  }

  key(id: number): KeyIndex {
    const known = this.keys.get(id)
    if (known) return known
    const key = new KeyIndex()
    this.keys.set(id, key)
    return key
  }

  /** Every record that was read, whatever became of the operation. */
  *sightings(): Generator<Sighting> {
    for (const operation of this.operations) {
      for (const poll of operation.polls) {
        for (const read of poll.records) yield { operation, poll, read }
      }
    }
  }

  /** The value counts: it was acknowledged, or somebody has seen that it happened. */
  isCommitted({ operation, sent }: Writer): boolean {
    if (operation.what !== 'txn') {
      const isAcknowledged = operation.outcome === 'ok' || sent.offset !== undefined
      return isAcknowledged || this.key(sent.key).seen.has(sent.value)
    }
    if (operation.outcome !== 'info') return operation.outcome === 'ok'
    return operation.sends.some(({ key, value }) => this.key(key).seenCommitted.has(value))
  }
}

export function addTo<K, V>(map: Map<K, Set<V>>, key: K, value: V): void {
  const known = map.get(key)
  if (known) known.add(value)
  else map.set(key, new Set([value]))
}
