/**
 * Clients of others, fetched when a test first asks for them and kept in `.cache` at the root of
 * the repository (kcat comes from the system). Nothing is skipped when one cannot be had: the error
 * says how to get it.
 *
 *   .cache/kafkajs-2.2.4/            npm, from peers/package.json
 *   .cache/confluent-kafka-2.16.1/   a Python environment with librdkafka in a wheel
 *   .cache/registry-client-3.9.0/    npm, what users of kafkajs encode Avro with
 *   .cache/runtimes-1/               other versions of Node, and Bun, as npm packages
 *   .cache/java-client/              classes of peers/java, compiled against the 4.4.0 jars
 */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { ensureApacheKafka, REPOSITORY_ROOT } from './apache-jars.ts'
import { outputOf, runProgram } from './run-program.ts'

/** Time a hook needs that may have to install a peer. */
export const INSTALL_TIMEOUT_MS = 10 * 60_000

const CACHE = join(REPOSITORY_ROOT, '.cache')
const PEERS = join(REPOSITORY_ROOT, 'test', 'compatibility', 'peers')
const KAFKAJS = join(CACHE, 'kafkajs-2.2.4')
const CONFLUENT_VERSION = '2.16.1'
const CONFLUENT = join(CACHE, `confluent-kafka-${CONFLUENT_VERSION}`)

/** Folder whose `node_modules` holds kafkajs and its codecs. */
export async function ensureKafkajs(): Promise<string> {
  const manifest = await readFile(join(PEERS, 'package.json'), 'utf8')
  const done = join(KAFKAJS, 'complete')
  if (existsSync(done) && (await readFile(done, 'utf8')) === manifest) return KAFKAJS
  await mkdir(KAFKAJS, { recursive: true })
  await writeFile(join(KAFKAJS, 'package.json'), manifest)
  await getting(
    'kafkajs is fetched with npm: `npm install` must be able to reach its registry.',
    outputOf('npm', ['install', '--no-package-lock', '--loglevel=error'], installIn(KAFKAJS)),
  )
  await writeFile(done, manifest)
  return KAFKAJS
}

/** What users of kafkajs have for schema registries; 3.9 is the last for Node 20. */
export async function ensureRegistryClient(): Promise<unknown> {
  const name = '@kafkajs/confluent-schema-registry'
  const version = '3.9.0'
  const folder = join(CACHE, `registry-client-${version}`)
  const done = join(folder, 'complete')
  if (!existsSync(done)) {
    await mkdir(folder, { recursive: true })
    const manifest = { private: true, dependencies: { [name]: version } }
    await writeFile(join(folder, 'package.json'), JSON.stringify(manifest))
    await getting(
      `${name} is fetched with npm: \`npm install\` must be able to reach its registry.`,
      outputOf('npm', ['install', '--no-package-lock', '--loglevel=error'], installIn(folder)),
    )
    await writeFile(done, version)
  }
  return createRequire(join(folder, 'package.json'))(name)
}

/** JavaScript runtimes beside the one that runs the tests. */
export const RUNTIMES = {
  'Node 22': { alias: 'node22', name: nodePackage, version: '22.23.3', binary: 'bin/node' },
  'Node 24': { alias: 'node24', name: nodePackage, version: '24.21.0', binary: 'bin/node' },
  'Node 26': { alias: 'node26', name: nodePackage, version: '26.12.1', binary: 'bin/node' },
  Bun: { alias: 'bun', name: bunPackage, version: '1.4.5', binary: 'bin/bun' },
} as const
export type Runtime = keyof typeof RUNTIMES

function nodePackage(): string {
  const { platform, arch } = process
  return `node-${platform === 'win32' ? 'win' : platform}-${arch}`
}

function bunPackage(): string {
  const { platform, arch } = process
  const cpu = arch === 'arm64' ? 'aarch64' : arch
  return `@oven/bun-${platform === 'win32' ? 'windows' : platform}-${cpu}`
}

/** Path of the program by runtime. */
export async function ensureRuntimes(): Promise<Readonly<Record<Runtime, string>>> {
  const rows = Object.entries(RUNTIMES) as [Runtime, (typeof RUNTIMES)[Runtime]][]
  const packages = rows.map(([, row]) => [row.alias, `npm:${row.name()}@${row.version}`])
  const manifest = JSON.stringify({ private: true, dependencies: Object.fromEntries(packages) })
  const folder = join(CACHE, 'runtimes-1')
  const done = join(folder, 'complete')
  if (!existsSync(done) || (await readFile(done, 'utf8')) !== manifest) {
    await mkdir(folder, { recursive: true })
    await writeFile(join(folder, 'package.json'), manifest)
    await getting(
      'Other versions of Node, and Bun, are fetched with npm, which must be able to reach its ' +
        'registry and have them for this platform.',
      outputOf('npm', ['install', '--no-package-lock', '--loglevel=error'], installIn(folder)),
    )
    await writeFile(done, manifest)
  }
  const paths = rows.map(([runtime, { alias, binary }]) => [
    runtime,
    join(folder, 'node_modules', alias, binary),
  ])
  return Object.fromEntries(paths)
}

