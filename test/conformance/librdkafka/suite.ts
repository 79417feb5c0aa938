/**
 * librdkafka's own test suite, built from the tarball of the npm package that carries its source.
 *
 *   .cache/librdkafka-2.15.1/           source and libraries; `complete` is written last
 *   .cache/librdkafka-2.15.1/tests/     the suite; `test-runner` is the program
 *
 * TLS, SASL, zstd and HTTP come from the system's libraries: without their headers the suite would
 * build and leave out what it then cannot test, so they are asked for by name.
 */
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { REPOSITORY_ROOT } from '../../compatibility/support/apache-jars.ts'
import { outputOf, runProgram } from '../../compatibility/support/run-program.ts'

export const LIBRDKAFKA_VERSION = '2.15.1'
const CARRIER = '@confluentinc/kafka-javascript@1.10.1'
const CACHE = join(REPOSITORY_ROOT, '.cache')
const FOLDER = join(CACHE, `librdkafka-${LIBRDKAFKA_VERSION}`)
const BUILD_TIMEOUT_MS = 20 * 60_000

/** Header that must be there, and the Debian package that has it. */
const HEADERS: readonly (readonly [header: string, debianPackage: string])[] = [
  ['openssl/ssl.h', 'libssl-dev'],
  ['sasl/sasl.h', 'libsasl2-dev'],
  ['zlib.h', 'zlib1g-dev'],
  ['zstd.h', 'libzstd-dev'],
  ['curl/curl.h', 'libcurl4-openssl-dev'],
  ['rapidjson/rapidjson.h', 'rapidjson-dev'],
]
const COMPILER = ['gcc', 'g++', 'make', 'pkg-config']

/** One entry of the suite's own table of tests. */
export interface SuiteTest {
  /** As in `0045_subscribe_update_mock`. */
  readonly name: string
  /** Four digits; several entries can share them, and only they can be asked for. */
  readonly number: string
  /** Runs without any broker, mostly on librdkafka's mock cluster. */
  readonly isLocal: boolean
  readonly isManual: boolean
  /** librdkafka itself says that it fails. */
  readonly isKnownIssue: boolean
  /** Kind of cluster it asks for: `default`, `noautocreate` or `ak23`. */
  readonly scenario: string
}

export interface Suite {
  /** Folder of the tests, with the program `test-runner`. */
  readonly folder: string
  /** For LD_LIBRARY_PATH. */
  readonly libraries: string
  readonly tests: readonly SuiteTest[]
}

/** Fetches and builds the suite once; later calls return at once. */
export async function ensureLibrdkafkaSuite(): Promise<Suite> {
  if (!existsSync(join(FOLDER, 'complete'))) await build()
  const folder = join(FOLDER, 'tests')
  return {
    folder,
    libraries: `${join(FOLDER, 'src')}:${join(FOLDER, 'src-cpp')}`,
    tests: testsOf(await readFile(join(folder, 'test.c'), 'utf8')),
  }
}

async function build(): Promise<void> {
  await ensureCompiler()
  const partial = `${FOLDER}.${process.pid}`
  await rm(partial, { recursive: true, force: true })
  await mkdir(partial, { recursive: true })
  const here = { cwd: partial, timeoutMs: BUILD_TIMEOUT_MS }
  await outputOf('npm', ['pack', '--silent', CARRIER], here)
  const archive = (await readdir(partial)).find((name) => name.endsWith('.tgz'))
  await outputOf('tar', ['xzf', String(archive), '--strip-components=3', SOURCE_IN_ARCHIVE], here)
  await adaptToOneNode(join(partial, 'tests', 'test.c'))
  await outputOf('./configure', [], here)
  await outputOf('make', ['-j2', 'libs'], here)
  await outputOf('make', ['-j2', '-C', 'tests', 'build'], here)
  await writeFile(join(partial, 'complete'), '')
  await rm(FOLDER, { recursive: true, force: true })
  await rename(partial, FOLDER)
}

const SOURCE_IN_ARCHIVE = 'package/deps/librdkafka'

/** Some tests ask for topics with three replicas, though they need one: the broker's default. */
async function adaptToOneNode(file: string): Promise<void> {
  const source = await readFile(file, 'utf8')
  const call = 'rd_kafka_NewTopic_new(topicname, partition_cnt, replication_factor,'
  if (!source.includes(call)) throw new Error(`${file} creates topics in another way`)
  const replicas = 'replication_factor > 1 ? -1 : replication_factor,'
  const adapted = `rd_kafka_NewTopic_new(topicname, partition_cnt,\n${replicas}`
  await writeFile(file, source.replace(call, adapted))
}

/** Compiler and headers, installed where that is allowed; else a sentence that says what to do. */
async function ensureCompiler(): Promise<void> {
  const missing = await missingPackages()
  if (missing.length === 0) return
  if (process.getuid?.() === 0) {
    const options = { timeoutMs: BUILD_TIMEOUT_MS, env: { DEBIAN_FRONTEND: 'noninteractive' } }
    await outputOf('apt-get', ['update', '-q'], options)
    const install = ['install', '-q', '-y', '--no-install-recommends', ...missing]
    await outputOf('apt-get', install, options)
  }
  const still = await missingPackages()
  if (still.length === 0) return
  throw new Error(
    `librdkafka's test suite is built from source and lacks: ${still.join(' ')}. On Debian and ` +
      `Ubuntu: apt-get install ${still.join(' ')} (done by itself when run as root).`,
  )
}

async function missingPackages(): Promise<string[]> {
  const succeeds = (command: string, args: readonly string[], input = '') =>
    runProgram(command, args, { input }).then(
      ({ code }) => code === 0,
      () => false,
    )
  const missing: string[] = []
  for (const command of COMPILER) {
    if (!(await succeeds(command, ['--version']))) missing.push(command)
  }
  if (missing.includes('g++')) return [...missing, ...HEADERS.map(([, name]) => name)]
  for (const [header, name] of HEADERS) {
    const include = `#include <stddef.h>\n#include <stdio.h>\n#include <${header}>\n`
    if (!(await succeeds('g++', ['-E', '-x', 'c++', '-'], include))) missing.push(name)
  }
  return missing
}

/** Reads the table `tests[]` of test.c: `_TEST(NAME, FLAGS, ...)` with its optional scenario. */
export function testsOf(source: string): SuiteTest[] {
  const begin = source.indexOf('struct test tests[] = {')
  const body = source
    .slice(begin, source.indexOf('{NULL}};', begin))
    .replace(/\/\*[\s\S]*?\*\//g, '')
  return body
    .split('_TEST(')
    .slice(1)
    .map((entry) => {
      const name = /^\w+/.exec(entry)?.[0] ?? ''
      return {
        name,
        number: name.slice(0, 4),
        isLocal: /\bTEST_F_LOCAL\b/.test(entry),
        isManual: /\bTEST_F_MANUAL\b/.test(entry),
        isKnownIssue: /\bTEST_F_KNOWN_ISSUE\b/.test(entry),
        scenario: /\.scenario = "([^"]+)"/.exec(entry)?.[1]?.split(',')[0] ?? 'default',
      }
    })
}
