import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startBroker } from '@ottla/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ottla, startOttla } from './run-ottla.ts'

let broker: Awaited<ReturnType<typeof startBroker>>
let directory: string
const env = () => ({ OTTLA_BROKERS: broker.address })
const run = (args: string[], input?: string | Buffer) =>
  ottla(args, input === undefined ? { env: env() } : { env: env(), input })
const json = async (args: string[]) => {
  const { code, out, err } = await run([...args, '-o', 'json'])
  expect(err).toBe('')
  expect(code).toBe(0)
  return JSON.parse(out)
}

beforeAll(async () => {
  broker = await startBroker()
  directory = mkdtempSync(join(tmpdir(), 'ottla-cli-'))
})
afterAll(async () => {
  await broker[Symbol.asyncDispose]()
  rmSync(directory, { recursive: true, force: true })
})

test('a topic is created, listed, described, altered and deleted', async () => {
  const made = await run(['topic', 'create', 'life', '-p', '3', '-c', 'retention=7d'])
  expect(made.out).toBe('created life   3 partitions · retention.ms=604800000 (7d)\n')
  expect(made.code).toBe(0)
  const [described] = await json(['topic', 'describe', 'life'])
  expect(described.settings).toEqual({ 'retention.ms': '604800000' })
  expect(described.partitions).toHaveLength(3)
  expect(described.partitions[0]).toMatchObject({ partition: 0, leader: 1, logEndOffset: 0 })
  const altered = await run(['topic', 'alter', 'life', '-p', '4', '-d', 'retention.ms'])
  expect(altered.out).toContain('partitions 3 → 4')
  expect(await json(['topic', 'list'])).toContainEqual({
    topic: 'life',
    partitions: 4,
    replicas: 1,
    records: 0,
    bytes: 0,
    internal: false,
  })
  const table = await run(['topic', 'list'])
  expect(table.out).toContain('TOPIC\tPARTITIONS\tREPLICAS\tRECORDS\tBYTES\n')
  expect((await run(['topic', 'create', 'life'])).code).toBe(1)
  expect((await run(['topic', 'create', 'life', '--if-not-exists'])).code).toBe(0)
  expect((await run(['topic', 'delete', 'life'])).out).toBe('deleted life\n')
  expect((await run(['topic', 'delete', 'life', '--if-exists'])).code).toBe(0)
})

test('what does not exist has an exit code of its own and a suggestion', async () => {
  await run(['topic', 'create', 'invoices'])
  for (const args of [
    ['topic', 'describe', 'invoice'],
    ['topic', 'delete', 'invoice'],
    ['consume', 'invoice', '-e'],
    ['config', 'get', 'topic', 'invoice'],
  ]) {
    const { code, out, err } = await run(args)
    expect(code).toBe(3)
    expect(out).toBe('')
    expect(err).toBe(
      'ottla: Topic invoice does not exist. Did you mean invoices?\n' +
        '  Mend  Use invoices, or create it: ottla topic create invoice\n',
    )
  }
  const typo = await run(['topic', 'create', 'x', '-c', 'retenton.ms=1'])
  expect(typo.code).toBe(2)
  expect(typo.err).toContain('Did you mean retention.ms?')
})

test('one record goes out with all its parts and comes back as JSON, digit for digit', async () => {
  await run(['topic', 'create', 'one', '-p', '6'])
  const sent = await run([
    ...['produce', 'one', '-k', '42', '-v', '{"id":42,"total":9007199254740993}'],
    ...['-H', 'source=web', '-p', '3', '--timestamp', '2026-11-22T12:01:44.013Z'],
  ])
  expect(sent.out).toMatch(/^one\[3\] @0 {3}key 42 {3}34 B {3}\d\d:01:44.013\n$/)
  const read = await run(['consume', 'one', '-n', '1', '-o', 'jsonl'])
  expect(read.out).toBe(
    '{"topic":"one","partition":3,"offset":0,"timestamp":"2026-11-22T12:01:44.013Z",' +
      '"key":"42","value":{"id":42,"total":9007199254740993},"headers":{"source":"web"}}\n',
  )
  const formatted = await run(['consume', 'one', '-e', '-f', '%t[%p] @%o %k %v{json:.total} %h\\n'])
  expect(formatted.out).toBe('one[3] @0 42 9007199254740993 source=web\n')
})

