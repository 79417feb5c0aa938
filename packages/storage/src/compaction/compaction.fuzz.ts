/**
 * Random histories of a compacted log against a map: keys are set and deleted, in transactions that
 * commit or abort and outside of them, the log rolls and is cleaned, the power goes at any call,
 * readers read on. Whatever happens, who reads the log from the beginning to its end must know of
 * every key what the map knows, and offsets never change.
 */
import { SeededRandom, silentLogger, VirtualClock } from '@ottla/base'
import { BatchBuilder, buildEndTransactionMarker, COMPRESSION, readBatches } from '@ottla/protocol'
import { expect, test } from 'vitest'
import { defaultLogConfig, type LogConfig } from '../log-config.ts'
import { LogManager } from '../log-manager.ts'
import { MemoryFileSystem } from '../memory-file-system.ts'
import type { PartitionLog } from '../partition-log.ts'
import { TOPIC_ID } from '../testing-logs.ts'
import { defaultCleanerSettings } from './log-cleaner.ts'

const HISTORIES = Number(process.env['OTTLA_HISTORIES'] ?? 60)
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

class History {
  readonly clock = new VirtualClock(1_700_000_000_000)
  readonly random: SeededRandom
  readonly seed: number
  fileSystem = new MemoryFileSystem({ now: () => this.clock.now() })
  manager!: LogManager
  log!: PartitionLog
  /** What a reader of committed records must know at the end. */
  readonly oracle = new Map<string, Written>()
  readonly producers: Producer[] = [1, 2, 3].map((id) => ({ id, sequence: 0, pending: undefined }))
  cleanings = 0
  crashes = 0
  private value = 0

  constructor(seed: number) {
    this.seed = seed
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

  /** Follows the log as a reader of committed records does. */
  async check(): Promise<void> {
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
      const aborted = result.abortedTransactions ?? []
      for (const batch of readBatches(Buffer.concat(result.chunks as Buffer[]))) {
        expect(batch.isCrcValid).toBe(true)
        offset = batch.lastOffset + 1
        const isAborted =
          batch.isTransactional &&
          aborted.some(
            (a) =>
              a.producerId === batch.producerId &&
              a.firstOffset <= batch.baseOffset &&
              a.lastOffset > batch.lastOffset,
          )
        if (batch.isControl) continue
        for (const record of batch.records()) {
          expect(record.offset, `seed ${this.seed}`).toBeGreaterThan(last)
          last = record.offset
          if (isAborted) continue
          found.set(String(record.key), {
            value: record.value?.toString() ?? null,
            offset: record.offset,
          })
        }
      }
    }
    for (const [key, { value, offset: at }] of this.oracle) {
      // Behind an undecided transaction nothing is visible yet.
      if (at >= log.lastStableOffset) continue
      const seen = found.get(key)
      if (value === null) expect(seen?.value ?? null, `seed ${this.seed}: ${key}`).toBe(null)
      else expect(seen, `seed ${this.seed}: ${key}`).toEqual({ value, offset: at })
    }
    for (const [key, { value, offset: at }] of found) {
      const known = this.oracle.get(key)
      if (value !== null && known && known.offset < log.lastStableOffset) {
        expect({ value, offset: at }, `seed ${this.seed}: ${key}`).toEqual(known)
      }
    }
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

test('a cleaned log tells of every key what a map knows', async () => {
  let [cleanings, crashes] = [0, 0]
  for (let seed = 1; seed <= HISTORIES; seed++) {
    const history = new History(seed)
    await history.run()
    cleanings += history.cleanings
    crashes += history.crashes
  }
  expect(cleanings).toBeGreaterThan(HISTORIES)
  expect(crashes).toBeGreaterThan(HISTORIES / 2)
}, 600_000)
