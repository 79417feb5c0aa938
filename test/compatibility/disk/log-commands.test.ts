/**
 * `ottla log` on directories of both brokers, after a clean stop and after kill -9: nothing is
 * damaged, and every batch is what Apache Kafka's own dump tool says of it.
 */
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DirectoryReport } from '@ottla/storage'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ottla } from '../../integration/cli/run-ottla.ts'
import { startOttlaProcess } from '../../support/ottla-process.ts'
import { startApacheBroker } from '../support/apache-broker.ts'
import { runTool } from '../support/apache-tools.ts'
import { INSTALL_TIMEOUT_MS } from '../support/peers.ts'
import { makeAccess } from './access.ts'
import { load } from './sample-data.ts'
import { WholeState } from './whole-state.ts'

const SETTINGS = {
  'offsets.topic.num.partitions': '3',
  'transaction.state.log.num.partitions': '3',
  'share.coordinator.state.topic.num.partitions': '3',
  'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
  'super.users': 'User:ANONYMOUS',
}

const start = (broker: string, dataDir: string) =>
  broker === 'ottla'
    ? startOttlaProcess({
        dataDir,
        settings: { ...SETTINGS, 'log.dirs': join(dataDir, 'data') },
      })
    : startApacheBroker({ dataDir, heap: '512m', overrides: SETTINGS })

const CASES = [
  ['ottla', 'a clean stop'],
  ['ottla', 'kill -9'],
  ['apache', 'a clean stop'],
  ['apache', 'kill -9'],
] as const

describe.each(CASES)('a directory of %s after %s', (broker, ending) => {
  let dataDir: string
  let logs: string[]

  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'ottla-log-'))
    const running = await start(broker, dataDir)
    await load(running.bootstrap)
    await makeAccess(running.bootstrap, 'someone')
    await new WholeState({ hasNewGroups: true }).begin(running.bootstrap)
    if (ending === 'kill -9') await running.kill9()
    else await running.stop()
    logs = await filesBelow(join(dataDir, 'data'), /\.(log|checkpoint)$/)
  }, INSTALL_TIMEOUT_MS)
  afterAll(() => rm(dataDir, { recursive: true, force: true }))

  test('has no damage', async () => {
    const { code, out, err } = await ottla(['log', 'verify', dataDir, '-o', 'json'], {})
    const [report] = JSON.parse(out) as DirectoryReport[]
    const damages = report?.findings.filter(({ severity }) => severity === 'damage')
    expect(damages, err).toEqual([])
    expect(code).toBe(0)
    expect(report).toMatchObject({ wasClean: ending === 'a clean stop' })
    expect(report?.partitions).toBeGreaterThan(20)
    expect(report?.records).toBeGreaterThan(5_000)
  })

  test('has the batches that Apache Kafka finds', async () => {
    const files = logs.filter((file) => !file.includes('-delete/'))
    const apache = await runTool('DumpLogSegments', ['--files', files.join(',')], {
      timeoutMs: 180_000,
    })
    expect(apache, apache.stderr).toMatchObject({ code: 0 })
    const ours = await ottla(['log', 'dump', ...files, '--no-records', '-o', 'jsonl'], {})
    expect(ours.code, ours.err).toBe(0)
    expect(ourBatches(ours.out)).toEqual(apacheBatches(apache.stdout))
  })

  test('tells of groups, transactions, share groups and metadata', async () => {
    const { out } = await ottla(['log', 'dump', dataDir, '-o', 'jsonl'], {})
    for (const type of [
      'OffsetCommit',
      'ConsumerGroupMetadata',
      'ShareGroupMetadata',
      'StreamsGroupMetadata',
      'TransactionLog',
      'ShareSnapshot',
      'TopicRecord',
      'AccessControlEntryRecord',
      'UserScramCredentialRecord',
      'LEADER_CHANGE',
    ]) {
      expect(out, type).toContain(`"type":"${type}"`)
    }
    expect(out).not.toContain('"row":"damage"')
  })
})

/** One line for each batch of each file, sorted. */
function ourBatches(out: string): string[] {
  return out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
    .filter(({ row }) => row === 'batch')
    .map((b) =>
      [
        b.file,
        b.position,
        b.baseOffset,
        b.lastOffset,
        b.count,
        b.size,
        b.leaderEpoch,
        b.producerId,
        b.producerEpoch,
        b.baseSequence,
        b.isTransactional,
        b.isControl,
        b.compression,
      ].join(' '),
    )
    .sort()
}

const FIELDS = [
  'position',
  'baseOffset',
  'lastOffset',
  'count',
  'size',
  'partitionLeaderEpoch',
  'producerId',
  'producerEpoch',
  'baseSequence',
  'isTransactional',
  'isControl',
  'compresscodec',
]

function apacheBatches(out: string): string[] {
  const batches: string[] = []
  let file = ''
  for (const line of out.split('\n')) {
    file = /^Dumping (\S+)/.exec(line)?.[1] ?? /^Snapshot file: (\S+)/.exec(line)?.[1] ?? file
    if (!line.startsWith('baseOffset: ')) continue
    const values = FIELDS.map((name) => new RegExp(`\\b${name}: (\\S+)`).exec(line)?.[1])
    batches.push([file, ...values].join(' '))
  }
  return batches.sort()
}

async function filesBelow(folder: string, pattern: RegExp): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true })
  const files = entries.filter((entry) => entry.isFile() && pattern.test(entry.name))
  return files.map((entry) => join(entry.parentPath, entry.name)).sort()
}
