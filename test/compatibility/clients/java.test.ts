import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Kafka } from '@ottla/client'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startOttlaProcess } from '../../support/ottla-process.ts'
import {
  type JudgedBroker,
  startJudgedBroker,
  uniqueName,
  waitUntil,
} from '../support/judged-broker.ts'
import { ensureJavaClient, INSTALL_TIMEOUT_MS } from '../support/peers.ts'
import { outputOf } from '../support/run-program.ts'

const KILLS = 3

let broker: JudgedBroker
let classpath: string

beforeAll(async () => {
  classpath = await ensureJavaClient()
  broker = await startJudgedBroker()
}, INSTALL_TIMEOUT_MS)
afterAll(() => broker?.stop())

const javaArgs = (scenario: readonly string[]) => [
  ...['-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Xmx256m'],
  ...['-Dorg.slf4j.simpleLogger.defaultLogLevel=error', '-cp', classpath, 'JavaJudge'],
  ...scenario,
]

const valuesOf = (text: string) =>
  Object.fromEntries(
    text
      .split('\n')
      .filter((line) => line.includes('='))
      .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  )

async function judge(scenario: string, partitions: number, more: readonly string[] = []) {
  const topic = uniqueName(`java-${scenario}`)
  await using kafka = new Kafka({ brokers: broker.bootstrap })
  await kafka.admin.createTopics([{ topic, partitions }])
  const args = javaArgs([scenario, broker.bootstrap, topic, ...more])
  return valuesOf(await outputOf('java', args, { timeoutMs: 220_000 }))
}

describe('the Java client', () => {
  test.each(['CooperativeStickyAssignor', 'RangeAssignor', 'RoundRobinAssignor'])(
    'a group of three with %s',
    async (assignor) => {
      expect(await judge('group', 6, [assignor])).toEqual({
        seen: '18',
        distinct: '18',
        kept: '2',
        resumed: Array.from({ length: 6 }, (_, p) => `round 4/${p}`).join(),
      })
    },
  )

  test('static members come back without a rebalance, and fence their twins', async () => {
    expect(await judge('static', 6)).toEqual({ generations: '0', fenced: 'true' })
  })

  test('pauses, seeks, finds offsets by time, commits with metadata', async () => {
    expect(await judge('positions', 2)).toEqual({
      end: '10',
      time: '5',
      late: 'null',
      paused: '0',
      values: 'value 7,value 8,value 9',
      committed: '8 my note',
    })
  })
})

test('an idempotent Java producer lives through kill -9: nothing lost, twice or out of order', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'ottla-java-'))
  const topic = 'survivor'
  let ottla = await startOttlaProcess({ dataDir })
  const { port, bootstrap } = ottla
  try {
    const setUp = new Kafka({ brokers: bootstrap })
    await setUp.admin.createTopics([{ topic, partitions: 1 }])
    await setUp.close()
    const child = spawn('java', javaArgs(['survive', bootstrap, topic]))
    let output = ''
    let complaints = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      complaints += text
    })
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
    await waitUntil('the producer writes', () => output.includes('writing'))
    let written = 0
    for (let kill = 0; kill < KILLS; kill++) {
      written = await grown(bootstrap, topic, written)
      await ottla.kill9()
      ottla = await startOttlaProcess({ dataDir, port })
    }
    await grown(bootstrap, topic, written)
    child.stdin.end()
    expect(await ended, complaints).toBe(0)
    const { sent, acknowledged, failed } = valuesOf(output)
    expect({ acknowledged, failed }, complaints).toEqual({ acknowledged: sent, failed: '0' })
    const stored = await numbersIn(bootstrap, topic, Number(sent))
    expect(stored).toEqual(Array.from({ length: Number(sent) }, (_, i) => i))
  } finally {
    await ottla.stop()
    await rm(dataDir, { recursive: true, force: true })
  }
})

/** Waits until the partition has a thousand records more; gives its end. */
async function grown(bootstrap: string, topic: string, from: number): Promise<number> {
  await using kafka = new Kafka({ brokers: bootstrap })
  let end = 0
  await waitUntil('more records', async () => {
    const [found] = await kafka.admin.listOffsets([{ topic, partition: 0, at: 'latest' }])
    end = Number(found?.offset)
    return end >= from + 1_000
  })
  return end
}

async function numbersIn(bootstrap: string, topic: string, count: number): Promise<number[]> {
  await using kafka = new Kafka({ brokers: bootstrap })
  await using consumer = kafka.consumer({ from: 'earliest' })
  const [latest] = await kafka.admin.listOffsets([{ topic, partition: 0, at: 'latest' }])
  const numbers: number[] = []
  const signal = AbortSignal.timeout(60_000)
  for await (const batch of consumer.assign([{ topic, partition: 0 }], { signal })) {
    for (const { value } of batch) numbers.push(Number(value))
    if (numbers.length >= count && batch.nextOffset >= (latest?.offset ?? 0n)) break
  }
  return numbers
}
