// Every script of package.json runs through here: it installs and builds what is missing or out of
// date, then does the job. Plain JavaScript, since it must work before anything is installed.
import { spawnSync } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const [job, ...args] = process.argv.slice(2)
// Arguments are meant for the job: paths in them are relative to where the user stands.
const userDir = process.env.INIT_CWD ?? process.cwd()

const [major, minor] = process.versions.node.split('.').map(Number)
if (major < 20 || (major === 20 && minor < 19)) {
  fail(`ottla needs Node.js 20.19 or later; this is ${process.version}.`)
}

function fail(message) {
  process.stderr.write(`${message}\n`)
  process.exit(1)
}

function run(command, commandArgs, options = {}) {
  const result = spawnSync(command, commandArgs, { cwd: root, stdio: 'inherit', ...options })
  if (result.error) fail(`${command}: ${result.error.message}`)
  return result.status ?? 1
}

function mustRun(command, commandArgs, options) {
  const status = run(command, commandArgs, options)
  if (status !== 0) process.exit(status)
}

/** Newest modification among files below a directory, 0 when there are none. */
function newest(directory, suffix) {
  let time = 0
  if (!existsSync(directory)) return 0
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name)
    if (entry.isDirectory()) time = Math.max(time, newest(path, suffix))
    else if (entry.name.endsWith(suffix)) time = Math.max(time, statSync(path).mtimeMs)
  }
  return time
}

const stampPath = (name) => join(root, 'node_modules', '.cache', `ottla-${name}`)
const stamp = (name) => (existsSync(stampPath(name)) ? readFileSync(stampPath(name), 'utf8') : '')

function writeStamp(name, text) {
  mkdirSync(dirname(stampPath(name)), { recursive: true })
  writeFileSync(stampPath(name), text)
}

/**
 * What decides whether `node_modules` is up to date: the lock file and this platform. `npm install`
 * follows the lock like `npm ci` does, but is content when a registry does not carry the optional
 * packages of other platforms.
 */
function install() {
  const lock = statSync(join(root, 'package-lock.json'))
  const wanted = `${lock.size} ${readFileSync(join(root, 'package-lock.json')).length} ${process.version}`
  if (existsSync(join(root, 'node_modules', 'typescript')) && stamp('installed') === wanted) return
  process.stderr.write('ottla: installing packages (once)\n')
  mustRun('npm', ['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error'], {
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32',
  })
  writeStamp('installed', wanted)
}

const packages = () =>
  readdirSync(join(root, 'packages')).filter((name) =>
    existsSync(join(root, 'packages', name, 'package.json')),
  )

function build() {
  const sources = Math.max(
    ...packages().map((name) => newest(join(root, 'packages', name, 'src'), '.ts')),
    statSync(join(root, 'tsconfig.base.json')).mtimeMs,
  )
  const isBuilt =
    existsSync(join(root, 'packages', 'cli', 'bundle', 'main.js')) &&
    COMMONJS.every((name) =>
      entriesOf(name).every((entry) => existsSync(join(commonjsOf(name), `${entry}.js`))),
    ) &&
    packages().every((name) => existsSync(join(root, 'packages', name, 'dist')))
  if (isBuilt && stamp('built') === String(sources)) return
  process.stderr.write('ottla: building\n')
  mustRun(process.execPath, [bin('typescript', 'tsc'), '-b'], { stdio: ['ignore', 2, 2] })
  for (const name of COMMONJS) commonjs(name)
  bundle()
  writeStamp('built', String(sources))
}

/** The client, its serdes and what they stand on: packages that programs may also `require`. */
const COMMONJS = ['base', 'protocol', 'network', 'client', 'schema', 'opentelemetry', 'kafkajs']
const commonjsOf = (name) => join(root, 'packages', name, 'dist', 'cjs')
/** What else than itself a package lets be loaded: `@ottla/kafkajs/eslint`. */
const MORE_ENTRIES = { kafkajs: ['eslint/index'] }
const entriesOf = (name) => ['index', ...(MORE_ENTRIES[name] ?? [])]

/**
 * A package once more as CommonJS: one file an entry, beside a copy of its types. Which of the two
 * forms a file has is said by the nearest package.json, so the copies need no change.
 */
function commonjs(name) {
  const types = join(root, 'packages', name, 'dist')
  const outdir = commonjsOf(name)
  rmSync(outdir, { recursive: true, force: true })
  const { buildSync } = createRequire(join(root, 'package.json'))('esbuild')
  buildSync({
    absWorkingDir: root,
    entryPoints: entriesOf(name).map((entry) => join(root, 'packages', name, 'src', `${entry}.ts`)),
    outdir,
    outbase: join(root, 'packages', name, 'src'),
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    conditions: ['@ottla/source'],
    sourcemap: true,
    banner: { js: "const moduleUrl = require('node:url').pathToFileURL(__filename).href" },
    define: { 'import.meta.url': 'moduleUrl' },
    logLevel: 'warning',
  })
  writeFileSync(join(outdir, 'package.json'), '{ "type": "commonjs" }\n')
  for (const path of readdirSync(types, { recursive: true })) {
    if (path.startsWith(`cjs${sep}`) || !path.endsWith('.d.ts')) continue
    mkdirSync(dirname(join(outdir, path)), { recursive: true })
    copyFileSync(join(types, path), join(outdir, path))
  }
}

