/**
 * `npm run test:kafkajs -- [--specs PATTERN] [--broker ottla|apache] [--save]`: kafkajs's own specs
 * against the package, on ottla and, with `--broker apache` or `BROKER=apache`, on Apache Kafka.
 *
 * Three files at a time, since they mostly wait. What a spec file asserts of private modules
 * counts as failed; the report card says which and why. `--save` keeps what was found for it. Ends
 * with 1 when a test fails that passed in what was kept.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { parseArgs, stripVTControlCharacters } from 'node:util'
import { whyPrivate } from './private-specs.ts'
import { type Lane, mergeResults, readResults, type SpecOutcome, writeResults } from './results.ts'
import { NO_LISTENER, prepareSuite, TREE, useListeners } from './suite.ts'
import { startSuiteBroker } from './suite-broker.ts'

const { values } = parseArgs({
  options: {
    specs: { type: 'string', default: '.' },
    broker: { type: 'string', default: process.env['BROKER'] ?? 'ottla' },
    save: { type: 'boolean', default: false },
    verbose: { type: 'boolean', default: false },
  },
})
const lane = values.broker as Lane
process.env['BROKER'] = lane
const say = (line: string) => process.stdout.write(`${line}\n`)

const all = await prepareSuite()
const wanted = all.filter((spec) => !whyPrivate(spec) && new RegExp(values.specs).test(spec))
const broker = await startSuiteBroker(lane)
useListeners(broker)

interface JestResults {
  readonly testResults: readonly {
    readonly name: string
    readonly message: string
    readonly assertionResults: readonly {
      readonly fullName: string
      readonly status: string
      readonly failureMessages: readonly string[]
    }[]
  }[]
}

async function runJest(specs: readonly string[]): Promise<JestResults> {
  const folder = mkdtempSync(join(tmpdir(), 'kafkajs-suite-'))
  const config = {
    rootDir: TREE,
    moduleNameMapper: { '^testHelpers$': '<rootDir>/testHelpers/index.js' },
    modulePaths: [join(TREE, '..', 'node_modules')],
    setupFilesAfterEnv: ['<rootDir>/testHelpers/setup.js'],
    testEnvironment: 'node',
    testRegex: '\\.spec\\.js$',
    // As the version of jest that the specs were written for.
    snapshotFormat: { escapeString: true, printBasicPrototype: true },
  }
  const configFile = join(folder, 'jest.config.json')
  writeFileSync(configFile, JSON.stringify(config))
  const output = join(folder, 'results.json')
  const env = {
    ...process.env,
    NODE_ENV: 'test',
    KAFKA_VERSION: '2.4',
    KAFKAJS_NO_PARTITIONER_WARNING: '1',
  }
  const jest = join(TREE, '..', 'node_modules', 'jest', 'bin', 'jest.js')
  const args = [jest, '--config', configFile, '--ci', '--maxWorkers=3', '--forceExit', '--json']
  // The broker lives in this process, which must not wait.
  const child = spawn(
    process.execPath,
    [...args, '--outputFile', output, '--testTimeout=20000', ...specs],
    {
      ...{ cwd: TREE, env, timeout: 45 * 60_000 },
      stdio: ['ignore', 'ignore', values.verbose ? 'inherit' : 'ignore'],
    },
  )
  await once(child, 'exit')
  const results = JSON.parse(readFileSync(output, 'utf8'))
  rmSync(folder, { recursive: true, force: true })
  return results
}

const found = new Map<string, SpecOutcome>()

function take({ name, message, assertionResults }: JestResults['testResults'][number]): void {
  const spec = relative(realpathSync(TREE), name)
  const counted = assertionResults.filter(
    ({ failureMessages }) => !failureMessages.some((text) => text.includes(NO_LISTENER)),
  )
  const passed = counted.filter(({ status }) => status === 'passed').length
  const failures = counted
    .filter(({ status }) => status === 'failed')
    .map(({ fullName, failureMessages: [text = ''] }) => ({
      test: fullName,
      reason: firstLine(text),
    }))
  if (assertionResults.length === 0) failures.push({ test: '(file)', reason: firstLine(message) })
  found.set(spec, { passed, failures, needLogin: assertionResults.length - counted.length })
  say(`${failures.length === 0 ? 'passed' : 'FAILED'} ${spec}: ${passed} passed`)
  for (const { test, reason } of failures) say(`  ${test}\n    ${reason}`)
}

const earlier = readResults()
const folderOf = (spec: string) => spec.split('/')[1] ?? ''
try {
  for (const folder of new Set(wanted.map(folderOf))) {
    const { testResults } = await runJest(wanted.filter((spec) => folderOf(spec) === folder))
    for (const result of testResults) take(result)
    // Read again: the run on the other broker may have written meanwhile.
    if (values.save) writeResults(mergeResults(readResults(), all, { lane, found }))
  }
} finally {
  await broker.stop()
  rmSync(TREE, { recursive: true, force: true })
}

function firstLine(message: string): string {
  const plain = stripVTControlCharacters(message).replace(/\s+at [\s\S]*/, '')
  return plain.split('\n').slice(0, 8).join(' ').replaceAll(/\s+/g, ' ').slice(0, 300)
}

const passedBefore = (spec: string, test: string) => {
  const outcome = earlier.specs.find(({ name }) => name === spec)?.outcomes[lane]
  return outcome && !outcome.failures.some((failure) => failure.test === test)
}
const worse = [...found].flatMap(([spec, { failures }]) =>
  failures.filter(({ test }) => passedBefore(spec, test)).map(({ test }) => `${spec}: ${test}`),
)
for (const line of worse) say(`passed before: ${line}`)
const total = [...found.values()].reduce((sum, { passed }) => sum + passed, 0)
const failures = [...found.values()].reduce((sum, outcome) => sum + outcome.failures.length, 0)
say(`${lane}: ${total} tests passed, ${failures} failed, in ${found.size} spec files`)
process.exitCode = worse.length > 0 ? 1 : 0
