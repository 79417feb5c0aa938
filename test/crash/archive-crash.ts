/**
 * Kills between any two steps of the archive. Random histories (append, transactions, rounds of the
 * archive, local retention, DeleteRecords, topics deleted and made anew, restarts) run over a file
 * system in memory; at calls that change something the state is taken that a kill or a power cut
 * would leave. Each is opened again and must show: every record that was acknowledged and not
 * deleted, from the archive or from the disk; and, once the interrupted has ended, an archive in
 * which nothing lies that the metadata does not tell of, and nothing is told of that is not there.
 */
import { SeededRandom, VirtualClock } from '@ottla/base'
import { BatchBuilder, buildEndTransactionMarker, readBatches } from '@ottla/protocol'
import { type CrashPlan, MemoryFileSystem, type PartitionLog } from '@ottla/storage'
import {
  type RemoteStore,
  StoreError,
} from '../../packages/broker/src/remote/store/remote-store.ts'
import { ArchiveWorld, type WorldOptions } from './archive-world.ts'
import {
  compareBytes,
  expectationOf,
  type ModelBatch,
  modelBatch,
  must,
  type PartitionExpectation,
  PartitionModel,
  Violation,
} from './crash-model.ts'

export interface ArchiveCrashOptions {
  readonly seed: number
  readonly kills: number
  readonly mutant?: Pick<WorldOptions, 'wrapStore' | 'wrapLog'>
  readonly isFirstEnough?: boolean
}

export interface ArchiveCrashReport {
  kills: number
  histories: number
  batches: number
  copied: number
  deleted: number
  /** Kills while an upload or a deletion was under way. */
  midway: number
  /** States in which records were read that only the archive had. */
  tieredStates: number
  readonly violations: string[]
}

interface Kill {
  readonly image: MemoryFileSystem
  readonly expected: readonly PartitionExpectation[]
  readonly topicIds: ReadonlyMap<string, string>
  readonly nowMs: number
  readonly what: string
}

const STEPS_PER_HISTORY = 150
const TOPICS = 2
const FAULTS_PERCENT = 4
const PLANS: readonly Omit<CrashPlan, 'random'>[] = [
  { bytes: 'kept', names: 'kept' },
  { bytes: 'lost', names: 'lost' },
  { bytes: 'kept', names: 'lost' },
  { bytes: 'lost', names: 'kept' },
  { bytes: 'torn', names: 'torn', keptPercent: 50 },
]

export async function runArchiveCrashTest(
  options: ArchiveCrashOptions,
): Promise<ArchiveCrashReport> {
  const report: ArchiveCrashReport = {
    kills: 0,
    histories: 0,
    batches: 0,
    copied: 0,
    deleted: 0,
    midway: 0,
    tieredStates: 0,
    violations: [],
  }
  const isOver = () =>
    report.kills >= options.kills ||
    (options.isFirstEnough === true && report.violations.length > 0)
  for (let seed = options.seed; !isOver(); seed++) {
    await new ArchiveHistory(seed, options, report).run(isOver)
    report.histories++
  }
  return report
}

class ArchiveHistory {
  private readonly seed: number
  private readonly random: SeededRandom
  private readonly options: ArchiveCrashOptions
  private readonly report: ArchiveCrashReport
  private readonly clock = new VirtualClock()
  private readonly topicIds = new Map<string, string>()
  private readonly models = new Map<string, PartitionModel>()
  private fileSystem = new MemoryFileSystem()
  private world: ArchiveWorld | undefined
  private kills: Kill[] = []
  private isWatched = false
  private areFaultsOn = false
  private topics = 0
  private sequences = new Map<string, number>()

  constructor(seed: number, options: ArchiveCrashOptions, report: ArchiveCrashReport) {
    this.seed = seed
    this.random = new SeededRandom(seed)
    this.options = options
    this.report = report
  }

  async run(isOver: () => boolean): Promise<void> {
    try {
      this.world = await this.open(this.fileSystem, this.clock, this.topicIds)
      for (let i = 0; i < TOPICS; i++) await this.createTopic(`t${i}`)
      this.watch()
      for (let step = 0; step < STEPS_PER_HISTORY && !isOver(); step++) {
        this.areFaultsOn = this.random.chance(0.3)
        this.isWatched = true
        await this.step()
        this.isWatched = false
        await this.checkKills(isOver)
      }
      this.count(this.live)
    } catch (error) {
      this.violated(error, 'history')
    }
  }

