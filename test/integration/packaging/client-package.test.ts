/**
 * The client as it is published: loaded with `require` and with `import`, typed for both, and
 * without any native code. What is checked are the built files, so this builds them first.
 */
import { execFile, execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { checkPackage, Package } from '@arethetypeswrong/core'
import { startBroker } from '@ottla/testing'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import ts from 'typescript'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const ROOT = join(import.meta.dirname, '..', '..', '..')
/** The client, its serdes and what they stand on. */
const PACKAGES = ['base', 'protocol', 'network', 'client', 'schema', 'opentelemetry', 'kafkajs']
const run = promisify(execFile)

/** Below the root, so that packages are found as a program of the workspace finds them. */
let directory: string

beforeAll(() => {
  execFileSync(process.execPath, [join(ROOT, 'tools', 'run.mjs'), 'build'], { stdio: 'pipe' })
  directory = mkdtempSync(join(ROOT, 'node_modules', '.cache', 'packaging-'))
}, 240_000)
afterAll(() => rmSync(directory, { recursive: true, force: true }))

/** What npm would publish, by path in the package; the sources stay at home. */
function publishedFiles(name: string): Map<string, Uint8Array> {
  const root = join(ROOT, 'packages', name)
  const files = new Map<string, Uint8Array>()
  for (const path of ['README.md', ...readdirSync(join(root, 'dist'), { recursive: true })]) {
    const inPackage = path === 'README.md' ? path : join('dist', String(path))
    if (statSync(join(root, inPackage)).isDirectory()) continue
    files.set(inPackage.replaceAll('\\', '/'), readFileSync(join(root, inPackage)))
  }
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  // For development in this workspace only: nobody else sets the condition.
  for (const entry of Object.values<Record<string, unknown> | string>(manifest.exports)) {
    if (typeof entry === 'object') delete entry['@ottla/source']
  }
  files.set('package.json', Buffer.from(JSON.stringify(manifest)))
  return files
}

const versionOf = (name: string): string =>
  JSON.parse(readFileSync(join(ROOT, 'packages', name, 'package.json'), 'utf8')).version

describe.each(PACKAGES)('@ottla/%s', (name) => {
  test('has a manifest that publint finds nothing wrong with', async () => {
    const published = [...publishedFiles(name)]
    const files = published.map(([path, data]) => ({ name: `package/${path}`, data }))
    const { messages, pkg } = await publint({ pkgDir: 'package', pack: { files }, strict: true })
    expect(messages.map((message) => formatMessage(message, pkg as object))).toEqual([])
  })

  test('has types that fit what is loaded, for every way of resolving them', async () => {
    const files: Record<string, Uint8Array> = {}
    for (const each of PACKAGES) {
      for (const [path, data] of publishedFiles(each)) {
        files[`/node_modules/@ottla/${each}/${path}`] = data
      }
    }
    const analysis = await checkPackage(new Package(files, `@ottla/${name}`, versionOf(name)))
    if (!analysis.types) throw new Error('there are no types')
    expect(analysis.problems).toEqual([])
  })
})

const PROGRAM = `
  const { Kafka, KafkaError, string, defineTopic } = client
  const main = async () => {
    const kafka = new Kafka({ brokers: process.argv[2] })
    const Texts = defineTopic('texts-' + process.pid, { value: string() })
    await kafka.admin.createTopics([{ topic: Texts, partitions: 1 }])
    for (const compression of ['none', 'gzip', 'snappy', 'lz4', 'zstd']) {
      const producer = kafka.producer({ compression })
      await producer.send(Texts, { value: compression })
      await producer.close()
    }
    const seen = []
    const consumer = kafka.consumer()
    const partitions = [{ topic: Texts, partition: 0, offset: 0 }]
    for await (const record of consumer.assign(partitions).records()) {
      if (seen.push(record.value) === 5) break
    }
    const error = await kafka.admin.createTopics([{ topic: Texts }]).catch((e) => e)
    await kafka.close()
    process.stdout.write(JSON.stringify([seen, error instanceof KafkaError]))
  }
  main()
`
/** Binaries cannot be loaded, as on a platform for which there are none. */
const NO_BINARIES = `process.dlopen = () => { throw new Error('no native code here') };`

const TYPED_PROGRAM = `
  import { defineTopic, Kafka, string, type ShareRecord } from '@ottla/client'
  const Words = defineTopic('words', { value: string() })
  const kafka = new Kafka({ brokers: 'localhost:9092' })
  export const worked: Promise<void> = kafka
    .shareConsumer({ group: 'g' })
    .run(Words, (record) => void record.value.toUpperCase())
  export const count = (record: ShareRecord): number => record.deliveryCount
  // @ts-expect-error: values of this topic are text
  void kafka.producer().send(Words, { value: 7 })
`

describe('programs', () => {
  test.each([
    ['require', 'cjs', "const client = require('@ottla/client');"],
    ['import', 'mjs', "import * as client from '@ottla/client';"],
  ])('%s the client and need no native code', async (_how, extension, load) => {
    await using broker = await startBroker()
    const file = join(directory, `program.${extension}`)
    const first = join(directory, 'no-binaries.cjs')
    writeFileSync(file, `${load}\n${PROGRAM}`)
    writeFileSync(first, NO_BINARIES)
    const args = ['--require', first, file, broker.address]
    const { stdout, stderr } = await run(process.execPath, args, { timeout: 30_000 })
    expect(stderr).toBe('')
    expect(JSON.parse(stdout)).toEqual([['none', 'gzip', 'snappy', 'lz4', 'zstd'], true])
  })

  test('with require get the CommonJS form', async () => {
    const file = join(directory, 'where.cjs')
    writeFileSync(file, "process.stdout.write(require.resolve('@ottla/client'))")
    const { stdout } = await run(process.execPath, [file])
    expect(stdout.replaceAll('\\', '/')).toMatch(/packages\/client\/dist\/cjs\/index\.js$/)
  })

  test('in TypeScript have types in both forms', () => {
    const paths = ['cts', 'mts'].map((extension) => join(directory, `typed.${extension}`))
    for (const path of paths) writeFileSync(path, TYPED_PROGRAM)
    const program = ts.createProgram(paths, {
      module: ts.ModuleKind.Node16,
      moduleResolution: ts.ModuleResolutionKind.Node16,
      target: ts.ScriptTarget.ES2022,
      lib: ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts'],
      types: ['node'],
      typeRoots: [join(ROOT, 'node_modules', '@types')],
      strict: true,
      skipLibCheck: true,
      noEmit: true,
    })
    const found = ts.getPreEmitDiagnostics(program)
    expect(found.map((one) => ts.flattenDiagnosticMessageText(one.messageText, '\n'))).toEqual([])
  })
})
