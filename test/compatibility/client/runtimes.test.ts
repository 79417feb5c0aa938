/**
 * The built client on other versions of Node, and on Bun: all codecs, transactions and both group
 * protocols, loaded with `import` and with `require`; and how often V8 has to mark its whole heap
 * while large records are read.
 */
import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Kafka } from '@ottla/client'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type OttlaProcess, startOttlaProcess } from '../../support/ottla-process.ts'
import { REPOSITORY_ROOT } from '../support/apache-jars.ts'
import { ensureRuntimes, INSTALL_TIMEOUT_MS, RUNTIMES, type Runtime } from '../support/peers.ts'
import { outputOf } from '../support/run-program.ts'

const PROGRAM = `
async function main({ defineTopic, Kafka, string }, bootstrap, name) {
  const kafka = new Kafka({ brokers: bootstrap })
  const Texts = defineTopic('texts-' + name, { key: string(), value: string() })
  await kafka.admin.createTopics([{ topic: Texts.name, partitions: 2 }])
  for (const compression of ['none', 'gzip', 'snappy', 'lz4', 'zstd']) {
    const producer = kafka.producer({ compression })
    await producer.send(Texts, { key: compression, value: (compression + ' ').repeat(100) })
    await producer.close()
  }
  const producer = kafka.producer({ transactionalId: name })
  await producer.transaction(async (tx) => void tx.send(Texts, { key: 't', value: 'committed' }))
  const aborted = producer.transaction(async (tx) => {
    tx.send(Texts, { key: 't', value: 'aborted' })
    throw new Error('aborted')
  })
  await aborted.catch((error) => {
    if (error.message !== 'aborted') throw error
  })
  const seen = {}
  for (const groupProtocol of ['classic', 'consumer']) {
    const stop = new AbortController()
    const consumer = kafka.consumer({
      ...{ group: name + groupProtocol, groupProtocol, from: 'earliest' },
      isolationLevel: 'read_committed',
    })
    const values = []
    const handler = ({ value }) => {
      if (values.push(value.split(' ')[0]) === 6) stop.abort()
    }
    await consumer.run(Texts, handler, { signal: stop.signal, concurrency: 2 })
    await consumer.close()
    seen[groupProtocol] = values.sort().join(' ')
  }
  await kafka.close()
  process.stdout.write(JSON.stringify(seen))
}
const work = (client) => main(client, process.argv[2], process.argv[3])
`
const LARGE_BYTES = 10_000
const LARGE_RECORDS = 30_000
/** A tenth of the major collections that the bytes would cause, were they not collected young. */
const MAJOR_COLLECTIONS_MAX = 4

const COLLECTIONS = `
import { constants, PerformanceObserver } from 'node:perf_hooks'
import { Kafka } from '@ottla/client'
const kafka = new Kafka({ brokers: process.argv[2] })
const consumer = kafka.consumer({ group: process.argv[3], from: 'earliest', autoCommit: false })
const collections = { minor: 0, major: 0 }
new PerformanceObserver((list) => {
  for (const { detail } of list.getEntries()) {
    if (detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR) collections.major++
    if (detail.kind === constants.NODE_PERFORMANCE_GC_MINOR) collections.minor++
  }
}).observe({ entryTypes: ['gc'] })
let records = 0
let bytes = 0
for await (const batch of consumer.subscribe('large')) {
  for (const record of batch) bytes += record.value.length
  records += batch.count
  if (records === ${LARGE_RECORDS}) break
}
await consumer.close()
await kafka.close()
process.stdout.write(JSON.stringify({ bytes, ...collections }))
`

let broker: OttlaProcess
let runtimes: Readonly<Record<Runtime, string>>
/** Below the root, so that the client is found as a program of the workspace finds it. */
let directory: string

beforeAll(async () => {
  runtimes = await ensureRuntimes()
  broker = await startOttlaProcess()
  const cache = join(REPOSITORY_ROOT, 'node_modules', '.cache')
  mkdirSync(cache, { recursive: true })
  directory = mkdtempSync(join(cache, 'runtimes-'))
}, INSTALL_TIMEOUT_MS)
afterAll(async () => {
  await broker?.stop()
  if (directory) rmSync(directory, { recursive: true, force: true })
})

const FORMS = {
  mjs: "import * as client from '@ottla/client'\nwork(client)\n",
  cjs: "work(require('@ottla/client'))\n",
} as const

describe.each(Object.keys(RUNTIMES) as Runtime[])('%s', (runtime) => {
  test.each(['mjs', 'cjs'] as const)('runs the client (%s)', { timeout: 120_000 }, async (form) => {
    const file = join(directory, `program.${form}`)
    writeFileSync(file, PROGRAM + FORMS[form])
    const name = `${runtime}-${form}`.replaceAll(' ', '-').toLowerCase()
    const output = await outputOf(runtimes[runtime], [file, broker.bootstrap, name])
    const all = 'committed gzip lz4 none snappy zstd'
    expect(JSON.parse(output)).toEqual({ classic: all, consumer: all })
  })
})

describe('reading large records', () => {
  beforeAll(async () => {
    await using kafka = new Kafka({ brokers: broker.bootstrap })
    await kafka.admin.createTopics([{ topic: 'large', partitions: 1 }])
    await using producer = kafka.producer()
    const records = Array.from({ length: 1_000 }, () => ({ value: randomBytes(LARGE_BYTES) }))
    for (let sent = 0; sent < LARGE_RECORDS; sent += records.length) {
      await producer.send('large', records)
    }
  }, 60_000)

  const ofNode = (Object.keys(RUNTIMES) as Runtime[]).filter((runtime) => runtime !== 'Bun')

  test.each(ofNode)('%s collects them young', { timeout: 60_000 }, async (runtime) => {
    const file = join(directory, 'collections.mjs')
    writeFileSync(file, COLLECTIONS)
    const output = await outputOf(runtimes[runtime], [file, broker.bootstrap, `large-${runtime}`])
    const { bytes, minor, major } = JSON.parse(output)
    expect(bytes).toBe(LARGE_BYTES * LARGE_RECORDS)
    expect(minor).toBeGreaterThan(5)
    expect(major).toBeLessThanOrEqual(MAJOR_COLLECTIONS_MAX)
  })
})