test('lines go in and come out, from stdin and files, with keys and tombstones', async () => {
  await run(['topic', 'create', 'lines'])
  const file = join(directory, 'lines.txt')
  writeFileSync(file, 'd\ne\n')
  const keyed = await run(
    ['produce', 'lines', '--key-separator', ':', '--empty-null', '-o', 'jsonl'],
    'a:1\nb:2\nc:',
  )
  expect(
    keyed.out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).offset),
  ).toEqual([0, 1, 2])
  const summary = await json(['produce', 'lines', '-f', file])
  expect(summary).toMatchObject({ records: 2, bytes: 2, partitions: [{ firstOffset: 3 }] })
  await run(['produce', 'lines', '-k', 'f', '--null'])
  const binary = join(directory, 'binary')
  writeFileSync(binary, Buffer.from([0, 255, 10, 128]))
  await run(['produce', 'lines', '--value-file', binary])
  const values = await run(['consume', 'lines', '-e', '-f', '%k=%v\\n'])
  expect(values.out).toBe('a=1\nb=2\nc=\n=d\n=e\nf=\n=0x00ff0a80\n')
  expect((await run(['consume', 'lines', '-e', '--from', '3', '-n', '2'])).out).toBe('d\ne\n')
  expect((await run(['consume', 'lines', '-e', '--from', '-1', '-f', '%o'])).out).toBe('6')
  expect((await run(['consume', 'lines', '-e', '--from', 'end'])).out).toBe('')
  expect((await run(['consume', 'lines', '-e', '--from', '@10m'])).out).toBe(
    '1\n2\n\nd\ne\n\n\u0000\ufffd\n\ufffd\n',
  )
})

test('JSON lines copy a topic', async () => {
  await run(['topic', 'create', 'copy'])
  const read = await run(['consume', 'lines', '-e', '-o', 'jsonl'])
  const wrote = await run(
    ['produce', 'copy', '-i', 'jsonl', '--keep-place', '-o', 'json'],
    read.out,
  )
  expect(JSON.parse(wrote.out)).toMatchObject({ topic: 'copy', records: 7 })
  const again = await run(['consume', 'copy', '-e', '-o', 'jsonl'])
  expect(again.out.replaceAll('"topic":"copy"', '"topic":"lines"')).toBe(read.out)
})

test('many records are summed up', async () => {
  const input = Array.from({ length: 5_000 }, (_, i) => `value ${i}\n`).join('')
  const { out } = await run(['produce', 'lines', '--compression', 'gzip'], input)
  expect(out).toContain('… 4 990 more')
  expect(out).toContain('sent 5 000 records')
  const read = await run(['consume', 'lines', '-e', '--from', '-5000'])
  expect(read.out).toBe(input)
})

test('wrong input is refused before or where it stands', async () => {
  for (const [args, input, message] of [
    [['produce', 'lines', '-v', 'a', '--null'], '', '-v, --null and --value-file exclude'],
    [['produce', 'lines', '-i', 'jsonl'], '{"value":"a"}\nnonsense', 'Line 2 is not a JSON object'],
    [['produce', 'lines', '--key-separator', ':'], 'a', 'Line 1 has no key separator'],
    [['produce', 'lines', '-v', 'a', '-p', '9'], '', 'lines has partitions 0 to 0, not 9'],
    [['produce', 'lines', '-f', '/nowhere/at/all'], '', 'Cannot read /nowhere/at/all'],
    [['consume', 'lines', '--from', 'soon'], '', '--from soon is not a place in a log'],
    [['consume', 'lines', '-g', 'g', '-p', '0'], '', '-p and -g exclude each other'],
  ] as const) {
    const { code, err } = await run([...args], input)
    expect(err).toContain(message)
    expect(code).toBe(2)
  }
})

test('a topic that springs into being is announced', async () => {
  const { code, err } = await run(['produce', 'sprung', '-v', 'a'])
  expect(code).toBe(0)
  expect(err).toBe('ottla: creating topic sprung, as auto.create.topics.enable allows.\n')
})

test('a value that is too large says which setting to raise', async () => {
  await run(['topic', 'create', 'small', '-c', 'max.message.bytes=1KB'])
  const { code, err } = await run(['produce', 'small', '-v', 'x'.repeat(2_000)])
  expect(code).toBe(1)
  expect(err).toContain('A record is larger than small takes')
  expect(err).toContain('ottla topic alter small -c max.message.bytes=')
})

test('Ctrl-C ends consuming quietly and commits what was printed', async () => {
  const reading = startOttla(['consume', 'lines', '-g', 'interrupted'], { env: env() })
  await reading.lines(5_009)
  reading.child.kill('SIGINT')
  const { code, err } = await reading.done
  expect(err).toBe('')
  expect(code).toBe(130)
  const [group] = await json(['group', 'describe', 'interrupted'])
  expect(group).toMatchObject({ state: 'Empty', members: [] })
  expect(group.partitions).toMatchObject([{ committed: 5_008, lag: 0 }])
})

test('a reader that goes away ends consuming', async () => {
  const reading = startOttla(['consume', 'lines'], { env: env() })
  await reading.lines(1)
  reading.child.stdout?.destroy()
  await run(['produce', 'lines'], 'x\n'.repeat(100))
  expect((await reading.done).code).toBe(0)
})
