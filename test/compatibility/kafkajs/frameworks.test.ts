/** What others have built on kafkajs, with the package in its place. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startTestBroker, type TestBroker } from '../../integration/support/broker.ts'
import { uniqueName } from '../../integration/support/topics.ts'
import { runProgramThere } from './drop-in.ts'

let broker: TestBroker

beforeAll(async () => {
  broker = await startTestBroker({
    'offsets.topic.replication.factor': '1',
    'group.initial.rebalance.delay.ms': '0',
  })
})
afterAll(() => broker.stop())

test("NestJS's Kafka transport asks, answers and tells", async () => {
  const said = await runProgramThere('nest.cjs', [broker.bootstrap, uniqueName('nest')])
  expect(said).toEqual({ answers: [3, 7, 5], told: ['o1', 'o2', 'o3'] })
})

interface Traced {
  readonly headers: string[]
  readonly spans: {
    readonly name: string
    readonly kind: number
    readonly system: string
    readonly destination: string
    readonly trace: string
    readonly span: string
  }[]
}

test("OpenTelemetry's instrumentation makes one trace of sending and processing", async () => {
  const topic = uniqueName('traced')
  const { headers, spans } = (await runProgramThere('telemetry.cjs', [
    broker.bootstrap,
    topic,
  ])) as Traced
  const sent = spans.find(({ kind }) => kind === 3)
  const processed = spans.find(({ kind }) => kind === 4)
  expect([sent?.system, sent?.destination]).toEqual(['kafka', topic])
  expect([processed?.system, processed?.destination]).toEqual(['kafka', topic])
  expect(processed?.trace).toBe(sent?.trace)
  expect(headers).toEqual([`00-${sent?.trace}-${sent?.span}-01`])
})
