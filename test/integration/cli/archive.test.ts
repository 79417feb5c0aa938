/** `ottla archive verify` on the archive of a broker that is running. */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Kafka } from '@ottla/client'
import { startBroker, type TestBroker } from '@ottla/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { waitFor } from '../support/topics.ts'
import { ottla } from './run-ottla.ts'

let root: string
let broker: TestBroker
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'ottla-archive-'))
  broker = await startBroker({
    settings: {
      'remote.log.storage.system.enable': 'true',
      'archive.url': pathToFileURL(root).href,
      'rlmm.config.remote.log.metadata.topic.num.partitions': '3',
      'remote.log.manager.task.interval.ms': '50',
    },
  })
  await using kafka = new Kafka({ brokers: broker.address })
  const configs = { 'remote.storage.enable': 'true', 'segment.bytes': 1_048_576 }
  await kafka.admin.createTopics([{ topic: 'logs', partitions: 2, configs }])
  await using producer = kafka.producer()
  for (let i = 0; i < 40; i++) {
    const value = Buffer.alloc(100_000, i)
    await producer.send('logs', [{ partition: i % 2, value }])
  }
  await waitFor('segments are archived', async () => {
    const found = await kafka.admin.listOffsets([
      { topic: 'logs', partition: 0, at: -5 },
      { topic: 'logs', partition: 1, at: -5 },
    ])
    return found.every(({ offset }) => offset >= 9n)
  })
})
afterAll(async () => {
  await broker[Symbol.asyncDispose]()
  rmSync(root, { recursive: true, force: true })
})

interface Report {
  readonly segments: number
  readonly objects: number
  readonly deleted: number
  readonly findings: readonly { readonly finding: string; readonly where: string }[]
}

async function verify(...options: string[]): Promise<{ code: number | null; report: Report }> {
  const run = await ottla(['archive', 'verify', '-b', broker.address, '-o', 'json', ...options])
  expect(run.err).toBe('')
  return { code: run.code, report: JSON.parse(run.out) as Report }
}

/** Directory of the first partition's objects, and their names. */
function stored(): { directory: string; names: string[] } {
  const name = readdirSync(root).find((entry) => entry.startsWith('logs-0-')) as string
  const directory = join(root, name)
  return { directory, names: readdirSync(directory).sort() }
}

describe('ottla archive verify', () => {
  test('says that an archive is whole', async () => {
    const { code, report } = await verify()
    expect(report.findings).toEqual([])
    expect(report.segments).toBeGreaterThanOrEqual(2)
    expect(report.objects).toBe(report.segments * 5)
    expect(code).toBe(0)
    const table = await ottla(['archive', 'verify', '-b', broker.address])
    expect(table.out).toMatch(/segments, \d+ objects, \d+ bytes, nothing amiss/)
  })

  test('finds orphans, and deletes them when it is told to mend', async () => {
    const { directory } = stored()
    const orphan = '00000000000000000777-bCqX9U--S-6U8XUM9II25Q.log'
    writeFileSync(join(directory, orphan), 'left behind')
    writeFileSync(join(directory, 'notes.txt'), 'not of an archive')
    const found = await verify()
    expect(found.report.findings.map(({ finding }) => finding).sort()).toEqual([
      'foreign',
      'orphan',
    ])
    expect(found.code).toBe(1)
    const mended = await verify('--mend')
    expect(mended.report).toMatchObject({ deleted: 1 })
    expect(mended.report.findings.map(({ finding }) => finding)).toEqual(['foreign'])
    expect(mended.code).toBe(0)
    expect(stored().names).not.toContain(orphan)
    expect(stored().names).toContain('notes.txt')
    rmSync(join(directory, 'notes.txt'))
  })

  test('misses what readers are promised', async () => {
    const { directory, names } = stored()
    const index = names.find((name) => name.endsWith('.timeindex')) as string
    const log = names.find((name) => name.endsWith('.log')) as string
    rmSync(join(directory, index))
    writeFileSync(join(directory, log), 'short')
    const { code, report } = await verify('--mend')
    expect(report.findings.map(({ finding }) => finding).sort()).toEqual(['missing', 'wrong size'])
    expect(code).toBe(1)
  })

  test('needs to know where the archive is', async () => {
    await using plain = await startBroker()
    const run = await ottla(['archive', 'verify', '-b', plain.address])
    expect(run.code).toBe(2)
    expect(run.err).toMatch(/--archive/)
  })
})
