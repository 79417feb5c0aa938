/**
 * A real S3 server: versitygw, a gateway to a directory that is in use in data centres, built from
 * its sources when a test first asks for it and kept in `.cache`.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { createConnection } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../support/apache-broker.ts'
import { REPOSITORY_ROOT } from '../support/apache-jars.ts'
import { waitUntil } from '../support/judged-broker.ts'
import { INSTALL_TIMEOUT_MS } from '../support/peers.ts'
import { outputOf } from '../support/run-program.ts'

const VERSION = 'v1.8.0'
const FOLDER = join(REPOSITORY_ROOT, '.cache', `versitygw-${VERSION}`)
const PROGRAM = join(FOLDER, 'versitygw')

export interface S3Server extends AsyncDisposable {
  readonly url: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
  /** A new bucket, and its name. */
  makeBucket(): Promise<string>
}

export async function ensureS3Server(): Promise<string> {
  if (existsSync(PROGRAM)) return PROGRAM
  const source = `github.com/versity/versitygw/cmd/versitygw@${VERSION}`
  const options = { timeoutMs: INSTALL_TIMEOUT_MS, env: { GOBIN: FOLDER } }
  try {
    await outputOf('go', ['install', source], options)
  } catch (error) {
    throw new Error(
      'The S3 server of the tests is built with Go 1.24 or later: on Debian and Ubuntu ' +
        '`apt-get install golang`, and its module proxy must be reached.',
      { cause: error },
    )
  }
  return PROGRAM
}

export async function startS3Server(): Promise<S3Server> {
  const program = await ensureS3Server()
  const root = await mkdtemp(join(tmpdir(), 'ottla-s3-'))
  const port = await freePort()
  const accessKeyId = 'ottla'
  const secretAccessKey = 'a secret of the tests'
  const env = { ...process.env, ROOT_ACCESS_KEY: accessKeyId, ROOT_SECRET_KEY: secretAccessKey }
  const args = ['--port', `127.0.0.1:${port}`, '--quiet', 'posix', root]
  const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
  let log = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      log = (log + text).slice(-10_000)
    })
  }
  await waitUntil('the S3 server answers', async () => {
    if (child.exitCode !== null) throw new Error(`the S3 server ended: ${log}`)
    return canConnect(port)
  })
  let buckets = 0
  return {
    url: `http://127.0.0.1:${port}`,
    accessKeyId,
    secretAccessKey,
    // The gateway's buckets are directories.
    makeBucket: async () => {
      const name = `bucket-${++buckets}`
      await mkdir(join(root, name))
      return name
    },
    [Symbol.asyncDispose]: async () => {
      await ended(child)
      await rm(root, { recursive: true, force: true })
    },
  }
}

function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null) return resolve()
    child.once('exit', () => resolve())
    child.kill('SIGKILL')
  })
}

function canConnect(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ port, host: '127.0.0.1' })
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