  private get live(): ArchiveWorld {
    must(this.world, 'a world is open')
    return this.world
  }

  private count(world: ArchiveWorld): void {
    this.report.copied += world.archive.counters.copiedSegments
    this.report.deleted += world.archive.counters.deletedSegments
  }

  private violated(error: unknown, what: string): void {
    const text =
      error instanceof Violation ? error.message : String((error as Error).stack ?? error)
    this.report.violations.push(`seed ${this.seed}, ${what}: ${text}`)
  }

  private open(
    fileSystem: MemoryFileSystem,
    clock: VirtualClock,
    topicIds: ReadonlyMap<string, string>,
  ): Promise<ArchiveWorld> {
    const { mutant } = this.options
    return ArchiveWorld.open(fileSystem, {
      random: this.random,
      clock,
      topicIds,
      onFatal: (error) => this.violated(error, 'fatal'),
      ...mutant,
      wrapStore: (store) => this.faulty(mutant?.wrapStore?.(store) ?? store),
    })
  }

  private watch(): void {
    this.fileSystem.onCall = (call, path) => {
      if (!this.isWatched) return
      const isArchive = path.startsWith('/archive') || path.includes('__remote_log_metadata')
      if (!this.random.chance(isArchive ? 0.03 : 0.005)) return
      const plan = { ...this.random.pick(PLANS), random: this.random }
      if (isArchive) this.report.midway++
      this.kills.push({
        image: this.fileSystem.crash(plan),
        expected: [...this.models.values()].map(expectationOf),
        topicIds: new Map(this.topicIds),
        nowMs: this.clock.now(),
        what: `${call} ${path} (bytes ${plan.bytes}, names ${plan.names})`,
      })
    }
  }

  /** Calls that fail before or after they did their work: 5xx, timeouts, lost answers. */
  private faulty(store: RemoteStore): RemoteStore {
    const maybe = async <T>(work: () => Promise<T>): Promise<T> => {
      const dice = this.areFaultsOn ? this.random.integer(100) : 100
      if (dice < FAULTS_PERCENT) throw new StoreError('STORE_FAILED', 'no answer')
      const result = await work()
      if (dice < 2 * FAULTS_PERCENT) throw new StoreError('STORE_FAILED', 'the answer was lost')
      return result
    }
    return {
      where: store.where,
      isLocal: store.isLocal,
      put: (key, content) => maybe(() => store.put(key, content)),
      get: (key, from, to, memory) => maybe(() => store.get(key, from, to, memory)),
      delete: (key) => maybe(() => store.delete(key)),
      list: (prefix) => store.list(prefix),
      tidy: () => store.tidy(),
      close: () => store.close(),
    }
  }

  // ---------------------------------------------------------------- history

  private async step(): Promise<void> {
    const dice = this.random.integer(100)
    if (dice < 50) await this.append()
    else if (dice < 60) this.clock.advance(this.random.integer(6_000))
    else if (dice < 80) await this.round()
    else if (dice < 88) await this.live.manager.applyRetention(this.clock.now())
    else if (dice < 91) await this.deleteRecords()
    else if (dice < 93) await this.live.manager.checkpoint()
    else if (dice < 95) await this.replaceTopic()
    else if (dice < 97) await this.restart()
    else await this.restartAfterKill()
  }

  private async round(): Promise<void> {
    this.clock.advance(1_000)
    const round = this.live.archive.round()
    if (this.random.chance(0.5)) await this.append()
    await round
  }

  private async append(): Promise<void> {
    const waits: Promise<void>[] = []
    for (let i = this.random.integer(8); i >= 0; i--) {
      const model = this.random.pick([...this.models.values()])
      if (this.random.chance(0.2)) this.appendTransaction(model)
      else this.appendBatch(model, undefined)
      const last = model.batches.at(-1)
      if (last) waits.push(model.log?.whenDurable(last.lastOffset) ?? Promise.resolve())
    }
    await Promise.all(waits)
  }

