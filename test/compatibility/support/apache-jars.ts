/**
 * Apache Kafka itself, fetched with Maven and kept in `.cache/apache` at the root of the
 * repository.
 *
 * Two folders that must not be mixed, because they carry different versions of kafka-clients:
 *
 *   .cache/apache/broker-4.4.0/   broker, storage tool
 *   .cache/apache/broker-4.0.0/   and 4.2.0: older brokers, for directories that change hands
 *   .cache/apache/broker-3.9.1/   a much older one, for the client
 *   .cache/apache/tools-4.3.1/    the command line tools, Connect, MirrorMaker, Streams
 *   .cache/apache/tiered-4.3.1/   Apache's own tiered storage in a directory, from its tests (those
 *                                 of 4.4.0 are not published)
 *
 * A folder counts as complete when it holds the file `complete`; it is written last, so that an
 * interrupted download is repeated.
 */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { outputOf } from './run-program.ts'

export const APACHE_BROKER_VERSION = '4.4.0'
export const APACHE_TOOLS_VERSION = '4.3.1'
/** The last release line with ZooKeeper, here with KRaft like the others. */
export const APACHE_OLD_VERSION = '3.9.1'

export const REPOSITORY_ROOT = fileURLToPath(new URL('../../../', import.meta.url))
const CACHE = join(REPOSITORY_ROOT, '.cache', 'apache')
const MAVEN_TIMEOUT_MS = 15 * 60_000

interface JarSet {
  readonly folder: string
  readonly version: string
  readonly artifacts: readonly string[]
  /** The jars of an artifact's tests instead of its own, and nothing they depend on. */
  readonly isTests?: boolean
}

const brokerJars = (version: string): JarSet => ({
  folder: join(CACHE, `broker-${version}`),
  version,
  artifacts: ['kafka_2.13', 'kafka-clients'],
})

const BROKER = brokerJars(APACHE_BROKER_VERSION)

const TOOLS: JarSet = {
  folder: join(CACHE, `tools-${APACHE_TOOLS_VERSION}`),
  version: APACHE_TOOLS_VERSION,
  artifacts: [
    'kafka-tools',
    'kafka-shell',
    'connect-runtime',
    'connect-file',
    'connect-mirror',
    'kafka-streams',
    'kafka-streams-test-utils',
  ],
}

const TIERED: JarSet = {
  folder: join(CACHE, `tiered-${APACHE_TOOLS_VERSION}`),
  version: APACHE_TOOLS_VERSION,
  artifacts: ['kafka-storage', 'kafka-clients'],
  isTests: true,
}

export interface ApacheKafka {
  /** Folder with the jars of the broker. */
  readonly brokerJars: string
  /** Folder with the jars of the command line tools. */
  readonly toolJars: string
  readonly brokerClasspath: string
  readonly toolClasspath: string
}

let ready: Promise<ApacheKafka> | undefined

/** Downloads both sets of jars once; later calls return at once. */
export function ensureApacheKafka(): Promise<ApacheKafka> {
  ready ??= prepare()
  return ready
}

/** Moved to another package in 4.4, where the store of 4.3's tests does not find it any more. */
const MOVED_CLASS = 'org/apache/kafka/common/utils/LogContext'

/** What Apache Kafka's setting remote.log.storage.manager.class.path takes. */
export async function ensureLocalTieredStorage(): Promise<string> {
  const { toolJars } = await ensureApacheKafka()
  const classes = join(TIERED.folder, 'classes')
  if (!existsSync(classes)) {
    await download(TIERED)
    const clients = join(toolJars, `kafka-clients-${APACHE_TOOLS_VERSION}.jar`)
    const names = (await outputOf('jar', ['tf', clients])).toString().split(/\r?\n/)
    const wanted = names.filter((name) => name.startsWith(MOVED_CLASS))
    const partial = `${classes}.${process.pid}`
    await mkdir(partial, { recursive: true })
    await outputOf('jar', ['xf', clients, ...wanted], { cwd: partial })
    await rename(partial, classes)
  }
  return [classpath(TIERED), `${classes}/`].join(delimiter)
}

/** Class path of the broker of another release. */
export async function ensureApacheBroker(version: string): Promise<string> {
  const set = brokerJars(version)
  if (!existsSync(join(set.folder, 'complete'))) await download(set)
  return classpath(set)
}

async function prepare(): Promise<ApacheKafka> {
  for (const set of [BROKER, TOOLS]) {
    if (!existsSync(join(set.folder, 'complete'))) await download(set)
  }
  return {
    brokerJars: BROKER.folder,
    toolJars: TOOLS.folder,
    brokerClasspath: classpath(BROKER),
    toolClasspath: classpath(TOOLS),
  }
}

/** The simple logger reads its settings from the class path, so its jar comes with the set. */
const classpath = (set: JarSet) => [join(set.folder, '*')].join(delimiter)

async function download(set: JarSet): Promise<void> {
  const partial = `${set.folder}.${process.pid}`
  await mkdir(partial, { recursive: true })
  const pom = join(partial, 'pom.xml')
  await writeFile(pom, pomOf(set))
  await runMaven([
    '-B',
    '-q',
    '-f',
    pom,
    'dependency:copy-dependencies',
    `-DoutputDirectory=${partial}`,
    '-DincludeScope=runtime',
    ...(set.isTests ? ['-DexcludeTransitive=true'] : []),
  ])
  await writeFile(join(partial, 'complete'), `${set.version}\n`)
  await rm(set.folder, { recursive: true, force: true })
  await rename(partial, set.folder)
}

function pomOf(set: JarSet): string {
  const dependency = (group: string, artifact: string, version: string, more = '') =>
    `    <dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId>` +
    `<version>${version}</version>${more}</dependency>`
  const tests = set.isTests ? '<classifier>test</classifier>' : ''
  return [
    '<project xmlns="http://maven.apache.org/POM/4.0.0">',
    '  <modelVersion>4.0.0</modelVersion>',
    '  <groupId>ottla</groupId><artifactId>apache-kafka-jars</artifactId><version>1</version>',
    '  <dependencies>',
    ...set.artifacts.map((artifact) =>
      dependency('org.apache.kafka', artifact, set.version, tests),
    ),
    dependency('org.slf4j', 'slf4j-simple', '1.7.36'),
    '  </dependencies>',
    '</project>',
    '',
  ].join('\n')
}

function runMaven(args: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const options = { timeout: MAVEN_TIMEOUT_MS, maxBuffer: 64 * 1024 * 1024 }
    execFile('mvn', args, options, (error, stdout) => {
      if (!error) resolve()
      else reject(mavenError(error, stdout))
    })
  })
}

function mavenError(error: Error, stdout: string): Error {
  if ('code' in error && error.code === 'ENOENT') {
    return new Error(
      'Maven is needed to fetch Apache Kafka for the compatibility tests, and "mvn" was not ' +
        'found. On Debian and Ubuntu: apt-get install maven default-jdk-headless. ' +
        'On macOS: brew install maven.',
      { cause: error },
    )
  }
  return new Error(`Maven could not fetch Apache Kafka:\n${stdout.slice(-4000)}`, { cause: error })
}
