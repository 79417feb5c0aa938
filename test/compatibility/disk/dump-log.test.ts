/** Apache Kafka's own dump tool reads every file ottla leaves behind. */
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startOttlaProcess } from '../../support/ottla-process.ts'
import { runMetadataShell, runTool } from '../support/apache-tools.ts'
import { INSTALL_TIMEOUT_MS } from '../support/peers.ts'
import { makeAccess } from './access.ts'
import { type Contents, contentsOf, load } from './sample-data.ts'

/** Few partitions of the offsets topic keep the lists of files short. */
const SETTINGS = {
  'offsets.topic.num.partitions': '3',
  'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
  'super.users': 'User:ANONYMOUS',
}

async function dump(files: readonly string[], flags: readonly string[] = []): Promise<string> {
  const args = ['--files', files.join(','), ...flags]
  const result = await runTool('DumpLogSegments', args, { timeoutMs: 180_000 })
  expect(result, result.stderr).toMatchObject({ code: 0 })
  return result.stdout
}

const count = (text: string, pattern: RegExp) => text.match(pattern)?.length ?? 0

describe.each(['a clean stop', 'kill -9 and a new start'])('after %s', (ending) => {
  let dataDir: string
  let before: Contents
  let after: Contents
  let files: string[]

  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'ottla-dump-'))
    const first = await startOttlaProcess({ dataDir, settings: SETTINGS })
    await load(first.bootstrap)
    await makeAccess(first.bootstrap, 'someone')
    before = await contentsOf(first.bootstrap)
    if (ending === 'a clean stop') await first.stop()
    else await first.kill9()
    const second = await startOttlaProcess({ dataDir, settings: SETTINGS })
    after = await contentsOf(second.bootstrap)
    await second.stop()
    files = await filesBelow(join(dataDir, 'log'))
  }, INSTALL_TIMEOUT_MS)
  afterAll(() => rm(dataDir, { recursive: true, force: true }))

  const ofTopics = (suffix: string) =>
    files.filter((file) => file.endsWith(suffix) && !/\/__|-delete\//.test(file))

  test('everything is there again', () => {
    expect(after).toEqual(before)
  })

  test('every batch and record of every log is valid', async () => {
    const out = await dump(ofTopics('.log'), ['--deep-iteration', '--print-data-log'])
    expect(out).not.toContain('isvalid: false')
    expect(out).toContain('isvalid: true')
    const records = count(out, /^\| offset: /gm)
    // Records in front of a log start offset stay in their segment until that is deleted.
    const hidden = Number(before.partitions['trimmed-0']?.start)
    const visible = Object.values(before.partitions).reduce((sum, p) => sum + p.records, 0)
    expect(records).toBe(visible + hidden)
    for (const codec of ['none', 'gzip', 'snappy', 'lz4', 'zstd']) {
      expect(out).toContain(`compresscodec: ${codec}`)
    }
    expect(count(out, /^Log starting offset: /gm)).toBeGreaterThanOrEqual(10)
  })

  test('offset and time indexes pass the sanity check', async () => {
    const indexes = ofTopics('.index')
    const out = await dump(indexes, ['--index-sanity-check'])
    expect(count(out, /passed sanity check|is empty/g), out).toBe(indexes.length)
    expect(await dump(indexes, ['--verify-index-only'])).not.toMatch(/mismatch/i)
    const times = ofTopics('.timeindex')
    const timed = await dump(times, ['--index-sanity-check'])
    expect(count(timed, /passed sanity check|is empty/g)).toBe(times.length)
    // Without a flag the tool looks up every entry in the log.
    const checked = await dump([...indexes, ...times])
    expect(checked).not.toMatch(/mismatch|out of order|not found|not start/i)
    expect(count(checked, /offset: \d+ position: \d+/g)).toBeGreaterThan(0)
  })

  test('producer snapshots name the producers', async () => {
    const out = await dump(files.filter((file) => file.endsWith('.snapshot')))
    expect(out).toMatch(/producerId: \d+ producerEpoch: 0/)
  })

  test('the offsets topic tells groups and committed offsets', async () => {
    const logs = files.filter((f) => f.includes('/__consumer_offsets-') && f.endsWith('.log'))
    const out = await dump(logs, ['--offsets-decoder', '--deep-iteration'])
    expect(out).not.toContain('isvalid: false')
    expect(out).toMatch(/"group":"alone","topic":"of-none","partition":0.*"offset":7/)
    expect(out).toMatch(/"group":"readers"/)
    expect(out).toMatch(/"protocolType":"consumer"/)
  })

  test('the metadata log tells topics, settings and this broker', async () => {
    const logs = files.filter((f) => f.includes('/__cluster_metadata-') && f.endsWith('.log'))
    const out = await dump(logs, ['--cluster-metadata-decoder'])
    expect(out).not.toMatch(/isvalid: false|Could not decode|Error/)
    for (const type of [
      'FEATURE_LEVEL_RECORD',
      'TOPIC_RECORD',
      'PARTITION_RECORD',
      'CONFIG_RECORD',
      'REMOVE_TOPIC_RECORD',
      'PRODUCER_IDS_RECORD',
      'ACCESS_CONTROL_ENTRY_RECORD',
      'USER_SCRAM_CREDENTIAL_RECORD',
      'CLIENT_QUOTA_RECORD',
      'LeaderChange',
    ]) {
      expect(out).toContain(type)
    }
    expect(out).toMatch(/"name":"retention.bytes","value":"1234567890"/)
  })

  test('the metadata shell walks through what the log says', async () => {
    const [log] = files.filter((f) => f.includes('/__cluster_metadata-') && f.endsWith('.log'))
    const shell = async (...command: string[]) => {
      const result = await runMetadataShell(['--snapshot', log as string, ...command])
      expect(result, result.stderr).toMatchObject({ code: 0 })
      expect(result.stderr).not.toContain('ERROR')
      return result.stdout
    }
    expect(await shell('ls', '/image')).toMatch(/acls.*cluster.*scram.*topics/s)
    const topics = await shell('ls', '/image/topics/byName')
    expect(topics).toContain('of-none')
    expect(topics).not.toContain('deleted')
    expect(await shell('ls', '/image/scram/SCRAM-SHA-256')).toContain('someone')
    expect(await shell('cat', '/image/configs/TOPIC:of-none/retention.bytes')).toContain(
      '1234567890',
    )
  })
})

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true })
  const files = entries.filter((entry) => entry.isFile())
  return files.map((entry) => join(entry.parentPath, entry.name)).sort()
}
