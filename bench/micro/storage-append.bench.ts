/**
 * The log alone, on the real disk: appends with group commit, then a read of everything. Prints
 * CPU seconds per GB and microseconds per batch, which is what guards the HOT files of storage.
 *
 *   storage-append.bench [batch bytes] [in flight] [total bytes] [partitions] [fsync|os]
 */
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { realClock, realRandom, silentLogger } from '@ottla/base'
import { BatchBuilder, lastOffsetOf } from '@ottla/protocol'
import {
  defaultLogConfig,
  type FlushPolicy,
  LogManager,
  type PartitionLog,
  RealFileSystem,
} from '@ottla/storage'

const [batchBytes = 16_384, inFlight = 5, totalBytes = 256e6, partitions = 1] = process.argv
  .slice(2, 6)
  .map(Number)
const flushPolicy: FlushPolicy = process.argv[6] === 'os' ? 'os' : 'fsync'

function makeTemplate(): Buffer {
  const builder = new BatchBuilder()
  const value = Buffer.alloc(1000, 1)
  do builder.append(realClock.now(), null, value)
  while (builder.size < batchBytes - 1100)
  return builder.finish()
}

/** CPU seconds and wall milliseconds that `work` takes. */
async function measure(work: () => Promise<void>): Promise<{ cpu: number; ms: number }> {
  const before = process.cpuUsage()
  const start = realClock.monotonicMs()
  await work()
  const { user, system } = process.cpuUsage(before)
  return { cpu: (user + system) / 1e6, ms: realClock.monotonicMs() - start }
}

async function append(logs: readonly PartitionLog[], template: Buffer, count: number) {
  let sent = 0
  const lane = async () => {
    while (sent < count) {
      const log = logs[sent++ % logs.length] as PartitionLog
      const result = log.append(Buffer.from(template), { origin: 'client', leaderEpoch: 0 })
      if (result.kind !== 'appended') throw new Error(`append: ${result.kind}`)
      await log.whenDurable(result.lastOffset)
    }
  }
  await Promise.all(Array.from({ length: inFlight }, lane))
}

async function readEverything(log: PartitionLog): Promise<number> {
  const options = { bytesMax: 1 << 20, upTo: 'high-watermark', atLeastOneBatch: true } as const
  let bytes = 0
  for (let offset = 0; offset < log.highWatermark; ) {
    const { chunks, size } = await log.read(offset, options)
    bytes += size
    const last = chunks.at(-1) as Buffer
    let at = 0
    while (at + last.readInt32BE(at + 8) + 12 < last.length) at += last.readInt32BE(at + 8) + 12
    offset = lastOffsetOf(last, at) + 1
  }
  return bytes
}

const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'ottla-bench-'))
const manager = await LogManager.open({
  fileSystem: new RealFileSystem(),
  clock: realClock,
  random: realRandom,
  logger: silentLogger,
  logDir: `${directory}/data`,
  privateDir: `${directory}/private`,
  nodeId: 1,
  flushPolicy,
  onFatal: (error) => {
    throw error
  },
})
try {
  const topicId = Buffer.alloc(16, 9).toString('base64url')
  const logs = Array.from({ length: partitions }, (_, i) =>
    manager.create('bench', i, topicId, defaultLogConfig),
  )
  await Promise.all(logs.map((log) => log.ready()))
  const template = makeTemplate()
  const count = Math.ceil(totalBytes / template.length)
  const appended = await measure(() => append(logs, template, count))
  const gb = (count * template.length) / 1e9
  console.log(
    `append ${template.length} B, ${inFlight} in flight, ${partitions} partitions, ` +
      `${flushPolicy}: ${((gb * 1e6) / appended.ms).toFixed(0)} MB/s, ` +
      `${(appended.cpu / gb).toFixed(2)} CPU s/GB, ` +
      `${((appended.cpu * 1e6) / count).toFixed(1)} us/batch, ${manager.commitRounds} rounds`,
  )
  let readBytes = 0
  const read = await measure(async () => {
    readBytes = await readEverything(logs[0] as PartitionLog)
  })
  console.log(
    `read 1 MiB at a time: ${(readBytes / 1e3 / read.ms).toFixed(0)} MB/s, ` +
      `${((read.cpu / readBytes) * 1e9).toFixed(3)} CPU s/GB`,
  )
} finally {
  await manager.close()
  fs.rmSync(directory, { recursive: true, force: true })
}
