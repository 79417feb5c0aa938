/**
 * Crash tests of the log: random histories over a file system in memory, and at every call that
 * changes something a crash. Each crash state is opened, recovered and compared with the model.
 *
 *   history:  append, wait, roll, retention, DeleteRecords, checkpoint, topic made anew,
 *             clean restart, crash and go on
 *   crash:    unsynced bytes and names lost, kept, or torn block by block
 *
 * A state is only taken at the call (a copy of the file system and of the model's expectations);
 * it is checked between two steps of the history. During some recoveries further states are taken.
 */
import { realClock, SeededRandom, silentLogger, VirtualClock } from '@ottla/base'
import { BatchBuilder, buildEndTransactionMarker } from '@ottla/protocol'
import {
  type CrashPlan,
  defaultLogConfig,
  type LogConfig,
  LogManager,
  MemoryFileSystem,
  type MemoryFileSystemOptions,
  type StorageMutants,
} from '@ottla/storage'
import {
  checkRecovered,
  expectationOf,
  modelBatch,
  must,
  type PartitionExpectation,
  PartitionModel,
  Violation,
} from './crash-model.ts'

export interface CrashRunOptions {
  readonly seed: number
  readonly points: number
  readonly mutants?: StorageMutants
  readonly lies?: Pick<MemoryFileSystemOptions, 'lieAboutSync' | 'lieAboutDirectorySync'>
  /** Stop at the first violation. */
  readonly isFirstEnough?: boolean
}

export interface CrashReport {
  points: number
  histories: number
  batches: number
  droppedBytes: number
  nestedPoints: number
  elapsedMs: number
  violations: string[]
}

interface CrashPoint {
  readonly image: MemoryFileSystem
  readonly expected: readonly PartitionExpectation[]
  readonly nowMs: number
  readonly what: string
  readonly depth: number
}

const STEPS_PER_HISTORY = 60
const CONFIG: LogConfig = {
  ...defaultLogConfig,
  segmentBytes: 1800,
  indexIntervalBytes: 0,
  fileDeleteDelayMs: 50,
  retentionBytes: 6000,
}
const PLANS: readonly Omit<CrashPlan, 'random'>[] = [
  { bytes: 'lost', names: 'lost' },
  { bytes: 'kept', names: 'kept' },
  { bytes: 'kept', names: 'lost' },
  { bytes: 'lost', names: 'kept' },
  { bytes: 'torn', names: 'torn', keptPercent: 50 },
  { bytes: 'torn', names: 'kept', keptPercent: 80 },
  { bytes: 'torn', names: 'torn', keptPercent: 15 },
]

export async function runCrashTest(options: CrashRunOptions): Promise<CrashReport> {
  const report: CrashReport = {
    points: 0,
    histories: 0,
    batches: 0,
    droppedBytes: 0,
    nestedPoints: 0,
    elapsedMs: 0,
    violations: [],
  }
  const startMs = realClock.monotonicMs()
  const isOver = () =>
    report.points >= options.points ||
    (options.isFirstEnough === true && report.violations.length > 0)
  for (let seed = options.seed; !isOver(); seed++) {
    await new CrashHistory(seed, options, report).run(isOver)
    report.histories++
  }
  report.elapsedMs = Math.round(realClock.monotonicMs() - startMs)
  return report
}

class CrashHistory {
  private readonly seed: number
  private readonly random: SeededRandom
  private readonly options: CrashRunOptions
  private readonly report: CrashReport
  private clock = new VirtualClock()
  private fileSystem: MemoryFileSystem
  private manager: LogManager | undefined
  private models: PartitionModel[] = []
  private points: CrashPoint[] = []
  private leaderEpoch = 0
  private topics = 0
  private sequences = new Map<string, { epoch: number; next: number }>()
  private isPaused = false

  constructor(seed: number, options: CrashRunOptions, report: CrashReport) {
    this.seed = seed
    this.random = new SeededRandom(seed)
    this.options = options
    this.report = report
    this.fileSystem = this.watch(new MemoryFileSystem(this.fileOptions()))
  }

