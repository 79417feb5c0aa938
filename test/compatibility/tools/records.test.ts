import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { INSTALL_TIMEOUT_MS } from '../support/peers.ts'
import { type BothBrokers, startBothBrokers } from '../support/side-by-side.ts'

let brokers: BothBrokers
let folder: string

beforeAll(async () => {
  brokers = await startBothBrokers()
  folder = await mkdtemp(join(tmpdir(), 'ottla-tools-'))
}, INSTALL_TIMEOUT_MS)
afterAll(async () => {
  await brokers?.stop()
  if (folder) await rm(folder, { recursive: true, force: true })
})

const create = (topic: string, partitions = 1, more: string[] = []) =>
  brokers.same('TopicCommand', [
    ...['--create', '--topic', topic, '--partitions', String(partitions)],
    ...more,
  ])
const produce = (topic: string, input: string, more: string[] = []) =>
  brokers.same('ConsoleProducer', ['--topic', topic, ...more], { input })
const consume = (topic: string, count: number, more: string[] = []) =>
  brokers.same('ConsoleConsumer', [
    ...['--topic', topic, '--max-messages', String(count), '--timeout-ms', '60000'],
    ...more,
  ])

const FROM_BEGINNING = ['--from-beginning']
const PARSE = ['parse.headers', 'parse.key', 'null.marker=NULL'].map((p) =>
  p.includes('=') ? p : `${p}=true`,
)
const PRINT = ['key', 'headers', 'offset', 'partition', 'value'].map((p) => `print.${p}=true`)
const formatted = (flag: string, properties: string[]) => properties.flatMap((p) => [flag, p])

describe('console producer and consumer', () => {
  test.each(['none', 'gzip', 'snappy', 'lz4', 'zstd'])('with compression %s', async (codec) => {
    await create(`console-${codec}`)
    const text = Array.from({ length: 50 }, (_, i) => `line ${i} ${'x'.repeat(i)}\n`).join('')
    await produce(`console-${codec}`, text, ['--compression-codec', codec])
    expect(await consume(`console-${codec}`, 50, FROM_BEGINNING)).toBe(text)
  })

  test('with keys, headers and tombstones', async () => {
    await create('rich')
    const input = 'a:1,b:2\tkey\tvalue\nNULL\tNULL\tonly a value\nc:3\tgone\tNULL\n'
    await produce('rich', input, formatted('--reader-property', PARSE))
    const out = await consume('rich', 3, [
      ...FROM_BEGINNING,
      ...formatted('--formatter-property', PRINT),
    ])
    expect(out).toContain('a:1,b:2')
    expect(out).toContain('gone')
  })

  test('in a group that goes on where it stopped, and from an offset', async () => {
    await create('grouped')
    await produce('grouped', 'a\nb\nc\nd\n')
    const group = ['--group', 'console', ...FROM_BEGINNING]
    const one = ['--command-property', 'max.poll.records=1', ...group]
    expect(await consume('grouped', 2, one)).toBe('a\nb\n')
    expect(await consume('grouped', 2, group)).toBe('c\nd\n')
    expect(await consume('grouped', 1, ['--partition', '0', '--offset', '2'])).toBe('c\n')
  })
})

describe('offsets, deleting records and directories', () => {
  test('kafka-get-offsets in all its ways', async () => {
    await create('counted', 3)
    await produce('counted', 'a\nb\nc\n', ['--reader-property', 'parse.key=false'])
    const offsets = (args: string) =>
      brokers.same('GetOffsetShell', args.split(' '), {
        // Which partition the sticky partitioner takes is the client's choice.
        mask: (text) =>
          text.replace(/counted:\d:3/g, 'counted:P:3').replace(/counted:\d:0/g, 'counted:P:0'),
      })
    await offsets('--topic counted')
    await offsets('--topic counted --time earliest')
    await offsets('--topic counted --time -2')
    // The end of a range is not in it; all three are asked for, since any may hold the records.
    await offsets('--topic-partitions counted:0-3 --time latest')
    await offsets('--topic counted --time 99999999999999')
    await offsets('--exclude-internal-topics')
  })

  test('kafka-delete-records moves the log start offset', async () => {
    await create('trimmed')
    await produce('trimmed', 'a\nb\nc\nd\n')
    const file = async (offset: number, topic = 'trimmed') => {
      const path = join(folder, `delete-${topic}-${offset}.json`)
      const partitions = [{ topic, partition: 0, offset }]
      await writeFile(path, JSON.stringify({ partitions, version: 1 }))
      return ['--offset-json-file', path]
    }
    await brokers.same('DeleteRecordsCommand', await file(2))
    await brokers.same('DeleteRecordsCommand', await file(99))
    await brokers.same('DeleteRecordsCommand', await file(-1))
    await brokers.same('GetOffsetShell', ['--topic', 'trimmed', '--time', 'earliest'])
    await create('kept', 1, ['--config', 'cleanup.policy=compact'])
    await brokers.same('DeleteRecordsCommand', await file(0, 'kept'))
  })

  test('kafka-log-dirs tells sizes', async () => {
    await create('sized', 2)
    await produce('sized', 'a\nb\nc\n')
    const mask = (text: string) =>
      text.replace(/"logDir":"[^"]*"/, '').replace(/"(size|total\w*|usable\w*)":-?\d+/gi, '$1')
    const out = await brokers.same('LogDirsCommand', ['--describe', '--topic-list', 'sized'], {
      mask,
    })
    expect(out).toMatch(/"partition":"sized-[01]"/)
  })
})

describe('performance tools', () => {
  test('kafka-producer-perf-test and kafka-consumer-perf-test', async () => {
    await create('perf')
    const producer = [
      ...['--topic', 'perf', '--num-records', '20000', '--record-size', '100'],
      ...['--throughput', '-1'],
    ]
    for (const { stdout, stderr, code } of await brokers.both('ProducerPerformance', producer)) {
      expect(code, stderr).toBe(0)
      expect(stdout).toMatch(/20000 records sent/)
    }
    const consumer = ['--topic', 'perf', '--num-records', '20000', '--timeout', '60000']
    for (const { stdout, stderr, code } of await brokers.both('ConsumerPerformance', consumer)) {
      expect(code, stderr).toBe(0)
      expect(stdout).toMatch(/, 20000, /)
    }
  })
})