  private appendTransaction(model: PartitionModel): void {
    this.appendBatch(model, 11)
    const isCommit = this.random.chance(0.5)
    const end = { isCommit, producerId: 11, producerEpoch: 0, coordinatorEpoch: 0 }
    const bytes = buildEndTransactionMarker(end, { timestamp: this.clock.now() })
    const result = model.log?.append(bytes, { origin: 'coordinator', leaderEpoch: 0 })
    must(result?.kind === 'appended', `marker refused: ${JSON.stringify(result)}`)
    this.note(model, bytes, isCommit ? 'commit' : 'abort')
  }

  private appendBatch(model: PartitionModel, producerId: number | undefined): void {
    const builder = new BatchBuilder()
    for (let i = this.random.integer(3); i >= 0; i--) {
      builder.append(
        this.clock.now(),
        null,
        Buffer.from(this.random.bytes(this.random.integer(250))),
      )
    }
    const key = `${model.topicId}/${producerId}`
    const baseSequence = this.sequences.get(key) ?? 0
    const { count } = builder
    const bytes = builder.finish(
      producerId === undefined
        ? {}
        : { producerId, producerEpoch: 0, baseSequence, isTransactional: true },
    )
    const result = model.log?.append(bytes, { origin: 'client', leaderEpoch: 0 })
    must(result?.kind === 'appended', `append refused: ${JSON.stringify(result)}`)
    if (producerId !== undefined) this.sequences.set(key, baseSequence + count)
    this.note(model, bytes, producerId === undefined ? 'plain' : 'transactional')
  }

  private note(model: PartitionModel, bytes: Buffer, kind: ModelBatch['kind']): void {
    const fields = { producerId: -1, producerEpoch: -1, baseSequence: -1, kind }
    model.batches.push(modelBatch(bytes, fields))
    this.report.batches++
  }

  private async deleteRecords(): Promise<void> {
    const model = this.random.pick([...this.models.values()])
    const { log } = model
    if (!log) return
    const offset =
      log.logStartOffset + this.random.integer(log.highWatermark - log.logStartOffset + 1)
    const done = await log.deleteRecordsBefore(offset)
    model.logStartAcknowledged = Math.max(model.logStartAcknowledged, done)
  }

  private async createTopic(topic: string): Promise<void> {
    const topicId = Buffer.alloc(16, ++this.topics).toString('base64url')
    const model = new PartitionModel(topic, topicId)
    this.models.set(topic, model)
    this.topicIds.set(topic, topicId)
    model.log = await this.live.openTopic(topic, topicId)
    model.state = 'live'
  }

  private async replaceTopic(): Promise<void> {
    const [topic, topicId] = this.random.pick([...this.topicIds])
    await this.live.archive.markDeleted({ topic, topicId, partition: 0 })
    // What the metadata log of a broker decides in one step.
    this.topicIds.delete(topic)
    this.models.delete(topic)
    await this.live.manager.delete(topic, 0)
    await this.createTopic(topic)
  }

  private async restart(): Promise<void> {
    this.count(this.live)
    await this.live.close()
    await this.goOn(this.fileSystem)
  }

  private async restartAfterKill(): Promise<void> {
    this.count(this.live)
    const plan = { ...this.random.pick(PLANS), random: this.random }
    this.fileSystem.onCall = undefined
    await this.goOn(this.fileSystem.crash(plan))
  }

  private async goOn(fileSystem: MemoryFileSystem): Promise<void> {
    const wasWatched = this.isWatched
    this.isWatched = false
    const expected = [...this.models.values()].map(expectationOf)
    this.fileSystem = fileSystem
    for (const model of this.models.values()) model.log = undefined
    this.world = await this.open(fileSystem, this.clock, this.topicIds)
    for (const [i, model] of [...this.models.values()].entries()) {
      const log = this.world.log(model.topic)
      must(log, `${model.topic} is gone`)
      await this.areFaultless(() => checkLog(log, expected[i] as PartitionExpectation))
      model.batches = model.batches.filter(({ baseOffset }) => baseOffset < log.logEndOffset)
      model.log = log
      // Sequences may have been lost with batches that nobody was promised: another producer goes
      // on.
      for (const key of this.sequences.keys()) {
        if (key.startsWith(model.topicId)) this.sequences.set(key, nextSequence(log))
      }
    }
    this.watch()
    this.isWatched = wasWatched
  }

