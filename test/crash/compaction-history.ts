/**
 * Random histories of a compacted log against a map: keys are set and deleted, in transactions that
 * commit or abort and outside of them, the log rolls and is cleaned, the power goes at any call,
 * readers read on. Whatever happens, who reads the log from the beginning to its end must know of
 * every key what the map knows, and offsets never change.
 */
import { SeededRandom, silentLogger, VirtualClock } from '@ottla/base'
import { BatchBuilder, buildEndTransactionMarker, COMPRESSION, readBatches } from '@ottla/protocol'
import {
  type CleaningEngine,
  cleanHere,
  defaultCleanerSettings,
  defaultLogConfig,
  type LogConfig,
  LogManager,
  MemoryFileSystem,
  type PartitionLog,
} from '@ottla/storage'
import { must, Violation } from './crash-model.ts'

const TOPIC_ID = 'AAAAAAAAAAAAAAAAAAAAAQ'

const STEPS = 120
const KEYS = 12
const HOUR = 3_600_000

const config: LogConfig = {
  ...defaultLogConfig,
  cleanupPolicy: ['compact'],
  segmentBytes: 700,
  indexIntervalBytes: 0,
  minCleanableDirtyRatio: 0.01,
  deleteRetentionMs: HOUR,
  fileDeleteDelayMs: 1000,
}

interface Producer {
  readonly id: number
  sequence: number
  /** Writes of the open transaction, by key. */
  pending: Map<string, { value: string | null; offset: number }> | undefined
}

interface Written {
  readonly value: string | null
  readonly offset: number
}

class CompactionHistory {
  readonly clock = new VirtualClock(1_700_000_000_000)
  readonly random: SeededRandom
  private readonly seed: number
  private readonly engine: CleaningEngine
  fileSystem = new MemoryFileSystem({ now: () => this.clock.now() })
  manager!: LogManager
  log!: PartitionLog
  /** What a reader of committed records must know at the end. */
  readonly oracle = new Map<string, Written>()
  readonly producers: Producer[] = [1, 2, 3].map((id) => ({ id, sequence: 0, pending: undefined }))
  cleanings = 0
  crashes = 0
  private value = 0

  constructor(seed: number, engine: CleaningEngine) {
    this.seed = seed
    this.engine = engine
    this.random = new SeededRandom(seed)
  }

  async open(): Promise<void> {
    this.manager = await LogManager.open({
      fileSystem: this.fileSystem,
      clock: this.clock,
      random: this.random,
      logger: silentLogger,
      logDir: '/data',
      privateDir: '/private',
      nodeId: 1,
      cleaningEngine: this.engine,
      flushPolicy: 'fsync',
      onFatal: (error) => {
        throw error
      },
      schedule: queueMicrotask,
    })
    this.log = this.manager.get('t', 0) ?? this.manager.create('t', 0, TOPIC_ID, config)
    this.manager.setConfig('t', config)
    await this.log.ready()
  }

  async append(batch: Buffer, origin: 'client' | 'coordinator'): Promise<number> {
    const result = this.log.append(batch, { origin, leaderEpoch: 0 } as never)
    if (result.kind === 'refused') throw new Error(`${result.error}: ${result.message}`)
    await this.log.whenDurable(result.lastOffset)
    return result.baseOffset
  }

  async write(): Promise<void> {
    const { random } = this
    const producer = random.chance(0.7) ? this.producers[random.integer(3)] : undefined
    const isTransactional =
      producer !== undefined && (producer.pending !== undefined || random.chance(0.5))
    const builder = new BatchBuilder({
      compression: random.chance(0.3) ? COMPRESSION.gzip : COMPRESSION.none,
    })
    const entries: [string, string | null][] = []
    for (let i = 0; i <= random.integer(4); i++) {
      const key = `key ${random.integer(KEYS)}`
      const value = random.chance(0.2) ? null : `value ${this.value++}`
      builder.append(
        this.clock.now(),
        key,
        value,
        random.chance(0.2) ? [{ key: 'h', value: 'x' }] : [],
      )
      entries.push([key, value])
    }
    const { count } = builder
    const base = await this.append(
      builder.finish(
        producer
          ? {
              producerId: producer.id,
              producerEpoch: 0,
              baseSequence: producer.sequence,
              isTransactional,
            }
          : {},
      ),
      'client',
    )
    if (producer) producer.sequence += count
    if (isTransactional) producer.pending ??= new Map()
    const target = isTransactional ? (producer.pending as Map<string, Written>) : this.oracle
    for (const [i, [key, value]] of entries.entries()) target.set(key, { value, offset: base + i })
  }

  async endTransaction(): Promise<void> {
    const open = this.producers.filter((producer) => producer.pending)
    const producer = open[this.random.integer(Math.max(1, open.length))]
    if (!producer?.pending) return
    const isCommit = this.random.chance(0.6)
    const end = { isCommit, producerId: producer.id, producerEpoch: 0, coordinatorEpoch: 0 }
    await this.append(
      buildEndTransactionMarker(end, { timestamp: this.clock.now() }),
      'coordinator',
    )
    if (isCommit) {
      for (const [key, written] of producer.pending) {
        // By offset: another producer may have written the key behind this one.
        if ((this.oracle.get(key)?.offset ?? -1) < written.offset) this.oracle.set(key, written)
      }
    }
    producer.pending = undefined
  }

