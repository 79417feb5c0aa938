/**
 * One call of `send`: the batches its records went into, and one promise for all of them.
 *
 * Records of one call that lie side by side in one batch are one run, so the bookkeeping grows with
 * the number of batches touched, not with the number of records.
 */
import type { BatchListener, BatchOutcome, ProducerBatch } from './producer-batch.ts'

/** Where a record was stored. */
export interface RecordMetadata {
  readonly topic: string
  readonly partition: number
  /** -1n when the broker did not say: acks=0, or a duplicate it had stored long ago. */
  readonly offset: bigint
  /** When the broker appended the record, for topics with message.timestamp.type=LogAppendTime. */
  readonly logAppendTime: number | undefined
  /** First offset of the partition by then; -1n when the broker did not say. */
  readonly logStartOffset: bigint
}

interface Run {
  batch: ProducerBatch
  partition: number
  /** Index of the first record within the call, and within the batch. */
  first: number
  firstInBatch: number
  count: number
}

/** What `send` of several records resolves with. */
export class SentRecords {
  readonly topic: string
  readonly count: number
  private readonly runs: readonly Run[]

  constructor(topic: string, count: number, runs: readonly Run[]) {
    this.topic = topic
    this.count = count
    this.runs = runs
  }

  /** Where the record at `index` of the call was stored. */
  at(index: number): RecordMetadata {
    const run = this.runs.find((r) => index >= r.first && index < r.first + r.count)
    if (!run) throw new RangeError(`no record ${index} among ${this.count}`)
    return this.metadataOf(run, index - run.first)
  }

  *[Symbol.iterator](): Generator<RecordMetadata> {
    for (const run of this.runs) {
      for (let i = 0; i < run.count; i++) yield this.metadataOf(run, i)
    }
  }

  private metadataOf(run: Run, index: number): RecordMetadata {
    const { baseOffset, logAppendTimeMs, logStartOffset = -1 } = run.batch.outcome ?? UNKNOWN
    const offset = baseOffset < 0 ? -1 : baseOffset + run.firstInBatch + index
    return {
      topic: this.topic,
      partition: run.partition,
      offset: BigInt(offset),
      logAppendTime: logAppendTimeMs < 0 ? undefined : logAppendTimeMs,
      logStartOffset: BigInt(logStartOffset),
    }
  }
}

const UNKNOWN: BatchOutcome = { baseOffset: -1, logAppendTimeMs: -1 }

export class SendOperation implements BatchListener {
  private readonly topic: string
  private readonly settle: (error: Error | undefined) => void
  private runs: Run[] = []
  private pendingBatches = 0
  private recordCount = 0
  private isComplete = false
  private failure: Error | undefined

  constructor(topic: string, settle: (error: Error | undefined) => void) {
    this.topic = topic
    this.settle = settle
  }

  /** The next record of the call is the newest of `batch`. */
  recordAppended(batch: ProducerBatch, partition: number): void {
    const last = this.runs[this.runs.length - 1]
    const first = this.recordCount++
    if (last && last.batch === batch && last.first + last.count === first) {
      last.count++
      return
    }
    if (batch.addListener(this)) this.pendingBatches++
    this.runs.push({ batch, partition, first, firstInBatch: batch.count - 1, count: 1 })
  }

  /** All records of the call have been appended. */
  complete(): void {
    this.isComplete = true
    this.maybeSettle()
  }

  batchSettled(error: Error | undefined): void {
    this.pendingBatches--
    this.failure ??= error
    this.maybeSettle()
  }

  /** A batch was cut into parts, in order: runs that lay across a cut become several. */
  batchSplit(batch: ProducerBatch, parts: readonly ProducerBatch[]): void {
    this.pendingBatches += parts.length - 1
    this.runs = this.runs.flatMap((run) => (run.batch === batch ? splitRun(run, parts) : [run]))
  }

  private maybeSettle(): void {
    if (this.isComplete && this.pendingBatches === 0) this.settle(this.failure)
  }

  result(): SentRecords {
    return new SentRecords(this.topic, this.recordCount, this.runs)
  }
}

function splitRun(run: Run, parts: readonly ProducerBatch[]): Run[] {
  const out: Run[] = []
  let partStart = 0
  for (const part of parts) {
    const from = Math.max(run.firstInBatch, partStart)
    const to = Math.min(run.firstInBatch + run.count, partStart + part.count)
    if (from < to) {
      out.push({
        batch: part,
        partition: run.partition,
        first: run.first + from - run.firstInBatch,
        firstInBatch: from - partStart,
        count: to - from,
      })
    }
    partStart += part.count
  }
  return out
}