  async run(isOver: () => boolean): Promise<void> {
    try {
      await this.open()
      for (let i = 0; i < 3; i++) await this.createTopic()
      for (let step = 0; step < STEPS_PER_HISTORY && !isOver(); step++) {
        await this.step()
        await this.checkPoints(isOver)
      }
    } catch (error) {
      this.violated(error, 'history')
    }
  }

  private fileOptions(): MemoryFileSystemOptions {
    return { ...this.options.lies, now: () => this.clock.now() }
  }

  private watch(fileSystem: MemoryFileSystem): MemoryFileSystem {
    fileSystem.onCall = (call, path) => {
      if (!this.isPaused) this.takePoint(fileSystem, `${call} ${path}`, 0)
    }
    return fileSystem
  }

  private takePoint(fileSystem: MemoryFileSystem, what: string, depth: number): void {
    const plan = { ...this.random.pick(PLANS), random: this.random }
    this.points.push({
      image: fileSystem.crash(plan, this.fileOptions()),
      expected: this.models.map(expectationOf),
      nowMs: this.clock.now(),
      what: `${what} (bytes ${plan.bytes}, names ${plan.names})`,
      depth,
    })
  }

  // ---------------------------------------------------------------- history

  private async step(): Promise<void> {
    const dice = this.random.integer(100)
    if (dice < 70) await this.appendSome()
    else if (dice < 76) this.clock.advance(this.random.integer(300))
    else if (dice < 80) await this.manager?.applyRetention(this.clock.now())
    else if (dice < 84) await this.deleteRecords()
    else if (dice < 89) await this.manager?.checkpoint()
    else if (dice < 92) await this.replaceTopic()
    else if (dice < 96) await this.restartCleanly()
    else await this.restartAfterCrash()
  }

  private async appendSome(): Promise<void> {
    const waits: Promise<void>[] = []
    for (let i = this.random.integer(6); i >= 0; i--) {
      const model = this.random.pick(this.models)
      const batch = this.random.chance(0.15) ? this.appendMarker(model) : this.appendBatch(model)
      if (batch) waits.push(model.log?.whenDurable(batch.lastOffset) ?? Promise.resolve())
      if (this.random.chance(0.2)) await Promise.resolve()
    }
    await Promise.all(waits)
  }

  private appendBatch(model: PartitionModel) {
    const kind = this.random.pick(['plain', 'plain', 'transactional'] as const)
    // Producers 1-3 write plainly, 11-13 in transactions; 0 stands for none.
    const number = this.random.integer(4)
    const producerId = kind === 'transactional' ? 11 + (number % 3) : number === 0 ? -1 : number
    const records = 1 + this.random.integer(3)
    const builder = new BatchBuilder()
    for (let i = 0; i < records; i++) {
      const value = Buffer.from(this.random.bytes(this.random.integer(250)))
      builder.append(this.clock.now(), null, value)
    }
    const sequence = this.sequenceOf(model, producerId)
    const bytes = builder.finish(
      producerId < 0
        ? {}
        : {
            producerId,
            producerEpoch: sequence.epoch,
            baseSequence: sequence.next,
            isTransactional: kind === 'transactional',
          },
    )
    const result = model.log?.append(bytes, { origin: 'client', leaderEpoch: this.leaderEpoch })
    if (result?.kind !== 'appended')
      throw new Violation(`append refused: ${JSON.stringify(result)}`)
    const fields = { producerId, producerEpoch: sequence.epoch, baseSequence: sequence.next, kind }
    if (producerId >= 0) sequence.next += records
    return this.noteBatch(model, bytes, producerId < 0 ? { ...fields, kind: 'plain' } : fields)
  }

  private appendMarker(model: PartitionModel) {
    const producerId = 11 + this.random.integer(3)
    const isCommit = this.random.chance(0.5)
    const { epoch } = this.sequenceOf(model, producerId)
    const end = { isCommit, producerId, producerEpoch: epoch, coordinatorEpoch: 0 }
    if (!model.batches.some((batch) => batch.producerId === producerId)) return undefined
    const bytes = buildEndTransactionMarker(end, { timestamp: this.clock.now() })
    const options = { origin: 'coordinator', leaderEpoch: this.leaderEpoch } as const
    const result = model.log?.append(bytes, options)
    if (result?.kind !== 'appended')
      throw new Violation(`marker refused: ${JSON.stringify(result)}`)
    const kind = isCommit ? 'commit' : 'abort'
    return this.noteBatch(model, bytes, {
      producerId,
      producerEpoch: epoch,
      baseSequence: -1,
      kind,
    })
  }