  private async areFaultless<T>(work: () => Promise<T>): Promise<T> {
    const were = this.areFaultsOn
    this.areFaultsOn = false
    try {
      return await work()
    } finally {
      this.areFaultsOn = were
    }
  }

  // ---------------------------------------------------------------- kills

  private async checkKills(isOver: () => boolean): Promise<void> {
    const kills = this.kills
    this.kills = []
    for (const kill of kills) {
      if (isOver()) return
      this.report.kills++
      try {
        await this.areFaultless(() => this.checkKill(kill))
      } catch (error) {
        this.violated(error, kill.what)
      }
    }
  }

  private async checkKill({ image, expected, topicIds, nowMs }: Kill): Promise<void> {
    const clock = new VirtualClock(nowMs)
    const world = await this.open(image, clock, topicIds)
    for (const partition of expected) {
      const log = world.log(partition.topic)
      must(log, `${partition.topic} is gone`)
      await checkLog(log, partition)
      if (log.localLogStartOffset > log.logStartOffset) this.report.tieredStates++
    }
    await world.settle()
    await world.manager.applyRetention(clock.now())
    const { findings, parts } = await world.check()
    must(parts === 0, `${parts} half uploads were left`)
    must(findings.length === 0, `the archive is not clean: ${JSON.stringify(findings)}`)
    for (const partition of expected) {
      const log = world.log(partition.topic)
      // Time has passed, and what was too old is gone.
      if (log) await checkLog(log, { ...partition, logStartMax: Number.POSITIVE_INFINITY })
    }
    await world.close()
  }
}

/** Every record of the log is there, from the archive or the disk, and none that was deleted. */
async function checkLog(log: PartitionLog, expected: PartitionExpectation): Promise<void> {
  const { topic } = expected
  must(log.corruptRanges.length === 0, `${topic}: a crash was taken for corruption`)
  must(
    log.logEndOffset >= expected.highWatermark,
    `${topic}: log ends at ${log.logEndOffset}, but ${expected.highWatermark} was visible`,
  )
  must(log.logStartOffset >= expected.logStartMin, `${topic}: deleted records came back`)
  must(
    log.logStartOffset <= expected.logStartMax,
    `${topic}: log starts at ${log.logStartOffset}, and was promised from ${expected.logStartMax}`,
  )
  const survivors = expected.batches
    .slice(0, expected.sent)
    .filter(({ baseOffset }) => baseOffset < log.logEndOffset)
  await compareBytes(log, survivors, topic)
  await compareAborts(log, survivors, topic)
}

/** With read_committed, exactly the batches of aborted transactions are told to be left out. */
async function compareAborts(
  log: PartitionLog,
  survivors: readonly ModelBatch[],
  topic: string,
): Promise<void> {
  const aborted = new Set<number>()
  survivors.forEach((batch, i) => {
    if (batch.kind !== 'transactional') return
    const end = survivors.slice(i).find(({ kind }) => kind === 'commit' || kind === 'abort')
    if (end?.kind === 'abort') aborted.add(batch.baseOffset)
  })
  let offset = log.logStartOffset
  while (offset < log.lastStableOffset) {
    const result = await log.read(offset, {
      bytesMax: 3000,
      upTo: 'last-stable-offset',
      atLeastOneBatch: true,
    })
    must(result.size > 0, `${topic}: nothing committed at ${offset}`)
    const bytes = Buffer.concat(result.chunks as Buffer[])
    result.release()
    for (const batch of readBatches(bytes)) {
      offset = batch.lastOffset + 1
      if (!batch.isTransactional || batch.isControl) continue
      const isHidden = result.abortedTransactions?.some(
        ({ producerId, firstOffset, lastOffset }) =>
          producerId === batch.producerId &&
          firstOffset <= batch.baseOffset &&
          lastOffset >= batch.baseOffset,
      )
      const what = `${topic}: batch ${batch.baseOffset} of a transaction`
      must(isHidden === aborted.has(batch.baseOffset), `${what} is ${isHidden ? '' : 'not '}hidden`)
    }
  }
}

/**
 * What the log knows of the one transactional producer, after it may have lost its last batches.
 */
function nextSequence(log: PartitionLog): number {
  for (const { producerId, batches } of log.producers().all()) {
    const last = batches.at(-1)
    if (producerId === 11 && last) return last.lastSequence + 1
  }
  return 0
}
