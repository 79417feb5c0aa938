/**
 * kafkajs's own specs, fetched, with the modules that applications use replaced by the package.
 *
 *   .cache/kafkajs-suite/          jest and what the specs need besides, from npm
 *   .cache/kafkajs-suite/source/   kafkajs's repository
 *   .cache/kafkajs-suite/tree-N/   a copy in which modules are replaced, for one run
 *
 * The repository is cloned from KAFKAJS_REPOSITORY, a path or an address.
 */
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { buildSync } from 'esbuild'
import { REPOSITORY_ROOT } from '../../compatibility/support/apache-jars.ts'
import { outputOf } from '../../compatibility/support/run-program.ts'
import type { SuiteBroker } from './suite-broker.ts'

const FOLDER = join(REPOSITORY_ROOT, '.cache', 'kafkajs-suite')
const SOURCE = join(FOLDER, 'source')
/** One for each run, so that runs on two brokers go side by side. */
export const TREE = join(FOLDER, `tree-${process.pid}`)
export const KAFKAJS_COMMIT = '55b0b416308b9e597a5a6b97b0a6fd6b846255dc'
const REPOSITORY = process.env['KAFKAJS_REPOSITORY'] ?? 'https://github.com/tulios/kafkajs.git'
const INSTALL_MS = 10 * 60_000

const DEPENDENCIES = {
  execa: '2.1.0',
  glob: '7.2.3',
  ip: '1.1.9',
  jest: '29.7.0',
  'jest-extended': '0.11.5',
  jsonwebtoken: '9.0.2',
  mockdate: '2.0.5',
  semver: '6.3.1',
  uuid: '3.4.0',
}

/** Modules of kafkajs, and what stands there instead. */
const REPLACED: Readonly<Record<string, string>> = {
  'index.js': '{ ...overlay.library }',
  'src/index.js': 'overlay.library.Kafka',
  'src/admin/index.js': 'overlay.createAdmin',
  'src/cluster/index.js': 'overlay.Cluster',
  'src/consumer/index.js': 'overlay.createConsumer',
  'src/consumer/assignerProtocol.js': 'overlay.library.AssignerProtocol',
  'src/consumer/assigners/index.js': 'overlay.library.PartitionAssigners',
  'src/consumer/assigners/roundRobinAssigner/index.js':
    'overlay.library.PartitionAssigners.roundRobin',
  'src/errors.js':
    '{ ...overlay.library, isRebalancing: overlay.isRebalancing, isKafkaJSError: overlay.isKafkaJSError }',
  'src/instrumentation/emitter.js': 'overlay.InstrumentationEmitter',
  'src/loggers/index.js':
    '{ LEVELS: overlay.library.logLevel, createLogger: overlay.createLogger }',
  'src/loggers/console.js': 'overlay.consoleLogCreator',
  'src/producer/index.js': 'overlay.createProducer',
  'src/producer/partitioners/index.js': 'overlay.library.Partitioners',
  'src/producer/partitioners/default/index.js': 'overlay.library.Partitioners.DefaultPartitioner',
  'src/producer/partitioners/legacy/index.js': 'overlay.library.Partitioners.LegacyPartitioner',
  'src/protocol/aclOperationTypes.js': 'overlay.library.AclOperationTypes',
  'src/protocol/aclPermissionTypes.js': 'overlay.library.AclPermissionTypes',
  'src/protocol/aclResourceTypes.js': 'overlay.library.AclResourceTypes',
  'src/protocol/configResourceTypes.js': 'overlay.library.ConfigResourceTypes',
  'src/protocol/configSource.js': 'overlay.library.ConfigSource',
  'src/protocol/message/compression/index.js':
    '{ Types: overlay.library.CompressionTypes, Codecs: overlay.library.CompressionCodecs }',
  'src/protocol/resourcePatternTypes.js': 'overlay.library.ResourcePatternTypes',
}

/** How a test fails that needs TLS or a login, on a broker that has neither. */
export const NO_LISTENER = 'no listener with TLS or logins'

/** Puts the tree together; paths of all specs in it. */
export async function prepareSuite(): Promise<string[]> {
  await install()
  await clone()
  rmSync(TREE, { recursive: true, force: true })
  for (const part of ['src', 'testHelpers', 'package.json']) {
    cpSync(join(SOURCE, part), join(TREE, part), { recursive: true })
  }
  buildOverlay()
  for (const [path, expression] of Object.entries(REPLACED)) {
    const up = '../'.repeat(path.split('/').length - 1) || './'
    const text = `const overlay = require('${up}overlay.js')\nmodule.exports = ${expression}\n`
    writeFileSync(join(TREE, path), text)
  }
  adaptTestHelpers()
  const files = readdirSync(join(TREE, 'src'), { recursive: true }).map((path) => `src/${path}`)
  return files.filter((path) => path.endsWith('.spec.js')).sort()
}