  private noteBatch(
    model: PartitionModel,
    bytes: Buffer,
    fields: Parameters<typeof modelBatch>[1],
  ) {
    const batch = modelBatch(bytes, fields)
    model.batches.push(batch)
    this.report.batches++
    return batch
  }

  private sequenceOf(model: PartitionModel, producerId: number) {
    const key = `${model.topicId}/${producerId}`
    let sequence = this.sequences.get(key)
    if (!sequence) {
      sequence = { epoch: 0, next: 0 }
      this.sequences.set(key, sequence)
    }
    return sequence
  }

  private async deleteRecords(): Promise<void> {
    const model = this.random.pick(this.models)
    const { log } = model
    if (!log) return
    const span = log.highWatermark - log.logStartOffset
    const offset = log.logStartOffset + this.random.integer(span + 1)
    model.logStartAcknowledged = Math.max(
      model.logStartAcknowledged,
      await log.deleteRecordsBefore(offset),
    )
  }

  private async createTopic(): Promise<void> {
    const topic = `t${this.models.length}`
    await this.createIn(this.models.length, topic)
  }

  private async createIn(slot: number, topic: string): Promise<void> {
    const topicId = Buffer.alloc(16, ++this.topics).toString('base64url')
    const model = new PartitionModel(topic, topicId)
    this.models[slot] = model
    const log = this.manager?.create(topic, 0, topicId, CONFIG)
    await log?.ready()
    model.log = log
    model.state = 'live'
  }

  private async replaceTopic(): Promise<void> {
    const slot = this.random.integer(this.models.length)
    const model = this.models[slot] as PartitionModel
    model.state = 'deleting'
    await this.manager?.delete(model.topic, 0)
    await this.createIn(slot, model.topic)
  }

  private async restartCleanly(): Promise<void> {
    await this.manager?.close()
    for (const model of this.models) model.log = undefined
    await this.open()
    must(this.manager?.wasCleanShutdown, 'no clean marker after a clean close')
    for (const model of this.models) {
      const log = this.manager.get(model.topic, 0)
      must(log, `${model.topic} is gone after a clean restart`)
      if (this.random.chance(0.3)) this.manager.setConfig(model.topic, CONFIG)
      await log.ready()
      await checkRecovered(log, { ...expectationOf(model), logStartMax: Number.POSITIVE_INFINITY })
      model.log = log
    }
    this.leaderEpoch++
  }

  /** Goes on from a crash state, as a broker that was started again would. */
  private async restartAfterCrash(): Promise<void> {
    const plan = { ...this.random.pick(PLANS), random: this.random }
    const expected = this.models.map(expectationOf)
    this.fileSystem.onCall = undefined
    this.fileSystem = this.watch(this.fileSystem.crash(plan, this.fileOptions()))
    for (const model of this.models) model.log = undefined
    this.isPaused = true
    await this.open()
    for (const [i, model] of this.models.entries()) {
      const log = this.manager?.get(model.topic, 0)
      must(log, `${model.topic} is gone after a crash`)
      await log.ready()
      const survivors = await checkRecovered(log, expected[i] as PartitionExpectation)
      model.batches = survivors
      model.log = log
      this.resumeSequences(model)
    }
    this.isPaused = false
    this.leaderEpoch++
  }

  private resumeSequences(model: PartitionModel): void {
    for (const [key, sequence] of this.sequences) {
      if (!key.startsWith(`${model.topicId}/`)) continue
      const id = Number(key.split('/')[1])
      const last = model.batches.findLast((b) => b.producerId === id && b.baseSequence >= 0)
      sequence.next = last ? last.baseSequence + last.lastOffset - last.baseOffset + 1 : 0
    }
  }

