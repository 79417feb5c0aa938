/**
 * Readers of a log whose segments are copied to an archive and leave the disk beneath them. Reads
 * take a random number of turns, of the disk and of the archive alike, so that whatever a round, a
 * retention or another reader does may happen between choosing where to read and having read; and
 * what was read is kept for some turns more, as a socket keeps it, before it is given back.
 *
 * Every read must give whole batches as they were appended, the first of which contains the offset
 * asked for, each next one beginning where the last ended; with read_committed also exactly the
 * aborted transactions among them. They are compared when they come and once more before they are
 * given back. Offsets by time must be those of the first record that is new enough.
 *
 * All is decided by the seed: files are in memory, and the clock stands until a step moves it.
 */
import { SeededRandom, VirtualClock } from '@ottla/base'
import { BatchBuilder, buildEndTransactionMarker, readBatches } from '@ottla/protocol'
import {
  type FileHandle,
  MemoryFileSystem,
  type OpenMode,
  type PartitionLog,
  type ReadOptions,
  type ReadResult,
  StorageError,
} from '@ottla/storage'
import { ArchiveWorld, type WorldOptions } from './archive-world.ts'
import { type ModelBatch, modelBatch, must, Violation } from './crash-model.ts'

export interface ArchiveReadersOptions {
  readonly seed: number
  readonly histories: number
  readonly mutant?: Pick<WorldOptions, 'wrapStore' | 'wrapLog'>
}

export interface ArchiveReadersReport {
  batches: number
  reads: number
  /** Reads below the first offset on disk. */
  tieredReads: number
  /** Reads that began on disk, and whose segment was not there any more when they ended. */
  overtaken: number
  /** Batches hidden from readers because their transaction was aborted. */
  aborted: number
  copied: number
  deleted: number
  violations: string[]
}

const TOPIC = 't'
const TOPIC_ID = Buffer.alloc(16, 1).toString('base64url')
const READERS = 6
const STEPS = 120
const PRODUCER = 11
/** A reader that gets nothing this often in a row is stuck. */
const EMPTY_MAX = 200

