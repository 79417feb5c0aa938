/** Each block of the migration guide: in its order against one broker, and all by the compiler. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { EventEmitter } from 'node:stream'
import * as client from '@ottla/client'
import * as schema from '@ottla/schema'
import * as testing from '@ottla/testing'
import ts from 'typescript'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { TestRegistry } from '../../../packages/schema/src/testing/test-registry.ts'
import { blocksOf, expectedOf, runBlock } from './guide-blocks.ts'

type Broker = Awaited<ReturnType<typeof testing.startBroker>>

const ROOT = join(import.meta.dirname, '..', '..', '..')
const MODULES = { '@ottla/client': client, '@ottla/schema': schema, '@ottla/testing': testing }
/** Run where there are logins: test/compatibility/client/migrate-logins.test.ts. */
const LOGINS = 'Logins and TLS'

const blocks = blocksOf('migrate.md')

let broker: Broker
let registry: TestRegistry
/** Where the key of the guide's orders goes. */
let ordersPartition = 0

beforeAll(async () => {
  broker = await testing.startBroker()
  registry = await TestRegistry.start()
  await using kafka = new client.Kafka({ brokers: broker.address })
  const topics = ['invoices', 'ledger', 'jobs.dead'].map((topic) => ({ topic, partitions: 1 }))
  await kafka.admin.createTopics([...topics, { topic: 'jobs', partitions: 2 }])
})
afterAll(async () => {
  await registry[Symbol.asyncDispose]()
  await broker[Symbol.asyncDispose]()
})

/** A program that can be told to end. */
class GuideProcess extends EventEmitter {
  readonly pid = 1
  kill(_pid: number, signal: string): void {
    this.emit(signal)
  }
}

describe('the migration guide', () => {
  test.each(blocks.filter(({ section }) => section !== LOGINS))(
    '$title',
    async ({ title, code }) => {
      const printed = await runBlock(code, MODULES, {
        ...{ brokers: broker.address, registryUrl: registry.url, ordersPartition },
        process: new GuideProcess(),
      })
      expect(printed).toEqual(expectedOf(code))
      expect(printed.length).toBeGreaterThan(0)
      if (title !== 'Producing, 1') return
      await using kafka = new client.Kafka({ brokers: broker.address })
      const ends = await kafka.admin.listOffsets(
        [0, 1].map((partition) => ({ topic: 'orders', partition, at: 'latest' as const })),
      )
      ordersPartition = ends.find(({ offset }) => offset > 0n)?.partition ?? -1
    },
  )

  test('has blocks', () => expect(blocks.length).toBeGreaterThan(14))

  test('names options that there are', () => {
    const page = readFileSync(join(ROOT, 'docs', 'guide', 'migrate.md'), 'utf8')
    const places: Readonly<Record<string, string>> = {
      Kafka: 'kafka.ts',
      producer: join('producer', 'producer-options.ts'),
      consumer: join('consumer', 'consumer-options.ts'),
    }
    const named = [...page.matchAll(/`(\w+)` of (?:the )?`?(Kafka|producer|consumer)`?[ ,.]/g)]
    const unknown = named.filter(([, name, of = '']) => {
      const path = join(ROOT, 'packages', 'client', 'src', places[of] ?? '')
      return !readFileSync(path, 'utf8').includes(`  readonly ${name}?: `)
    })
    expect(named.length).toBeGreaterThan(20)
    expect(unknown.map(([text]) => text).filter((text) => !text.includes('`brokers`'))).toEqual([])
  })
})

const GIVEN = `
declare const brokers: string, tlsBrokers: string, registryUrl: string
declare const ca: string, secret: string, ordersPartition: number
declare const tokenOf: (user: string) => string
`

test('the compiler finds nothing wrong with its blocks', { timeout: 120_000 }, () => {
  const cache = join(ROOT, 'node_modules', '.cache')
  mkdirSync(cache, { recursive: true })
  const folder = mkdtempSync(join(cache, 'guide-'))
  try {
    const paths = blocks.map(({ code }, index) => {
      const path = join(folder, `block-${index}.mts`)
      writeFileSync(path, `${code}\n${GIVEN}`)
      return path
    })
    const program = ts.createProgram(paths, {
      module: ts.ModuleKind.NodeNext,
      moduleResolution: ts.ModuleResolutionKind.NodeNext,
      customConditions: ['@ottla/source'],
      allowImportingTsExtensions: true,
      target: ts.ScriptTarget.ES2023,
      lib: ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts'],
      types: ['node'],
      typeRoots: [join(ROOT, 'node_modules', '@types')],
      ...{ strict: true, skipLibCheck: true, noEmit: true, noUncheckedIndexedAccess: true },
    })
    const wrong = paths.flatMap((path, index) =>
      ts.getPreEmitDiagnostics(program, program.getSourceFile(path)).map((one) => {
        const text = ts.flattenDiagnosticMessageText(one.messageText, '\n')
        return `${blocks[index]?.title}: ${text}`
      }),
    )
    expect(wrong).toEqual([])
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
