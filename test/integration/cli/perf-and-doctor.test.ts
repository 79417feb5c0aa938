import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { startBroker } from '@ottla/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ottla } from './run-ottla.ts'

let broker: Awaited<ReturnType<typeof startBroker>>
const run = (args: string[]) => ottla(args, { env: { OTTLA_BROKERS: broker.address } })

beforeAll(async () => {
  broker = await startBroker()
})
afterAll(() => broker[Symbol.asyncDispose]())

test('perf measures producing, consuming and latency', async () => {
  await run(['topic', 'create', 'load', '-p', '2'])
  const produced = await run(['perf', 'produce', 'load', '-n', '5k', '-s', '1KB', '-o', 'json'])
  expect(produced.err).toBe('')
  expect(JSON.parse(produced.out)).toMatchObject({
    kind: 'produce',
    records: 5_000,
    bytes: 5_120_000,
  })
  const paced = JSON.parse(
    (await run(['perf', 'produce', '-n', '200', '--rate', '400', '-o', 'json'])).out,
  )
  expect(paced.recordsPerSecond).toBeLessThan(420)
  const consumed = JSON.parse((await run(['perf', 'consume', 'load', '-o', 'json'])).out)
  expect(consumed).toMatchObject({ kind: 'consume', topic: 'load', records: 5_001 })
  const text = await run(['perf', 'latency', '-n', '50', '--rate', '100'])
  expect(text.out).toMatch(/^sent and read 50 records in .*\nlatency ms {3}mean .* p99 .*\n$/)
  const topics = JSON.parse((await run(['topic', 'list', '-o', 'json'])).out)
  expect(topics.map(({ topic }: { topic: string }) => topic)).toEqual(['load'])
  expect((await run(['perf', 'consume', 'nothing'])).code).toBe(3)
})

test('doctor goes all the way and leaves nothing behind', async () => {
  const { code, out } = await run(['doctor', '-o', 'json'])
  expect(code).toBe(0)
  const { ok, checks } = JSON.parse(out)
  expect(ok).toBe(true)
  expect(checks.map(({ name }: { name: string }) => name)).toEqual([
    ...['name', 'tcp', 'protocol', 'advertised', 'round trip'],
  ])
  const short = await run(['doctor', broker.address, '--no-round-trip'])
  expect(short.out.match(/✔/g)).toHaveLength(4)
  expect((await run(['topic', 'list', '-o', 'json'])).out).not.toContain('doctor')
})

test('doctor tells a wrong advertised address', async () => {
  await using odd = await startBroker({
    settings: {
      listeners: 'PLAINTEXT://127.0.0.1:0',
      'advertised.listeners': 'PLAINTEXT://127.0.0.1:1',
    },
  })
  const { code, out } = await ottla(['doctor', odd.address])
  expect(code).toBe(5)
  expect(out).toContain('✖ advertised')
  expect(out).toContain('tells clients to come to 127.0.0.1:1')
  expect(out).toContain(`advertised.listeners=PLAINTEXT://${odd.address}`)
})

test('an HTTP server is recognised, by doctor and by every command', async () => {
  const server = createServer((_, response) => response.end('hello'))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    const address = `127.0.0.1:${(server.address() as AddressInfo).port}`
    const doctor = await ottla(['doctor', address])
    expect(doctor.out).toContain('is an HTTP server (it answered "HTTP/1.1 400 Bad Request")')
    expect(doctor.code).toBe(5)
    const list = await ottla(['topic', 'list', '-b', address, '--timeout', '2s'])
    expect(list.err).toContain('is an HTTP server')
    expect(list.code).toBe(5)
  } finally {
    server.close()
  }
})

test('where nothing listens, that is said at once', async () => {
  for (const args of [
    ['topic', 'list'],
    ['produce', 't', '-v', 'a'],
    ['group', 'list'],
  ]) {
    const startMs = performance.now()
    const { code, out, err } = await ottla([...args, '-b', '127.0.0.1:1'])
    expect(code).toBe(5)
    expect(out).toBe('')
    expect(err).toContain('ottla: Nothing listens at 127.0.0.1:1.\n')
    expect(err).toContain('  Mend  Start a broker: ottla start --port 1')
    expect(performance.now() - startMs).toBeLessThan(5_000)
  }
})

test('wrong usage ends with 2 and a suggestion', async () => {
  for (const [args, text] of [
    [['topik'], 'Did you mean topic?'],
    [['topic', 'descrbe', 'x'], 'Did you mean describe?'],
    [['topic', 'list', '--broker', 'x'], 'Did you mean --brokers?'],
    [['topic', 'list', '-b', 'a b'], 'a b is not a broker address'],
    [['topic', 'list', '-o', 'yaml'], 'Allowed choices are table, json, jsonl'],
    [['group', 'reset', 'g'], "Required option '--to <place>' not specified"],
  ] as const) {
    const { code, err } = await ottla([...args])
    expect(err).toMatch(/^ottla: .*\n {2}Mend {2}/)
    expect(err).toContain(text)
    expect(code).toBe(2)
  }
})

test('help names every command and needs no broker', async () => {
  const { code, out } = await ottla(['--help'])
  expect(code).toBe(0)
  for (const name of [
    'start',
    'topic',
    'produce',
    'consume',
    'group',
    'config',
    'perf',
    'doctor',
  ]) {
    expect(out).toMatch(new RegExp(`^  ${name} `, 'm'))
    const help = await ottla([name, '--help'])
    expect(help.code).toBe(0)
    expect(help.out).toContain(`Usage: ottla ${name}`)
  }
})