  async clean(): Promise<void> {
    const isLarge = this.random.chance(0.8)
    // A power cut at one of the calls of the cleaning, or of what comes behind it.
    const crashAt = this.random.chance(0.4) ? this.random.integer(60) : -1
    let calls = 0
    let image: MemoryFileSystem | undefined
    this.fileSystem.onCall = () => {
      if (calls++ !== crashAt) return
      const keep = (['lost', 'kept', 'torn'] as const)[this.random.integer(3)] ?? 'lost'
      image = this.fileSystem.crash({ bytes: keep, names: keep, random: this.random })
    }
    const isCleaned = await this.manager.cleaner.cleanOne(this.clock.now(), {
      ...defaultCleanerSettings,
      dedupeBufferBytes: isLarge ? 1_000_000 : 1,
    })
    this.fileSystem.onCall = undefined
    if (isCleaned) this.cleanings++
    if (!image) return
    this.crashes++
    this.fileSystem = image
    await this.open()
  }

  async restart(): Promise<void> {
    await this.manager.close()
    await this.open()
  }

  /** Follows the log as a reader of committed records does, from its beginning to its end. */
  private async readAll(): Promise<Map<string, Written>> {
    const { log } = this
    const found = new Map<string, Written>()
    let offset = log.logStartOffset
    let last = -1
    while (offset < log.lastStableOffset) {
      const result = await log.read(offset, {
        bytesMax: 500,
        upTo: 'last-stable-offset',
        atLeastOneBatch: true,
      })
      if (result.size === 0) break
      for (const batch of readBatches(Buffer.concat(result.chunks as Buffer[]))) {
        this.must(batch.isCrcValid, `the batch at ${batch.baseOffset} is damaged`)
        offset = batch.lastOffset + 1
        if (batch.isControl) continue
        const isAborted =
          batch.isTransactional &&
          (result.abortedTransactions ?? []).some(
            (a) =>
              a.producerId === batch.producerId &&
              a.firstOffset <= batch.baseOffset &&
              a.lastOffset > batch.lastOffset,
          )
        for (const { offset: at, key, value } of batch.records()) {
          this.must(at > last, `offset ${at} comes behind ${last}`)
          last = at
          if (!isAborted) found.set(String(key), { value: value?.toString() ?? null, offset: at })
        }
      }
    }
    return found
  }

  /** Behind an undecided transaction nothing is visible yet. */
  private async check(): Promise<void> {
    const { lastStableOffset } = this.log
    const found = await this.readAll()
    for (const [key, known] of this.oracle) {
      if (known.offset >= lastStableOffset) continue
      const seen = found.get(key)
      // A tombstone may be gone by now; a value may not.
      const isRight = known.value === null ? (seen?.value ?? null) === null : isSame(seen, known)
      this.must(isRight, `${key} is ${told(seen)}, where ${told(known)} was committed`)
    }
    for (const [key, seen] of found) {
      const known = this.oracle.get(key)
      if (seen.value === null || !known || known.offset >= lastStableOffset) continue
      this.must(isSame(seen, known), `${key} is ${told(seen)} instead of ${told(known)}`)
    }
  }

  private must(condition: boolean, what: string): void {
    must(condition, `compaction, seed ${this.seed}: ${what}`)
  }

  async run(): Promise<void> {
    await this.open()
    for (let step = 0; step < STEPS; step++) {
      const dice = this.random.integer(100)
      if (dice < 60) await this.write()
      else if (dice < 75) await this.endTransaction()
      else if (dice < 85) await this.clean()
      else if (dice < 90) await this.check()
      else if (dice < 93) await this.restart()
      else await this.clock.advance(this.random.integer(HOUR))
    }
    for (let i = 0; i < 3; i++) await this.endTransaction()
    await this.clean()
    await this.check()
    await this.manager.close()
  }
}

const told = (written: Written | undefined): string =>
  written ? `${written.value ?? 'deleted'} at ${written.offset}` : 'not there'

const isSame = (a: Written | undefined, b: Written): boolean =>
  a?.value === b.value && a.offset === b.offset

export interface CompactionReport {
  readonly histories: number
  readonly cleanings: number
  readonly crashes: number
  readonly violations: readonly string[]
}

/** Runs the histories of the seeds `1` to `histories`; `engine` is for mutants. */
export async function runCompactionHistories(
  histories: number,
  engine: CleaningEngine = cleanHere,
): Promise<CompactionReport> {
  let [cleanings, crashes] = [0, 0]
  const violations: string[] = []
  for (let seed = 1; seed <= histories; seed++) {
    const history = new CompactionHistory(seed, engine)
    try {
      await history.run()
    } catch (error) {
      if (!(error instanceof Violation)) throw error
      violations.push(error.message)
    }
    cleanings += history.cleanings
    crashes += history.crashes
  }
  return { histories, cleanings, crashes, violations }
}

/** One rule of the cleaner broken at a time. */
export const COMPACTION_MUTANTS: Readonly<Record<string, CleaningEngine>> = {
  'aborted transactions taken for committed': (job, io) => cleanHere({ ...job, aborted: [] }, io),
  'tombstones dropped before the values they delete': (job, io) =>
    cleanHere({ ...job, firstDirtyOffset: job.segments.at(-1)?.baseOffset ?? 0 }, io),
}
