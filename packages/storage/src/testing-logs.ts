/** A log manager over a file system in memory, for the tests of this package. */
import { SeededRandom, silentLogger, VirtualClock } from '@ottla/base'
import type { FileSystem } from './file-system.ts'
import { defaultLogConfig, type LogConfig } from './log-config.ts'
import { LogManager, type LogManagerOptions } from './log-manager.ts'
import { MemoryFileSystem } from './memory-file-system.ts'
import type { PartitionLog } from './partition-log.ts'

export const TOPIC_ID = 'AAECAwQFBgcICQoLDA0ODw'

/** Settings of a log that is cleaned as soon as two small segments are full. */
export const COMPACTED: Partial<LogConfig> = {
  cleanupPolicy: ['compact'],
  segmentBytes: 200,
  minCleanableDirtyRatio: 0,
  deleteRetentionMs: 3_600_000,
}

export interface TestLogs {
  readonly fileSystem: FileSystem
  readonly clock: VirtualClock
  readonly manager: LogManager
  readonly fatal: Error[]
}

export async function openLogs(
  fileSystem: FileSystem = new MemoryFileSystem(),
  options: Partial<LogManagerOptions> = {},
): Promise<TestLogs> {
  const clock = (options.clock as VirtualClock | undefined) ?? new VirtualClock()
  const fatal: Error[] = []
  const manager = await LogManager.open({
    fileSystem,
    clock,
    random: new SeededRandom(1),
    logger: silentLogger,
    logDir: '/data',
    privateDir: '/private',
    nodeId: 1,
    flushPolicy: 'fsync',
    onFatal: (error) => fatal.push(error),
    schedule: queueMicrotask,
    ...options,
  })
  return { fileSystem, clock, manager, fatal }
}

/** A ready partition `t-0` with small segments and a dense index. */
export async function createLog(
  manager: LogManager,
  config: Partial<LogConfig> = {},
  partition = 0,
): Promise<PartitionLog> {
  const log = manager.create('t', partition, TOPIC_ID, {
    ...defaultLogConfig,
    indexIntervalBytes: 0,
    ...config,
  })
  await log.ready()
  return log
}

/** Appends as a client and waits until it is durable; returns the base offset. */
export async function appendDurably(log: PartitionLog, batch: Buffer): Promise<number> {
  const result = log.append(batch, { origin: 'client', leaderEpoch: 0 })
  if (result.kind === 'refused') throw new Error(`${result.error}: ${result.message}`)
  await log.whenDurable(result.lastOffset)
  return result.baseOffset
}

/** All batches from `offset` on, from file or cache. */
export async function readAll(log: PartitionLog, from = log.logStartOffset): Promise<Buffer> {
  const parts: Buffer[] = []
  let offset = from
  while (offset < log.highWatermark) {
    const result = await log.read(offset, {
      bytesMax: 1000,
      upTo: 'high-watermark',
      atLeastOneBatch: true,
    })
    if (result.size === 0) throw new Error(`nothing at offset ${offset}`)
    const bytes = Buffer.concat(result.chunks as Buffer[])
    parts.push(bytes)
    for (let at = 0; at < bytes.length; at += bytes.readInt32BE(at + 8) + 12) {
      offset = Number(bytes.readBigInt64BE(at)) + bytes.readInt32BE(at + 23) + 1
    }
  }
  return Buffer.concat(parts)
}