/** npm packages that stay outside the bundle: programs of their own, or with binaries beside them. */
const EXTERNAL = [
  'commander',
  'prom-client',
  '@aws-sdk/client-s3',
  '@node-rs/crc32',
  'snappy',
  'snappyjs',
  '@bokuweb/zstd-wasm',
]

/** The command line in a few files instead of 300: it starts in half the time (docs/decisions). */
function bundle() {
  const cli = join(root, 'packages', 'cli')
  const { buildSync } = createRequire(join(root, 'package.json'))('esbuild')
  const outdir = join(cli, 'bundle')
  const { metafile } = buildSync({
    absWorkingDir: root,
    metafile: true,
    entryPoints: {
      main: join(cli, 'src', 'main.ts'),
      // Runs as a thread: found by its name beside whatever chunk starts it.
      'cleaner-worker': join(root, 'packages/storage/src/compaction/cleaner-worker.ts'),
    },
    outdir,
    bundle: true,
    platform: 'node',
    format: 'esm',
    splitting: true,
    target: 'node20',
    conditions: ['@ottla/source'],
    sourcemap: true,
    external: EXTERNAL,
    logLevel: 'warning',
  })
  // Chunks of earlier builds would be published with the rest.
  const made = new Set(Object.keys(metafile.outputs).map((path) => join(root, path)))
  for (const name of readdirSync(outdir)) {
    if (!made.has(join(outdir, name))) rmSync(join(outdir, name))
  }
}

/** Path of a package's program, so that it starts without npx. */
function bin(packageName, program) {
  const require = createRequire(join(root, 'package.json'))
  const manifestPath = require.resolve(`${packageName}/package.json`)
  const { bin: bins } = JSON.parse(readFileSync(manifestPath, 'utf8'))
  return join(dirname(manifestPath), typeof bins === 'string' ? bins : bins[program])
}

const node = (file, fileArgs = args, options = {}) =>
  run(process.execPath, [join(root, file), ...fileArgs], {
    cwd: userDir,
    ...options,
  })

const tsx = (file, fileArgs = args) =>
  run(process.execPath, [
    bin('tsx', 'tsx'),
    '--conditions=@ottla/source',
    join(root, file),
    ...fileArgs,
  ])

const vitest = (vitestArgs) =>
  run(process.execPath, [bin('vitest', 'vitest'), 'run', ...vitestArgs])

const check = () => {
  const steps = [
    [bin('@biomejs/biome', 'biome'), ['check', '--error-on-warnings']],
    [bin('typescript', 'tsc'), ['-p', 'tsconfig.check.json']],
    [bin('eslint', 'eslint'), ['--cache', '--cache-location', 'node_modules/.cache/eslint', '.']],
  ]
  for (const [program, programArgs] of steps) mustRun(process.execPath, [program, ...programArgs])
  return vitest(['--project', 'unit', '--reporter', './tools/plain-reporter.ts'])
}

const jobs = {
  start: () => {
    build()
    return node('packages/cli/bundle/main.js', ['start', ...args])
  },
  ottla: () => {
    build()
    return node('packages/cli/bundle/main.js')
  },
  build: () => {
    build()
    return 0
  },
  test: () => {
    build()
    return vitest(['--reporter', './tools/plain-reporter.ts', ...args])
  },
  'test:compat': () => {
    build()
    return vitest([
      '--config',
      'vitest.compat.config.ts',
      '--reporter',
      './tools/plain-reporter.ts',
      ...args,
    ])
  },
  'test:crash': () => {
    build()
    return tsx('test/crash/run.ts')
  },
  'test:bank': () => {
    build()
    return tsx('test/compatibility/transactions/run-bank.ts')
  },
  'test:cluster': () => {
    build()
    return tsx('test/compatibility/cluster/run-cluster.ts')
  },
  'test:consistency': () => {
    build()
    return tsx('test/consistency/run.ts')
  },
  'test:differential': () => {
    build()
    return tsx('test/differential/run.ts')
  },
  'test:kafkajs': () => {
    build()
    return tsx('test/conformance/kafkajs/run.ts')
  },
  'test:librdkafka': () => {
    build()
    return tsx('test/conformance/librdkafka/run.ts')
  },
  demo: () => {
    build()
    return tsx('demo/flights.ts')
  },
  bench: () => {
    build()
    return tsx('bench/run.ts')
  },
  check: () => check(),
  fix: () => run(process.execPath, [bin('@biomejs/biome', 'biome'), 'check', '--write']),
  docs: () => tsx('tools/docs.ts'),
  'protocol:dump': () => tsx('tools/protocol-dump.ts'),
}

if (!Object.hasOwn(jobs, job ?? ''))
  fail(`usage: node tools/run.mjs ${Object.keys(jobs).join('|')}`)
install()
process.exit(jobs[job]())