export async function runArchiveReaders(
  options: ArchiveReadersOptions,
): Promise<ArchiveReadersReport> {
  const report: ArchiveReadersReport = {
    batches: 0,
    reads: 0,
    tieredReads: 0,
    overtaken: 0,
    aborted: 0,
    copied: 0,
    deleted: 0,
    violations: [],
  }
  for (let i = 0; i < options.histories && report.violations.length === 0; i++) {
    await new ReadersHistory(options.seed + i, options, report).run()
  }
  return report
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Files in memory whose reads take their time. */
class SlowFileSystem extends MemoryFileSystem {
  private readonly turns: () => Promise<void>

  constructor(turns: () => Promise<void>) {
    super()
    this.turns = turns
  }

  override open(path: string, mode: OpenMode): FileHandle {
    const file = super.open(path, mode)
    const readAsync = async (target: Buffer, position: number) => {
      await this.turns()
      const read = await file.readAsync(target, position)
      await this.turns()
      return read
    }
    return { ...file, readAsync }
  }
}

class ReadersHistory {
  private readonly seed: number
  private readonly random: SeededRandom
  private readonly options: ArchiveReadersOptions
  private readonly report: ArchiveReadersReport
  private readonly clock = new VirtualClock()
  private readonly batches: ModelBatch[] = []
  /** Timestamp of each record, by offset. */
  private readonly timestamps: number[] = []
  private sequence = 0
  private isOver = false

  constructor(seed: number, options: ArchiveReadersOptions, report: ArchiveReadersReport) {
    this.seed = seed
    this.random = new SeededRandom(seed)
    this.options = options
    this.report = report
  }

  async run(): Promise<void> {
    try {
      const fileSystem = new SlowFileSystem(() => this.turns())
      const world = await ArchiveWorld.open(fileSystem, {
        random: this.random,
        clock: this.clock,
        topicIds: new Map([[TOPIC, TOPIC_ID]]),
        onFatal: (error) => this.violated(error),
        ...this.options.mutant,
      })
      const log = world.log(TOPIC)
      must(log, 'the log is open')
      for (let i = 0; i < 20; i++) await this.append(log)
      const readers = Array.from({ length: READERS }, (_, i) => this.readOn(log, i % 2 === 1))
      for (let step = 0; step < STEPS && !this.isOver; step++) await this.step(world, log)
      this.isOver = true
      await Promise.all(readers)
      this.report.copied += world.archive.counters.copiedSegments
      this.report.deleted += world.archive.counters.deletedSegments
      await world.close()
    } catch (error) {
      this.violated(error)
    }
  }

  private violated(error: unknown): void {
    this.isOver = true
    const text =
      error instanceof Violation ? error.message : String((error as Error).stack ?? error)
    this.report.violations.push(`seed ${this.seed}: ${text}`)
  }

  private async turns(): Promise<void> {
    for (let i = this.random.integer(4); i > 0; i--) await nextTurn()
  }

  // ---------------------------------------------------------------- what happens to the log

  private async step(world: ArchiveWorld, log: PartitionLog): Promise<void> {
    const dice = this.random.integer(100)
    if (dice < 45) await this.append(log)
    else if (dice < 65) {
      this.clock.advance(500)
      await world.archive.round()
    } else if (dice < 85) await world.manager.applyRetention(this.clock.now())
    else if (dice < 88) await this.deleteRecords(log)
    else if (dice < 96) this.clock.advance(this.random.integer(4_000))
    await this.turns()
  }

  private async append(log: PartitionLog): Promise<void> {
    for (let i = this.random.integer(4); i >= 0; i--) {
      if (this.random.chance(0.3)) this.appendTransaction(log)
      else this.appendBatch(log, undefined)
    }
    await log.flush()
  }

  private appendTransaction(log: PartitionLog): void {
    this.appendBatch(log, PRODUCER)
    const isCommit = this.random.chance(0.5)
    const end = { isCommit, producerId: PRODUCER, producerEpoch: 0, coordinatorEpoch: 0 }
    const bytes = buildEndTransactionMarker(end, { timestamp: this.clock.now() })
    const result = log.append(bytes, { origin: 'coordinator', leaderEpoch: 0 })
    must(result.kind === 'appended', `marker refused: ${JSON.stringify(result)}`)
    this.note(bytes, isCommit ? 'commit' : 'abort')
  }

  private appendBatch(log: PartitionLog, producerId: number | undefined): void {
    const builder = new BatchBuilder()
    for (let i = this.random.integer(3); i >= 0; i--) {
      const value = Buffer.from(this.random.bytes(this.random.integer(250)))
      builder.append(this.clock.now(), null, value)
    }
    const { count } = builder
    const baseSequence = this.sequence
    const fields = { producerEpoch: 0, baseSequence, isTransactional: true }
    const bytes = builder.finish(producerId === undefined ? {} : { producerId, ...fields })
    const result = log.append(bytes, { origin: 'client', leaderEpoch: 0 })
    must(result.kind === 'appended', `append refused: ${JSON.stringify(result)}`)
    if (producerId !== undefined) this.sequence += count
    this.note(bytes, producerId === undefined ? 'plain' : 'transactional')
  }

  private note(bytes: Buffer, kind: ModelBatch['kind']): void {
    const batch = modelBatch(bytes, { producerId: -1, producerEpoch: -1, baseSequence: -1, kind })
    this.batches.push(batch)
    while (this.timestamps.length <= batch.lastOffset) this.timestamps.push(this.clock.now())
    this.report.batches++
  }

  private async deleteRecords(log: PartitionLog): Promise<void> {
    const { logStartOffset, localLogStartOffset } = log
    const count = Math.ceil((localLogStartOffset - logStartOffset) / 3)
    await log.deleteRecordsBefore(logStartOffset + count)
  }

  // ---------------------------------------------------------------- readers

  /** Reads from the beginning to the end, again and again until everything is over. */
  private async readOn(log: PartitionLog, isCommitted: boolean): Promise<void> {
    try {
      do {
        await this.readThrough(log, isCommitted)
        await this.askTime(log)
        await nextTurn()
      } while (!this.isOver)
    } catch (error) {
      this.violated(error)
    }
  }

  private async readThrough(log: PartitionLog, isCommitted: boolean): Promise<void> {
    let offset = log.logStartOffset
    let empty = 0
    while (offset < (isCommitted ? log.lastStableOffset : log.highWatermark)) {
      if (this.report.violations.length > 0) return
      const options: ReadOptions = {
        bytesMax: this.random.integer(3000),
        upTo: isCommitted ? 'last-stable-offset' : 'high-watermark',
        atLeastOneBatch: this.random.chance(0.8),
      }
      const result = await this.readAt(log, offset, options)
      if (result === undefined) offset = log.logStartOffset
      else if (result.size === 0) {
        // Too large, or later than the clock would wait.
        must(++empty < EMPTY_MAX, `nothing to read at ${offset} below ${log.highWatermark}`)
        await nextTurn()
      } else {
        empty = 0
        const next = this.check(log, offset, result, options)
        await this.turns()
        this.check(log, offset, result, options)
        result.release()
        offset = next
      }
    }
  }

  /** undefined: the offset is not the log's any more. */
  private async readAt(
    log: PartitionLog,
    offset: number,
    options: ReadOptions,
  ): Promise<ReadResult | undefined> {
    this.report.reads++
    const isLocal = offset >= log.localLogStartOffset
    if (!isLocal) this.report.tieredReads++
    try {
      const result = await log.read(offset, options)
      if (isLocal && offset < log.localLogStartOffset) this.report.overtaken++
      return result
    } catch (error) {
      const isGone = error instanceof StorageError && error.errorName === 'OFFSET_OUT_OF_RANGE'
      if (isGone && offset < log.logStartOffset) return undefined
      throw error
    }
  }

  /** Compares what was read with what was appended; returns the offset behind it. */
  private check(
    log: PartitionLog,
    offset: number,
    { chunks, size, abortedTransactions }: ReadResult,
    { bytesMax, upTo, atLeastOneBatch }: ReadOptions,
  ): number {
    const bytes = Buffer.concat(chunks as Buffer[])
    must(bytes.length === size, `a read of ${bytes.length} bytes says ${size}`)
    let next = offset
    let at = 0
    for (const { baseOffset } of readBatches(bytes)) {
      const model = this.batchAt(baseOffset)
      must(model, `offset ${baseOffset} was never written`)
      const { length } = model.bytes
      const read = bytes.subarray(at, at + length)
      must(read.equals(model.bytes), `batch ${baseOffset} altered, read from ${offset}`)
      const isNext = baseOffset <= next && next <= model.lastOffset
      const isFirstLeft = at === 0 && next < log.logStartOffset && baseOffset > next
      must(isNext || isFirstLeft, `batch ${baseOffset} follows ${next}, read from ${offset}`)
      const isHidden = this.isHidden(model, abortedTransactions ?? [])
      if (upTo === 'last-stable-offset') {
        must(
          isHidden === this.isAborted(model),
          `batch ${baseOffset}, read from ${offset}: hidden is ${isHidden}`,
        )
        if (isHidden) this.report.aborted++
      }
      next = model.lastOffset + 1
      at += length
    }
    must(at === size && at > 0, `${size - at} bytes of no batch, read from ${offset}`)
    const isOne = atLeastOneBatch && readBatches(bytes).length === 1
    must(size <= bytesMax || isOne, `${size} bytes instead of ${bytesMax}`)
    return next
  }

  private batchAt(baseOffset: number): ModelBatch | undefined {
    let low = 0
    let high = this.batches.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.batches[middle] as ModelBatch).baseOffset < baseOffset) low = middle + 1
      else high = middle
    }
    const found = this.batches[low]
    return found?.baseOffset === baseOffset ? found : undefined
  }

  private isHidden(
    { kind, baseOffset }: ModelBatch,
    aborted: NonNullable<ReadResult['abortedTransactions']>,
  ): boolean {
    return (
      kind === 'transactional' &&
      aborted.some(
        ({ firstOffset, lastOffset }) => firstOffset <= baseOffset && lastOffset >= baseOffset,
      )
    )
  }

  /** A transaction has one batch, and its marker lies right behind it. */
  private isAborted({ kind, lastOffset }: ModelBatch): boolean {
    return kind === 'transactional' && this.batchAt(lastOffset + 1)?.kind === 'abort'
  }

  private async askTime(log: PartitionLog): Promise<void> {
    const before = log.logStartOffset
    const timestamp = this.random.pick(this.timestamps) - this.random.integer(2)
    let found: Awaited<ReturnType<PartitionLog['offsetForTimestamp']>>
    try {
      found = await log.offsetForTimestamp(timestamp)
    } catch (error) {
      // The clock went on too far meanwhile.
      if (error instanceof StorageError && error.errorName === 'REQUEST_TIMED_OUT') return
      throw error
    }
    if (log.logStartOffset !== before) return
    const first = this.timestamps.findIndex((time, i) => time >= timestamp && i >= before)
    must(found?.offset === first, `time ${timestamp}: offset ${found?.offset} instead of ${first}`)
  }
}
