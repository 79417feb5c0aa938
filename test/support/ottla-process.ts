/** The broker as users run it: the built command line in a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const MAIN = fileURLToPath(new URL('../../packages/cli/bundle/main.js', import.meta.url))

export interface OttlaProcessOptions {
  /** Kept when given; else a temporary one is made and removed on stop. */
  readonly dataDir?: string
  readonly port?: number
  readonly settings?: Readonly<Record<string, string>>
  readonly nodeArgs?: readonly string[]
}

export interface OttlaProcess extends AsyncDisposable {
  readonly bootstrap: string
  readonly port: number
  readonly pid: number
  readonly dataDir: string
  /** The line that says it is ready. */
  readonly readyLine: string
  /** What it wrote to stderr. */
  log(): string
  stop(): Promise<void>
  kill9(): Promise<void>
}

export async function startOttlaProcess(options: OttlaProcessOptions = {}): Promise<OttlaProcess> {
  const dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), 'ottla-process-'))
  const settings = Object.entries(options.settings ?? {}).flatMap(([k, v]) => [
    '--set',
    `${k}=${v}`,
  ])
  const args = [...(options.nodeArgs ?? []), MAIN, 'start', '--port', String(options.port ?? 0)]
  const child = spawn(process.execPath, [...args, '--data', dataDir, ...settings], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let log = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    log = (log + text).slice(-100_000)
  })
  const readyLine = await ready(child, () => log)
  const port = Number(/ on \S+:(\d+) in /.exec(readyLine)?.[1])
  const end = (signal: NodeJS.Signals) => async () => {
    await killed(child, signal)
    if (options.dataDir === undefined && signal === 'SIGTERM') {
      rmSync(dataDir, { recursive: true, force: true })
    }
  }
  return {
    bootstrap: `127.0.0.1:${port}`,
    port,
    pid: child.pid as number,
    dataDir,
    readyLine,
    log: () => log,
    stop: end('SIGTERM'),
    kill9: end('SIGKILL'),
    [Symbol.asyncDispose]: end('SIGTERM'),
  }
}

function ready(child: ChildProcess, log: () => string): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    child.stdout?.setEncoding('utf8').on('data', (part: string) => {
      text += part
      const line = /^ottla ready .*$/m.exec(text)
      if (line) resolve(line[0])
    })
    child.once('exit', (code) => reject(new Error(`ottla ended with ${code}: ${log()}`)))
  })
}

function killed(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) {
      resolve()
      return
    }
    child.once('exit', () => resolve())
    child.kill(signal)
  })
}
