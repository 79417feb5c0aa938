/**
 * Two log directories: Apache Kafka's tools move partitions between them, on both brokers alike,
 * and each broker finds its way in what the other left.
 */
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Kafka } from '@ottla/client'
import { expect, test } from 'vitest'
import { startOttlaProcess } from '../../support/ottla-process.ts'
import { startApacheBroker } from '../support/apache-broker.ts'
import { runTool } from '../support/apache-tools.ts'
import { waitUntil } from '../support/judged-broker.ts'
import { contentsOf, fill } from './sample-data.ts'

const TEST_TIMEOUT_MS = 300_000

const dirsOf = (dataDir: string): [string, string] => [join(dataDir, 'data'), join(dataDir, 'more')]
const settingsOf = (dataDir: string) => ({ 'log.dirs': dirsOf(dataDir).join(',') })

async function partitionsIn(directory: string, topic: string): Promise<string[]> {
  const names = await readdir(directory)
  return names.filter((name) => new RegExp(`^${topic}-\\d+$`).test(name)).sort()
}

/** Moves all partitions of a topic into one directory, with `kafka-reassign-partitions`. */
async function reassign(bootstrap: string, topic: string, path: string): Promise<string> {
  const file = join(path, '..', 'reassign.json')
  const partitions = [0, 1, 2, 3].map((partition) => ({
    topic,
    partition,
    replicas: [1],
    log_dirs: [path],
  }))
  await writeFile(file, JSON.stringify({ version: 1, partitions }))
  const run = (...flags: string[]) =>
    runTool('ReassignPartitionsCommand', [
      '--bootstrap-server',
      bootstrap,
      '--reassignment-json-file',
      file,
      ...flags,
    ])
  const executed = await run('--execute')
  expect(executed, executed.stderr).toMatchObject({ code: 0 })
  let verified = ''
  await waitUntil('the tool says that it is done', async () => {
    verified = (await run('--verify')).stdout
    return !verified.includes('still in progress')
  })
  return verified
}

async function withTopic(bootstrap: string): Promise<void> {
  await using kafka = new Kafka({ brokers: bootstrap })
  await kafka.admin.createTopics([{ topic: 'four', partitions: 4 }])
  await fill(kafka, 'four', 'gzip', 400)
}

/** Starts either broker, has a topic made and moved, and gives what the tools told. */
async function life(
  dataDir: string,
  start: () => Promise<{ readonly bootstrap: string; stop(): Promise<void> }>,
): Promise<string[]> {
  const [first, second] = dirsOf(dataDir)
  const broker = await start()
  try {
    await withTopic(broker.bootstrap)
    const told: string[] = []
    for (const path of [second, first]) {
      told.push((await reassign(broker.bootstrap, 'four', path)).replaceAll(path, '<dir>'))
      await waitUntil('all are there', async () => (await partitionsIn(path, 'four')).length === 4)
    }
    // The next broker finds them in the second.
    await reassign(broker.bootstrap, 'four', second)
    return told
  } finally {
    await broker.stop()
  }
}

test('tools move partitions, on both brokers alike', { timeout: TEST_TIMEOUT_MS }, async () => {
  const roots = await Promise.all(
    ['ottla', 'apache'].map((name) => mkdtemp(join(tmpdir(), `ottla-dirs-${name}-`))),
  )
  const [ours, theirs] = roots as [string, string]
  const ottlaOn = (dataDir: string) => startOttlaProcess({ dataDir, settings: settingsOf(dataDir) })
  const apacheOn = (dataDir: string) =>
    startApacheBroker({ dataDir, heap: '512m', overrides: settingsOf(dataDir) })
  try {
    const told = await life(ours, () => ottlaOn(ours))
    const wanted = await life(theirs, () => apacheOn(theirs))
    expect(told).toEqual(wanted)

    // Each opens what the other left, and finds everything.
    await using apache = await apacheOn(ours)
    await using ottla = await ottlaOn(theirs)
    const contents = await Promise.all([apache, ottla].map((b) => contentsOf(b.bootstrap)))
    expect(contents[0]?.partitions).toEqual(contents[1]?.partitions)
    for (const root of roots) {
      expect(await partitionsIn(dirsOf(root)[1], 'four')).toHaveLength(4)
      expect(await partitionsIn(dirsOf(root)[0], 'four')).toHaveLength(0)
    }
  } finally {
    for (const root of roots) await rm(root, { recursive: true, force: true })
  }
})