async function install(): Promise<void> {
  const manifest = JSON.stringify({ private: true, dependencies: DEPENDENCIES })
  const done = join(FOLDER, 'installed')
  if (existsSync(done) && readFileSync(done, 'utf8') === manifest) return
  mkdirSync(FOLDER, { recursive: true })
  writeFileSync(join(FOLDER, 'package.json'), manifest)
  const args = ['install', '--no-package-lock', '--no-audit', '--no-fund', '--loglevel=error']
  await outputOf('npm', args, { cwd: FOLDER, timeoutMs: INSTALL_MS })
  writeFileSync(done, manifest)
}

async function clone(): Promise<void> {
  if (existsSync(join(SOURCE, 'testHelpers'))) return
  const sentence =
    `kafkajs's repository is cloned from ${REPOSITORY}; where that cannot be reached, set ` +
    'KAFKAJS_REPOSITORY to a clone of it.'
  try {
    await outputOf('git', ['clone', '--quiet', REPOSITORY, SOURCE], { timeoutMs: INSTALL_MS })
    await outputOf('git', ['-C', SOURCE, 'checkout', '--quiet', KAFKAJS_COMMIT])
  } catch (error) {
    throw new Error(sentence, { cause: error })
  }
}

function buildOverlay(): void {
  buildSync({
    entryPoints: [join(import.meta.dirname, 'overlay.ts')],
    outfile: join(TREE, 'overlay.js'),
    bundle: true,
    packages: 'bundle',
    external: ['@node-rs/crc32', 'snappy', 'snappyjs', 'lz4js', '@bokuweb/zstd-wasm'],
    nodePaths: [join(REPOSITORY_ROOT, 'node_modules')],
    platform: 'node',
    format: 'cjs',
    conditions: ['@ottla/source'],
    banner: { js: "const moduleUrl = require('node:url').pathToFileURL(__filename).href" },
    define: { 'import.meta.url': 'moduleUrl' },
    logLevel: 'warning',
  })
}

/**
 * Addresses of the test helpers become the broker's. Certificates are looked at, unlike in
 * kafkajs's own runs. Who asks for a listener that the broker does not have is told so.
 */
export function useListeners({ plain, secure }: SuiteBroker): void {
  const path = join(TREE, 'testHelpers', 'index.js')
  const portOf = (address: string) => address.slice(address.lastIndexOf(':') + 1)
  let text = readFileSync(path, 'utf8')
    .replaceAll(/(\$\{(?:getHost\(\)|host)\}):909[258]/g, `$1:${portOf(plain)}`)
    .replace('port: 9092', `port: ${portOf(plain)}`)
    .replace("getHost = () => 'localhost'", "getHost = () => '127.0.0.1'")
  if (secure) {
    text = text
      .replaceAll(/(\$\{host\}):909[369]/g, `$1:${portOf(secure.tls)}`)
      .replaceAll(/(\$\{host\}):(?:909[47]|9100)/g, `$1:${portOf(secure.sasl)}`)
      .replace('rejectUnauthorized: false', 'rejectUnauthorized: true')
    writeFileSync(join(TREE, 'testHelpers', 'certs', 'cert-signed'), secure.ca)
  } else {
    const fail = `{ throw new Error('${NO_LISTENER}') }`
    text = text.replaceAll(/(sslBrokers|saslBrokers) = .*/g, `$1 = () => ${fail}`)
  }
  writeFileSync(path, text)
}

/**
 * One broker has all mechanisms and all replicas, and no shell script of a container adds
 * partitions.
 */
function adaptTestHelpers(): void {
  const path = join(TREE, 'testHelpers', 'index.js')
  const text = readFileSync(path, 'utf8')
    .replace("if (process.env['OAUTHBEARER_ENABLED'] !== '1') {", '{')
    .replace(/\} else \{(\s+saslEntries\.push\(\{\s+name: 'OAUTHBEARER')/, '}\n{$1')
  const addPartitions = `
module.exports.addPartitions = async ({ topic, partitions }) => {
  const admin = new Kafka({ brokers: plainTextBrokers().slice(0, 1), logLevel: 0 }).admin()
  await admin.connect()
  await admin.createPartitions({ topicPartitions: [{ topic, count: partitions }] })
  await admin.disconnect()
}
`
  writeFileSync(path, text + addPartitions)
  // Newer versions of jest refuse a function that takes a callback and returns a promise.
  const spec = join(TREE, 'src', 'admin', '__tests__', 'fetchOffsets.spec.js')
  const waiting = 'async () => {\nlet done\nconst over = new Promise((resolve) => (done = resolve))'
  const adapted = readFileSync(spec, 'utf8')
    .replace('async done => {', waiting)
    .replace(/(send batch #1\n[\s\S]*?\}\)\n)/, '$1await over\n')
  writeFileSync(spec, adapted)
  for (const name of ['createAcls', 'deleteAcls', 'describeAcls']) {
    const acls = join(TREE, 'src', 'admin', '__tests__', `${name}.spec.js`)
    const onOne = readFileSync(acls, 'utf8').replaceAll('Factor: 2', 'Factor: 1')
    writeFileSync(acls, onOne)
  }
  const setup = join(TREE, 'testHelpers', 'setup.js')
  writeFileSync(
    setup,
    readFileSync(setup, 'utf8').replace('setTimeout(90000)', 'setTimeout(20000)'),
  )
}
