/** Each block of the migration guide, in its order, against one broker. */
import { readFileSync } from 'node:fs'
import { inspect } from 'node:util'
import * as client from '@ottla/client'
import { startBroker } from '@ottla/testing'
import { transformSync } from 'esbuild'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

type Broker = Awaited<ReturnType<typeof startBroker>>

interface Block {
  readonly title: string
  readonly code: string
}

const guide = readFileSync(new URL('../../../docs/guide/migrate.md', import.meta.url), 'utf8')
const blocks: Block[] = guide.split('\n## ').flatMap((section) => {
  const title = section.split('\n')[0] ?? ''
  const codes = [...section.matchAll(/```ts\n([\s\S]*?)```/g)]
  return codes.map(([, code = ''], index) => ({ title: `${title}, ${index + 1}`, code }))
})

let broker: Broker
/** Where the key of the guide's orders goes. */
let ordersPartition = 0

beforeAll(async () => {
  broker = await startBroker()
  await using kafka = new client.Kafka({ brokers: broker.address })
  const topics = ['invoices', 'ledger'].map((topic) => ({ topic, partitions: 1 }))
  await kafka.admin.createTopics([...topics, { topic: 'jobs', partitions: 2 }])
})
afterAll(() => broker[Symbol.asyncDispose]())

/** What a block prints, as its comments say. */
const expectedOf = (code: string): string[] =>
  [...code.matchAll(/\/\/ => (.*)$/gm)].flatMap(([, said = '']) =>
    // One line that prints several times separates what it prints by a comma and a space.
    said.split(', '),
  )

async function run(code: string): Promise<string[]> {
  const imports = code.replaceAll(
    /^import (\{[^}]+\}) from '@ottla\/client'$/gm,
    'const $1 = client',
  )
  const { code: script } = transformSync(`async function block() {\n${imports}\n}`, {
    loader: 'ts',
    target: 'node20',
  })
  const printed: string[] = []
  const log = (...values: unknown[]) => {
    const shown = values.map((value) => (typeof value === 'string' ? value : inspect(value)))
    printed.push(shown.join(' '))
  }
  const parameters = ['client', 'brokers', 'console', 'ordersPartition']
  const make = new Function(...parameters, `${script}\nreturn block()`)
  await make(client, broker.address, { log }, ordersPartition)
  return printed
}

describe('the migration guide', () => {
  test.each(blocks)('$title', async ({ title, code }) => {
    const printed = await run(code)
    expect(printed).toEqual(expectedOf(code))
    expect(printed.length).toBeGreaterThan(0)
    if (title !== 'Producing, 1') return
    await using kafka = new client.Kafka({ brokers: broker.address })
    const ends = await kafka.admin.listOffsets(
      [0, 1].map((partition) => ({ topic: 'orders', partition, at: 'latest' as const })),
    )
    ordersPartition = ends.find(({ offset }) => offset > 0n)?.partition ?? -1
  })

  test('has blocks', () => expect(blocks.length).toBeGreaterThan(8))
})
