/**
 * Admin calls that ask every broker, when one cannot be asked: with `perItem` the others' answers
 * come, and its error; without it the call throws. A proxy puts a second broker into the metadata,
 * which is the same one behind a proxy of its own, so that it can be taken away.
 */
import { Kafka, type KafkaOptions } from '@ottla/client'
import { apis, correlationIdOf, decodeResponse, encodeResponse, errorCode } from '@ottla/protocol'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { type RequestSeen, WireProxy } from '../../support/wire-proxy.ts'
import { startTestBroker, type TestBroker } from '../support/broker.ts'
import { createTopic, uniqueName, waitFor } from '../support/topics.ts'

const OTHER = 77
const TIMEOUT_MS = 3_000
const PER_ITEM = { perItem: true, timeoutMs: TIMEOUT_MS } as const
const REFUSED = 'CLUSTER_AUTHORIZATION_FAILED'

let proxy: WireProxy
let broker: TestBroker
let brokerId: number
let other: WireProxy
let topic: string
const group = uniqueName('group')
const transactionalId = uniqueName('tx')

const client = (options: Partial<KafkaOptions> = {}) =>
  new Kafka({ brokers: proxy.address, requestTimeoutMs: 500, ...options })

/** Metadata with one broker more. */
function withOther({ apiKey, apiVersion }: RequestSeen, frame: Buffer): Buffer | undefined {
  if (apiKey !== apis.metadata.key) return undefined
  const told = decodeResponse(apis.metadata, apiVersion, frame)
  const added = { nodeId: OTHER, host: '127.0.0.1', port: other.port, rack: null }
  const brokers = [...told.brokers, added]
  const body = { ...told, brokers }
  const chunks = encodeResponse(apis.metadata, apiVersion, correlationIdOf(frame), body)
  return Buffer.concat(chunks).subarray(4)
}

/** An answer whose error comes right behind the header and the throttle time. */
function refused({ apiKey }: RequestSeen, frame: Buffer): void {
  const asked = [apis.listGroups, apis.listTransactions, apis.describeLogDirs]
  if (!asked.some(({ key }) => key === apiKey)) return
  const header = 5
  frame.writeInt16BE(errorCode(REFUSED), header + 4)
}

beforeAll(async () => {
  proxy = await WireProxy.start()
  broker = await startTestBroker({
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${proxy.port}`,
    'offsets.topic.replication.factor': '1',
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.min.isr': '1',
  })
  proxy.target = Number(broker.bootstrap.split(':')[1])
  await using kafka = client({ requestTimeoutMs: 30_000 })
  const { brokers } = await kafka.admin.describeCluster()
  brokerId = brokers[0]?.id ?? -1
  topic = await createTopic(kafka)
  await using producer = kafka.producer({ transactionalId })
  await producer.transaction((tx) => tx.send(topic, { value: 'x' }))
  await kafka.admin.alterGroupOffsets(group, [{ topic, partition: 0, offset: 0 }])
  await kafka.admin.describeLogDirs()
  proxy.onRequest = () => undefined
  proxy.replace = withOther
}, 90_000)
afterAll(async () => {
  await broker.stop()
  await proxy.stop()
})
beforeEach(async () => {
  other = await WireProxy.start(proxy.target)
})
afterEach(() => other.stop())

/** What became of asking each broker, in each call: its id, and the code of its error. */
async function askAll(kafka: Kafka) {
  const { admin } = kafka
  const [groups, transactions, dirs] = await Promise.all([
    admin.listGroups(PER_ITEM),
    admin.listTransactions(PER_ITEM),
    admin.describeLogDirs(PER_ITEM),
  ])
  const found = [
    ...groups.filter((one) => one.error || one.group === group),
    ...transactions.filter((one) => one.error || one.transactionalId === transactionalId),
  ]
  return [
    ...found.map(({ coordinator, error }) => `${coordinator} ${error?.code ?? 'fine'}`),
    ...dirs.map(({ broker: id, path, error }) => {
      return `${id} ${error?.code ?? 'fine'} ${path === undefined ? 'nowhere' : 'somewhere'}`
    }),
  ]
}

const outcomes = (code: string) => [
  ...[`${brokerId} fine`, `${OTHER} ${code}`, `${brokerId} fine`, `${OTHER} ${code}`],
  ...[`${brokerId} fine somewhere`, `${OTHER} ${code} nowhere`],
]

interface Trouble {
  readonly name: string
  readonly begin: () => void | Promise<void>
  readonly requestTimeoutMs?: number
  readonly code: string
  /** Of the error of a call that wants all answers. */
  readonly message: string
}

const LATE = {
  code: 'TIMEOUT',
  message: `listGroups of broker ${OTHER} did not succeed within ${TIMEOUT_MS} ms`,
} as const
const beSilent = () => {
  other.isStalled = true
}

const TROUBLES: readonly Trouble[] = [
  { name: 'nobody listens at its address', begin: () => other.stop(), ...LATE },
  { name: 'it is silent', begin: beSilent, ...LATE },
  {
    name: 'it is silent, and requests may take longer than the call',
    begin: beSilent,
    requestTimeoutMs: 30_000,
    ...LATE,
  },
  {
    name: 'it refuses',
    begin: () => {
      other.onRequest = () => undefined
      other.damage = refused
    },
    code: REFUSED,
    message: `Listing groups of broker ${OTHER}: ${REFUSED}`,
  },
]

test.each(TROUBLES)('a broker is an item with its error: $name', async (trouble) => {
  const { begin, code, requestTimeoutMs = 500 } = trouble
  await begin()
  await using kafka = client({ requestTimeoutMs })
  const message = expect.stringContaining(trouble.message)
  const wantsAll = kafka.admin.listGroups({ timeoutMs: TIMEOUT_MS })
  await Promise.all([
    expect(askAll(kafka)).resolves.toEqual(outcomes(code)),
    expect(wantsAll).rejects.toMatchObject({ code, message }),
  ])
})

test('all brokers answer, and each is said to be the one it is', async () => {
  await using kafka = client()
  const found = (await kafka.admin.listGroups()).filter((one) => one.group === group)
  expect(found.map(({ coordinator }) => coordinator).sort()).toEqual([brokerId, OTHER].sort())
  const dirs = await kafka.admin.describeLogDirs({ brokers: [OTHER] })
  expect(dirs.map(({ broker: id }) => id)).toEqual([OTHER])
})

test('a broker that comes back in time is waited for', async () => {
  other.isStalled = true
  await using kafka = client()
  let isDone = false
  const asked = kafka.admin.listGroups({ timeoutMs: 60_000 }).finally(() => {
    isDone = true
  })
  await waitFor('a request to have been lost', () => other.hasMissed)
  expect(isDone).toBe(false)
  other.isStalled = false
  expect((await asked).map(({ coordinator }) => coordinator)).toContain(OTHER)
})

test('log directories of a broker that cannot be asked are an answer for its replicas', async () => {
  await other.stop()
  await using kafka = client()
  const at = { topic, partition: 0, path: '/no-such-directory' }
  const moved = await kafka.admin.alterReplicaLogDirs(
    [
      { broker: OTHER, ...at },
      { broker: brokerId, ...at },
    ],
    { timeoutMs: TIMEOUT_MS },
  )
  expect(moved.map(({ broker: id, error }) => [id, error?.code])).toEqual([
    [OTHER, 'TIMEOUT'],
    [brokerId, 'LOG_DIR_NOT_FOUND'],
  ])
})
