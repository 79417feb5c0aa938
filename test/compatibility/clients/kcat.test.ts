import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type JudgedBroker, startJudgedBroker, uniqueName } from '../support/judged-broker.ts'
import { ensureKcat, INSTALL_TIMEOUT_MS } from '../support/peers.ts'
import { type ProgramOptions, runProgram } from '../support/run-program.ts'

let broker: JudgedBroker

beforeAll(async () => {
  await ensureKcat()
  broker = await startJudgedBroker()
}, INSTALL_TIMEOUT_MS)
afterAll(() => broker?.stop())

async function kcat(args: string, options: ProgramOptions = {}): Promise<string> {
  const all = ['-b', broker.bootstrap, ...args.split(' ')]
  const { stdout, stderr, code } = await runProgram('kcat', all, options)
  expect(code, stderr).toBe(0)
  return stdout.toString()
}

const lines = (count: number) => Array.from({ length: count }, (_, i) => `line ${i}\n`).join('')

describe('kcat', () => {
  test.each(['none', 'gzip', 'snappy', 'lz4', 'zstd'])(
    'reads what it wrote with %s',
    async (codec) => {
      const topic = uniqueName(`kcat-${codec}`)
      await kcat(`-P -t ${topic} -p 0 -z ${codec}`, { input: lines(1_000) })
      expect(await kcat(`-C -t ${topic} -p 0 -o beginning -e -q`)).toBe(lines(1_000))
    },
  )

  test('keys, headers, tombstones and timestamps', async () => {
    const topic = uniqueName('kcat-rich')
    await kcat(`-P -t ${topic} -p 0 -K : -H a=1 -H b=2 -Z`, { input: 'k:v\ngone:\n' })
    const format = 'p%p,o%o,k%k,K%K,S%S,h%h,%s;'
    const out = await kcat(`-C -t ${topic} -p 0 -o beginning -e -q -f ${format}`)
    expect(out).toBe('p0,o0,kk,K1,S1,ha=1,b=2,v;p0,o1,kgone,K4,S-1,ha=1,b=2,;')
  })

  test('metadata of a topic made by asking for it', async () => {
    const topic = uniqueName('kcat-auto')
    await kcat(`-P -t ${topic}`, { input: 'x\n' })
    const metadata = JSON.parse(await kcat(`-L -J -t ${topic}`))
    expect(metadata.brokers).toEqual([{ id: 1, name: broker.bootstrap }])
    expect(metadata.topics[0].partitions).toHaveLength(4)
    expect(metadata.topics[0].partitions[0]).toMatchObject({ leader: 1, isrs: [{ id: 1 }] })
  })

  test('offsets by time, tail and end', async () => {
    const topic = uniqueName('kcat-time')
    await kcat(`-P -t ${topic} -p 0`, { input: lines(10) })
    expect(await kcat(`-Q -t ${topic}:0:-1`)).toContain('offset 10')
    expect(await kcat(`-Q -t ${topic}:0:-2`)).toContain('offset 0')
    expect(await kcat(`-Q -t ${topic}:0:1`)).toContain('offset 0')
    expect(await kcat(`-Q -t ${topic}:0:99999999999999`)).toContain('offset -1')
    expect(await kcat(`-C -t ${topic} -p 0 -o -2 -e -q`)).toBe('line 8\nline 9\n')
    expect(await kcat(`-C -t ${topic} -p 0 -o 4 -c 2 -q`)).toBe('line 4\nline 5\n')
  })

  test('groups go on where they stopped', async () => {
    const topic = uniqueName('kcat-group')
    const group = uniqueName('group')
    const read = () => kcat(`-G ${group} -e -q -X auto.offset.reset=earliest ${topic}`)
    await kcat(`-P -t ${topic} -p 1`, { input: lines(5) })
    expect(await read()).toBe(lines(5))
    await kcat(`-P -t ${topic} -p 2`, { input: 'more\n' })
    expect(await read()).toBe('more\n')
  })

  test('idempotent, and many records at once', async () => {
    const topic = uniqueName('kcat-many')
    const flags = '-X enable.idempotence=true -X linger.ms=1 -X batch.num.messages=100'
    await kcat(`-P -t ${topic} -p 0 ${flags}`, { input: lines(20_000) })
    expect(await kcat(`-C -t ${topic} -p 0 -o beginning -e -q`)).toBe(lines(20_000))
  })

  test('a record that is too large is refused by name', async () => {
    const topic = uniqueName('kcat-large')
    await kcat(`-P -t ${topic} -p 0`, { input: 'x\n' })
    const large = { input: 'x'.repeat(3_000_000) }
    const flags = '-X message.max.bytes=10000000 -X message.send.max.retries=0'
    const args = `-b ${broker.bootstrap} -P -t ${topic} -p 0 -D ; ${flags}`.split(' ')
    const { code, stderr } = await runProgram('kcat', args, large)
    expect(code).not.toBe(0)
    expect(stderr).toMatch(/too large/i)
  })
})
