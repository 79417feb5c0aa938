/** Tells where records went: each of the first few, then a sum per partition. */
import type { BytesRecord, RecordMetadata, SentRecords } from '@ottla/client'
import type { OutputFormat } from '../connection.ts'
import { toJson } from '../printer.ts'
import type { Terminal } from '../terminal.ts'
import { formatBytes, formatCount, formatTimeOfDay } from '../text/quantity.ts'
import { shownText } from './record-bytes.ts'

/** More than this many records are summed up instead of listed. */
const LISTED_MAX = 10

interface PartitionSum {
  first: bigint
  last: bigint
  count: number
  bytes: number
}

export class ProduceReport {
  private readonly topic: string
  private readonly out: Terminal
  private readonly format: OutputFormat
  private readonly partitions = new Map<number, PartitionSum>()
  private readonly startMs = performance.now()
  private count = 0
  private bytes = 0

  constructor(topic: string, out: Terminal, format: OutputFormat) {
    this.topic = topic
    this.out = out
    this.format = format
  }

  sent(record: BytesRecord, places: SentRecords): Promise<void> {
    return this.sentMany([record], places)
  }

  async sentMany(records: readonly BytesRecord[], places: SentRecords): Promise<void> {
    let i = 0
    for (const place of places) {
      const record = records[i++]
      if (record) await this.add(record, place)
    }
    if (this.count <= LISTED_MAX) return
    this.out.showProgress(`${formatCount(this.count)} records, ${formatBytes(this.bytes)}`)
  }

  private async add(record: BytesRecord, place: RecordMetadata): Promise<void> {
    const size = sizeOf(record.value)
    this.count++
    this.bytes += size
    const sum = this.partitions.get(place.partition)
    if (!sum) {
      const { offset } = place
      this.partitions.set(place.partition, { first: offset, last: offset, count: 1, bytes: size })
    } else {
      if (place.offset < sum.first) sum.first = place.offset
      if (place.offset > sum.last) sum.last = place.offset
      sum.count++
      sum.bytes += size
    }
    if (this.format === 'jsonl') {
      const { topic, partition, offset } = place
      await this.out.line(toJson({ topic, partition, offset }))
    } else if (this.format === 'table' && this.count <= LISTED_MAX) {
      await this.out.line(this.describe(record, place, size))
    }
  }

  /** `orders[3] @0   key 42   38 B   12:01:44.013` */
  private describe(record: BytesRecord, place: RecordMetadata, size: number): string {
    const where = `${this.topic}[${place.partition}]${place.offset < 0n ? '' : ` @${place.offset}`}`
    const key = record.key
    const shown = typeof key === 'string' ? key : shownText(key ?? null)
    const parts = [
      where,
      ...(key === null || key === undefined ? [] : [`key ${shown}`]),
      record.value === null ? 'null' : formatBytes(size),
      formatTimeOfDay(place.logAppendTime ?? Number(record.timestamp ?? Date.now())),
    ]
    return parts.join('   ')
  }

  /** What was not listed, summed up. Also after a failure: what is stored is stored. */
  async finish(): Promise<void> {
    this.out.clearProgress()
    const rows = [...this.partitions]
      .sort(([a], [b]) => a - b)
      .map(([partition, sum]) => ({ partition, ...sum }))
    if (this.format === 'json') {
      const { topic, count, bytes } = this
      const partitions = rows.map(({ partition, first, last, count: records }) => ({
        partition,
        firstOffset: first,
        lastOffset: last,
        records,
      }))
      await this.out.line(toJson({ topic, records: count, bytes, partitions }))
      return
    }
    if (this.format !== 'table' || this.count <= LISTED_MAX) return
    await this.out.line(`… ${formatCount(this.count - LISTED_MAX)} more`)
    for (const { partition, first, last, count } of rows) {
      await this.out.line(
        `${this.topic}[${partition}] @${first}…@${last}   ${formatCount(count)} records`,
      )
    }
    const seconds = ((performance.now() - this.startMs) / 1_000).toFixed(1)
    await this.out.line(
      `sent ${formatCount(this.count)} records, ${formatBytes(this.bytes)}, in ${seconds} s`,
    )
  }
}

function sizeOf(value: BytesRecord['value']): number {
  if (value === null || value === undefined) return 0
  return typeof value === 'string' ? Buffer.byteLength(value) : value.length
}
