/**
 * Snapshots of the metadata written by either broker: the other starts from them when the log in
 * front of them is gone, and Apache Kafka's dump tool and metadata shell read ours.
 */
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Kafka } from '@ottla/client'
import { describe, expect, test } from 'vitest'
import { startOttlaProcess } from '../../support/ottla-process.ts'
import { startApacheBroker } from '../support/apache-broker.ts'
import { runMetadataShell, runTool } from '../support/apache-tools.ts'
import { makeAccess, readAccess } from './access.ts'
import { contentsOf, load } from './sample-data.ts'

const TEST_TIMEOUT_MS = 300_000
/** So small that the log is cut again and again. */
const SETTINGS = {
  'offsets.topic.num.partitions': '3',
  'metadata.log.max.record.bytes.between.snapshots': '2000',
  'metadata.max.retention.bytes': '20000',
  'internal.metadata.log.segment.bytes': '4096',
  // The records are dated years back, and a slow run lasts until retention looks.
  'log.retention.ms': '-1',
  'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
  'super.users': 'User:ANONYMOUS',
}

/** Many small changes of metadata. */
async function change(bootstrap: string, count: number): Promise<void> {
  await using kafka = new Kafka({ brokers: bootstrap })
  for (let i = 0; i < count; i++) {
    const configs = [{ name: 'retention.bytes', value: String(1_000_000 + i) }]
    await kafka.admin.incrementalAlterConfigs([{ type: 'topic', name: 'of-none', configs }])
  }
}

async function metadataFiles(dataDir: string) {
  const folder = join(dataDir, 'data', '__cluster_metadata-0')
  const names = (await readdir(folder)).sort()
  return {
    folder,
    snapshots: names.filter((name) => /^\d{20}-\d{10}\.checkpoint$/.test(name)),
    segments: names.filter((name) => name.endsWith('.log')),
  }
}

const everything = async (bootstrap: string) => ({
  contents: await contentsOf(bootstrap),
  access: await readAccess(bootstrap),
})

describe.each(['cleanly', 'by kill -9'])('stopped %s', (how) => {
  test('ottla writes snapshots that Apache Kafka starts from', {
    timeout: TEST_TIMEOUT_MS,
  }, async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'ottla-snapshots-'))
    try {
      const settings = { ...SETTINGS, 'log.dirs': join(dataDir, 'data') }
      const ottla = await startOttlaProcess({ dataDir, settings })
      await load(ottla.bootstrap)
      await makeAccess(ottla.bootstrap, 'someone')
      await change(ottla.bootstrap, 200)
      const written = await everything(ottla.bootstrap)
      if (how === 'cleanly') await ottla.stop()
      else await ottla.kill9()

      const { folder, snapshots, segments } = await metadataFiles(dataDir)
      expect(snapshots.length).toBeGreaterThan(0)
      // The beginning of the log is gone: there is no way but the snapshot.
      expect(Number(segments[0]?.slice(0, 20))).toBeGreaterThan(0)
      await judgeSnapshot(join(folder, snapshots.at(-1) as string))

      await using apache = await startApacheBroker({ dataDir, heap: '512m', overrides: SETTINGS })
      expect(await everything(apache.bootstrap), apache.output()).toEqual(written)
    } finally {
      await rm(dataDir, { recursive: true, force: true })
    }
  })

  test('Apache Kafka writes snapshots that ottla starts from', {
    timeout: TEST_TIMEOUT_MS,
  }, async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'ottla-snapshots-'))
    try {
      const apache = await startApacheBroker({ dataDir, heap: '512m', overrides: SETTINGS })
      await load(apache.bootstrap)
      await makeAccess(apache.bootstrap, 'someone')
      await change(apache.bootstrap, 200)
      const written = await everything(apache.bootstrap)
      if (how === 'cleanly') await apache.stop()
      else await apache.kill9()
      expect((await metadataFiles(dataDir)).snapshots.at(-1)).not.toMatch(/^0{20}/)

      const settings = { ...SETTINGS, 'log.dirs': join(dataDir, 'data') }
      await using ottla = await startOttlaProcess({ dataDir, settings })
      expect(await everything(ottla.bootstrap)).toEqual(written)
    } finally {
      await rm(dataDir, { recursive: true, force: true })
    }
  })
})

async function judgeSnapshot(path: string): Promise<void> {
  const dump = await runTool('DumpLogSegments', ['--cluster-metadata-decoder', '--files', path])
  expect(dump, dump.stderr).toMatchObject({ code: 0 })
  expect(dump.stdout).not.toMatch(/isvalid: false|Could not decode|Error/)
  for (const type of ['SnapshotHeader', 'SnapshotFooter', 'TOPIC_RECORD', 'FEATURE_LEVEL_RECORD']) {
    expect(dump.stdout).toContain(type)
  }
  const topics = await runMetadataShell(['--snapshot', path, 'ls', '/image/topics/byName'])
  expect(topics.stdout, topics.stderr).toContain('of-none')
  const users = await runMetadataShell(['--snapshot', path, 'ls', '/image/scram/SCRAM-SHA-256'])
  expect(users.stdout, users.stderr).toContain('someone')
}
