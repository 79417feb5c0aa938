/**
 * One measurement of one client in a process of its own: CPU seconds and wall clock between the end
 * of a warm-up and the last record. Prints one line of JSON.
 *
 *   node client-worker.ts CLIENT-MODULE produce|consume BOOTSTRAP TOPIC SIZE COUNT
 */
import { pathToFileURL } from 'node:url'

const [modulePath, mode, bootstrap, topic, sizeText, countText] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
  string,
  string,
]
const size = Number(sizeText)
const count = Number(countText)
const RECORDS_PER_CALL = 1_000
const CALLS_IN_FLIGHT = 5
/** Long enough for the optimising compiler. */
const WARM_UP_SHARE = 0.3

const client = await import(pathToFileURL(modulePath).href)

let startedAt = 0
let cpuBefore: NodeJS.CpuUsage
function startClock(): void {
  cpuBefore = process.cpuUsage()
  startedAt = performance.now()
}
function report(records: number): void {
  const wallMs = performance.now() - startedAt
  const { user, system } = process.cpuUsage(cpuBefore)
  const rss = process.memoryUsage.rss()
  process.stdout.write(
    `${JSON.stringify({ records, wallMs, userMs: user / 1000, systemMs: system / 1000, rss })}\n`,
  )
}

async function produce(): Promise<void> {
  const producer = await client.openProducer({ bootstrap, topic })
  const values = Array.from({ length: RECORDS_PER_CALL }, (_, i) => {
    const value = Buffer.alloc(size)
    for (let n = 0; n < size; n++) value[n] = 33 + ((i * 31 + n * 17) % 90)
    return value
  })
  const run = async (calls: number) => {
    let next = 0
    const lane = async () => {
      while (next < calls) {
        next++
        await producer.send(values)
      }
    }
    await Promise.all(Array.from({ length: CALLS_IN_FLIGHT }, lane))
  }
  const calls = count / RECORDS_PER_CALL
  await run(Math.ceil(calls * WARM_UP_SHARE))
  startClock()
  await run(calls)
  report(calls * RECORDS_PER_CALL)
  await producer.close()
}

/** The topic holds `count` records and some more; the first ones are the warm-up. */
async function consume(): Promise<void> {
  const consumer = await client.openConsumer({ bootstrap, topic })
  let seen = 0
  let seenBefore = 0
  let bytes = 0
  await new Promise<void>((resolve, reject) => {
    const onRecords = (records: number, size: number) => {
      seen += records
      bytes += size
      if (seenBefore === 0 && seen >= count * WARM_UP_SHARE) {
        seenBefore = seen
        startClock()
      }
      if (seen - records < count && seen >= count) {
        report(seen - seenBefore)
        resolve()
      }
    }
    consumer.run(onRecords).catch(reject)
  })
  if (bytes !== seen * size) throw new Error(`${bytes} bytes in ${seen} records of ${size}`)
  await consumer.close()
}

await (mode === 'produce' ? produce() : consume())
process.exit(0)
