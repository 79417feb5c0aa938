/**
 * The cleaner alone, on the real disk: a log of records with repeated keys is filled and cleaned
 * once. Prints CPU seconds per GB and the memory that the keys took, which is what guards the HOT
 * files of compaction.
 *
 *   storage-compaction.bench [total bytes] [keys] [value bytes]
 */
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { realClock, realRandom, SeededRandom, silentLogger } from '@ottla/base'
import { BatchBuilder } from '@ottla/protocol'
import {
  cleanHere,
  defaultCleanerSettings,
  defaultLogConfig,
  LogManager,
  type PartitionLog,
  RealFileSystem,
} from '@ottla/storage'

const [totalBytes = 256e6, keys = 100_000, valueBytes = 100] = process.argv.slice(2, 5).map(Number)
const random = new SeededRandom(1)

async function fill(log: PartitionLog): Promise<number> {
  const value = Buffer.alloc(valueBytes, 1)
  let records = 0
  for (let bytes = 0; bytes < totalBytes; ) {
    const builder = new BatchBuilder({ sizeInitial: 20_000 })
    while (builder.size < 16_000)
      builder.append(realClock.now(), `key-${random.integer(keys)}`, value)
    records += builder.count
    const batch = builder.finish()
    bytes += batch.length
    const result = log.append(batch, { origin: 'client', leaderEpoch: 0 })
    if (result.kind !== 'appended') throw new Error(`append: ${result.kind}`)
    if (records % 100_000 < 200) await log.whenDurable(result.lastOffset)
  }
  await log.flush()
  return records
}

const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'ottla-compaction-'))
try {
  const manager = await LogManager.open({
    fileSystem: new RealFileSystem(),
    clock: realClock,
    random: realRandom,
    logger: { ...silentLogger, info: (message, fields) => console.log(message, fields) },
    logDir: path.join(directory, 'log'),
    privateDir: path.join(directory, 'ottla'),
    nodeId: 1,
    flushPolicy: 'os',
    onFatal: (error) => {
      throw error
    },
    cleaningEngine: cleanHere,
  })
  const log = manager.create('t', 0, 'AAECAwQFBgcICQoLDA0ODw', {
    ...defaultLogConfig,
    cleanupPolicy: ['compact'],
    segmentBytes: 64 * 1024 * 1024,
  })
  await log.ready()
  const records = await fill(log)
  log.rollNow()
  await log.flush()
  const before = process.cpuUsage()
  const startMs = realClock.monotonicMs()
  const bytes = log.sizeBytes
  await manager.cleaner.cleanOne(realClock.now(), defaultCleanerSettings)
  const { user, system } = process.cpuUsage(before)
  const ms = realClock.monotonicMs() - startMs
  const cpu = (user + system) / 1e6
  console.log(
    `${records} records, ${(bytes / 1e6).toFixed(0)} MB cleaned to ` +
      `${(log.sizeBytes / 1e6).toFixed(0)} MB in ${ms.toFixed(0)} ms: ` +
      `${((cpu / bytes) * 1e9).toFixed(2)} CPU s/GB, ${((cpu / records) * 1e9).toFixed(0)} ns a record`,
  )
  await manager.close()
} finally {
  fs.rmSync(directory, { recursive: true, force: true })
}