  private async open(): Promise<void> {
    this.manager = await this.openOn(this.fileSystem, this.clock)
  }

  private openOn(fileSystem: MemoryFileSystem, clock: VirtualClock): Promise<LogManager> {
    return LogManager.open({
      fileSystem,
      clock,
      random: this.random,
      logger: silentLogger,
      logDir: '/data',
      privateDir: '/private',
      nodeId: 1,
      clusterId: 'crash',
      flushPolicy: 'fsync',
      tailCacheBytesMax: 2000,
      openFilesMax: 4,
      indexCacheBytesMax: 500,
      onFatal: (error) => this.violated(error, 'fatal'),
      schedule: queueMicrotask,
      ...(this.options.mutants ? { mutants: this.options.mutants } : {}),
    }).then((manager) => {
      for (let i = 0; i < 3; i++) manager.setConfig(`t${i}`, CONFIG)
      return manager
    })
  }

  // ---------------------------------------------------------------- crash states

  private async checkPoints(isOver: () => boolean): Promise<void> {
    for (let point = this.points.shift(); point; point = this.points.shift()) {
      if (isOver()) return
      this.report.points++
      if (point.depth > 0) this.report.nestedPoints++
      this.isPaused = true
      try {
        await this.checkPoint(point)
      } catch (error) {
        this.violated(error, point.what)
      }
      this.isPaused = false
    }
  }

  private async checkPoint(point: CrashPoint): Promise<void> {
    const { image, expected } = point
    const isNesting = point.depth < 2 && this.random.chance(0.04)
    if (isNesting) {
      image.onCall = (call, path) => {
        if (!this.random.chance(0.3)) return
        const plan = { ...this.random.pick(PLANS), random: this.random }
        const kept = `(bytes ${plan.bytes}, names ${plan.names})`
        const what = `${point.what}, then ${call} ${path} ${kept}`
        const nested = image.crash(plan, this.fileOptions())
        this.points.push({ ...point, image: nested, what, depth: point.depth + 1 })
      }
    }
    const clock = new VirtualClock(point.nowMs)
    const manager = await this.openOn(image, clock)
    for (const partition of expected) {
      const log = manager.get(partition.topic, 0)
      // A topic that is being made or deleted may be there or not, and is then whatever it was.
      if (partition.state !== 'live') {
        if (log) await log.ready()
        continue
      }
      must(log, `${partition.topic}-0 is gone`)
      must(log.topicId === partition.topicId, `${partition.topic}-0 has topic id ${log.topicId}`)
      await log.ready()
      image.onCall = undefined
      await checkRecovered(log, partition)
      this.report.droppedBytes += log.droppedBytes
    }
    await this.goOn(manager, image, clock)
  }

  /** The recovered log takes records, closes cleanly and opens again. */
  private async goOn(
    manager: LogManager,
    image: MemoryFileSystem,
    clock: VirtualClock,
  ): Promise<void> {
    if (!this.random.chance(0.15)) return
    for (const log of manager.partitions()) {
      if (!log.isOpen) continue
      const builder = new BatchBuilder()
      builder.append(clock.now(), null, Buffer.from('after'))
      const result = log.append(builder.finish(), { origin: 'client', leaderEpoch: 1000 })
      must(result.kind === 'appended', `append after recovery: ${result.kind}`)
      await log.whenDurable(result.lastOffset)
    }
    const ends = [...manager.partitions()].map((log) => (log.isOpen ? log.logEndOffset : -1))
    await manager.close()
    must(image.openFiles === 0, `${image.openFiles} files left open`)
    const again = await this.openOn(image, clock)
    for (const [i, log] of [...again.partitions()].entries()) {
      await log.ready()
      must(
        ends[i] === -1 || log.logEndOffset === ends[i],
        `${log.name}: end moved in a clean restart`,
      )
      must(log.corruptRanges.length === 0, `${log.name}: corrupt after a clean restart`)
    }
  }

  private violated(error: unknown, what: string): void {
    const detail = error instanceof Violation ? error.message : (error as Error).stack
    this.report.violations.push(`seed ${this.seed}: ${what}: ${detail}`)
  }
}
