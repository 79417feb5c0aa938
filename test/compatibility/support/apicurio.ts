/**
 * A schema registry of others: Apicurio Registry, which speaks Confluent's REST API beside its own,
 * in memory. Fetched with Maven when a test first asks for it and kept in `.cache`.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { freePort } from './apache-broker.ts'
import { REPOSITORY_ROOT } from './apache-jars.ts'
import { waitUntil } from './judged-broker.ts'
import { INSTALL_TIMEOUT_MS } from './peers.ts'
import { outputOf } from './run-program.ts'

/** The last line that Java 17 runs. */
const VERSION = '3.0.9'
const FOLDER = join(REPOSITORY_ROOT, '.cache', `apicurio-${VERSION}`)
const JAR = `apicurio-registry-app-${VERSION}-runner.jar`
const START_MS = 60_000

export interface SchemaRegistry extends AsyncDisposable {
  /** Where Confluent's API is. */
  readonly url: string
}

export async function ensureApicurio(): Promise<string> {
  const jar = join(FOLDER, JAR)
  if (existsSync(jar)) return jar
  const partial = `${FOLDER}.${process.pid}`
  await mkdir(partial, { recursive: true })
  const artifact = `io.apicurio:apicurio-registry-app:${VERSION}:tar.gz:all`
  const args = ['-B', '-q', 'dependency:unpack', `-Dartifact=${artifact}`]
  try {
    await outputOf('mvn', [...args, `-DoutputDirectory=${partial}`], {
      timeoutMs: INSTALL_TIMEOUT_MS,
      cwd: partial,
    })
  } catch (error) {
    const hint = 'Apicurio Registry is fetched with Maven: `mvn` and Maven Central must be there.'
    throw new Error(hint, { cause: error })
  }
  await rm(FOLDER, { recursive: true, force: true })
  await rename(partial, FOLDER)
  return jar
}

export async function startApicurio(): Promise<SchemaRegistry> {
  const jar = await ensureApicurio()
  const port = await freePort()
  const env = {
    ...process.env,
    QUARKUS_HTTP_HOST: '127.0.0.1',
    QUARKUS_HTTP_PORT: String(port),
    QUARKUS_LOG_LEVEL: 'WARN',
  }
  const flags = ['-Xmx400m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1']
  const child = spawn('java', [...flags, '-jar', jar], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  let log = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      log = (log + text).slice(-10_000)
    })
  }
  const url = `http://127.0.0.1:${port}/apis/ccompat/v7`
  await waitUntil(
    'Apicurio answers',
    async () => {
      if (child.exitCode !== null) throw new Error(`Apicurio ended: ${log}`)
      const response = await fetch(`${url}/subjects`).catch(() => undefined)
      return response?.ok === true
    },
    START_MS,
  )
  return { url, [Symbol.asyncDispose]: () => ended(child) }
}

function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null) return resolve()
    child.once('exit', () => resolve())
    child.kill('SIGKILL')
  })
}
