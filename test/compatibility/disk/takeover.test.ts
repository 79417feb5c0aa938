/**
 * ottla opens the directory Apache Kafka wrote, and Apache Kafka opens it again after ottla wrote
 * to it: every record, offset, setting and committed position is where it was, both ways.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Kafka } from '@ottla/client'
import { describe, expect, test } from 'vitest'
import { startOttlaProcess } from '../../support/ottla-process.ts'
import { startApacheBroker } from '../support/apache-broker.ts'
import { makeAccess, readAccess } from './access.ts'
import { type Contents, contentsOf, fill, load, readInGroup } from './sample-data.ts'

const TEST_TIMEOUT_MS = 300_000
const SETTINGS = {
  'offsets.topic.num.partitions': '5',
  'group.initial.rebalance.delay.ms': '0',
  // The records are dated years back, and a slow run lasts until retention looks.
  'log.retention.ms': '-1',
  'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
  'super.users': 'User:ANONYMOUS',
}

/** Goes on with what is there: more records everywhere, a new topic, a group that resumes. */
async function goOn(bootstrap: string, newTopic: string): Promise<void> {
  await using kafka = new Kafka({ brokers: bootstrap })
  await kafka.admin.createTopics([{ topic: newTopic, partitions: 2 }])
  await fill(kafka, newTopic, 'lz4', 100)
  await fill(kafka, 'of-gzip', 'gzip', 100)
  await fill(kafka, 'rolled', 'none', 1_000, 1_000)
  expect(await readInGroup(kafka, 'readers', 'of-gzip', 100)).toBe(100)
}

function expectNothingLost(before: Contents, after: Contents): void {
  for (const [name, { start, end }] of Object.entries(before.partitions)) {
    expect(after.partitions[name]?.start, name).toBe(start)
    expect(after.partitions[name]?.end, name).toBeGreaterThanOrEqual(end)
  }
}

describe.each(['cleanly', 'by kill -9'])('Apache Kafka stopped %s', (how) => {
  test('ottla takes over, and gives back', { timeout: TEST_TIMEOUT_MS }, async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'ottla-takeover-'))
    const logDir = join(dataDir, 'data')
    try {
      const apache = await startApacheBroker({ dataDir, heap: '512m', overrides: SETTINGS })
      await load(apache.bootstrap)
      await makeAccess(apache.bootstrap, 'by-apache')
      const written = await contentsOf(apache.bootstrap)
      const access = await readAccess(apache.bootstrap)
      if (how === 'cleanly') await apache.stop()
      else await apache.kill9()

      const ottla = await startOttlaProcess({ dataDir: logDir, settings: SETTINGS })
      expect(await contentsOf(ottla.bootstrap)).toEqual(written)
      expect(await readAccess(ottla.bootstrap)).toEqual(access)
      await makeAccess(ottla.bootstrap, 'by-ottla')
      const continuedAccess = await readAccess(ottla.bootstrap)
      await goOn(ottla.bootstrap, 'made-by-ottla')
      const continued = await contentsOf(ottla.bootstrap)
      expectNothingLost(written, continued)
      if (how === 'cleanly') await ottla.stop()
      else await ottla.kill9()

      const again = await startApacheBroker({ dataDir, heap: '512m', overrides: SETTINGS })
      expect(await contentsOf(again.bootstrap), again.output()).toEqual(continued)
      expect(await readAccess(again.bootstrap)).toEqual(continuedAccess)
      await goOn(again.bootstrap, 'made-by-apache')
      await again.stop()
      // A replica that is in sync again is not eligible beside the ISR (KIP-966).
      expect(again.output()).not.toMatch(/\bELR\b/)
    } finally {
      await rm(dataDir, { recursive: true, force: true })
    }
  })
})

test('Apache Kafka opens a directory that ottla made', { timeout: TEST_TIMEOUT_MS }, async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'ottla-handover-'))
  try {
    const ottla = await startOttlaProcess({
      dataDir,
      settings: { ...SETTINGS, 'log.dirs': join(dataDir, 'data') },
    })
    await load(ottla.bootstrap)
    await makeAccess(ottla.bootstrap, 'made')
    const access = await readAccess(ottla.bootstrap)
    const written = await contentsOf(ottla.bootstrap)
    await ottla.stop()
    await using apache = await startApacheBroker({ dataDir, heap: '512m', overrides: SETTINGS })
    expect(await contentsOf(apache.bootstrap), apache.output()).toEqual(written)
    expect(await readAccess(apache.bootstrap)).toEqual(access)
    await goOn(apache.bootstrap, 'made-by-apache')
  } finally {
    await rm(dataDir, { recursive: true, force: true })
  }
})