/** Path of a Python that can import confluent_kafka. */
export async function ensureConfluentKafka(): Promise<string> {
  const python = join(CONFLUENT, 'bin', 'python')
  if (existsSync(join(CONFLUENT, 'complete'))) return python
  await rm(CONFLUENT, { recursive: true, force: true })
  await mkdir(CACHE, { recursive: true })
  await ensureCommand('python3', ['--version'], ['python3'])
  await getting(
    'confluent-kafka needs a Python environment: on Debian and Ubuntu `apt-get install ' +
      'python3-venv`, elsewhere a Python with the modules venv and ensurepip.',
    makeEnvironment(),
  )
  await getting(
    `confluent-kafka ${CONFLUENT_VERSION} is fetched with pip, which must be able to reach its ` +
      'package index.',
    outputOf(python, pipInstall(`confluent-kafka==${CONFLUENT_VERSION}`), installIn(CACHE)),
  )
  await writeFile(join(CONFLUENT, 'complete'), '')
  return python
}

/** The same Python with what the serializers for schema registries need. */
export async function ensureConfluentSchemas(): Promise<string> {
  const python = await ensureConfluentKafka()
  const done = join(CONFLUENT, 'complete-schema-formats')
  if (existsSync(done)) return python
  const what = `confluent-kafka[avro,json,protobuf,schemaregistry]==${CONFLUENT_VERSION}`
  await getting(
    `${what} is fetched with pip, which must be able to reach its package index.`,
    outputOf(python, pipInstall(what), installIn(CACHE)),
  )
  await writeFile(done, '')
  return python
}

const pipInstall = (what: string) => [
  '-m',
  'pip',
  'install',
  '--quiet',
  '--only-binary=:all:',
  what,
]
const installIn = (cwd: string) => ({ cwd, timeoutMs: INSTALL_TIMEOUT_MS })

/** Debian keeps the module venv in a package of its own. */
async function makeEnvironment(): Promise<void> {
  const make = () => runProgram('python3', ['-m', 'venv', CONFLUENT])
  const first = await make()
  if (first.code === 0) return
  await installPackages(['python3-venv'])
  const second = await make()
  if (second.code !== 0) throw new Error(`${second.stdout}${second.stderr}`)
}

/** Command of kcat, from the system's packages. */
export async function ensureKcat(): Promise<string> {
  await ensureCommand('kcat', ['-V'], ['kcat'])
  return 'kcat'
}

/** The command of the lz4 format's own implementation, from the system's packages. */
export const ensureLz4 = (): Promise<void> => ensureCommand('lz4', ['-V'], ['lz4'])

/** Class path of the programs in peers/java together with Apache's clients. */
export async function ensureJavaClient(): Promise<string> {
  const { brokerClasspath } = await ensureApacheKafka()
  const sources = (await readdir(join(PEERS, 'java'))).sort().map((f) => join(PEERS, 'java', f))
  const hash = createHash('sha256')
  for (const source of sources) hash.update(await readFile(source))
  const classes = join(CACHE, 'java-client', hash.digest('hex').slice(0, 16))
  if (!existsSync(classes)) {
    const partial = `${classes}.${process.pid}`
    await mkdir(partial, { recursive: true })
    await getting(
      'The Java client is compiled with javac: on Debian and Ubuntu `apt-get install ' +
        'default-jdk-headless`.',
      outputOf('javac', ['-cp', brokerClasspath, '-d', partial, ...sources]),
    )
    await rename(partial, classes)
  }
  return `${classes}:${brokerClasspath}`
}

async function ensureCommand(
  command: string,
  probe: readonly string[],
  packages: readonly string[],
): Promise<void> {
  if (await isThere(command, probe)) return
  const sentence =
    `${command} is needed by the compatibility tests and was not found. On Debian and Ubuntu: ` +
    `apt-get install ${packages.join(' ')} (done by the tests themselves when they run as root).`
  await getting(sentence, installPackages(packages))
  if (!(await isThere(command, probe))) throw new Error(sentence)
}

function isThere(command: string, probe: readonly string[]): Promise<boolean> {
  return runProgram(command, probe).then(
    () => true,
    () => false,
  )
}

async function installPackages(packages: readonly string[]): Promise<void> {
  if (process.getuid?.() !== 0) throw new Error('Only root can install packages.')
  const options = { timeoutMs: INSTALL_TIMEOUT_MS, env: { DEBIAN_FRONTEND: 'noninteractive' } }
  await outputOf('apt-get', ['update', '-q'], options)
  const install = ['install', '-q', '-y', '--no-install-recommends', ...packages]
  await outputOf('apt-get', install, options)
}

async function getting<T>(sentence: string, work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new Error(`${sentence}\n${why}`, { cause: error })
  }
}
