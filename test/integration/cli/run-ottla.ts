/** The command line as users run it: the built program in a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const MAIN = fileURLToPath(new URL('../../../packages/cli/bundle/main.js', import.meta.url))

/** No command of these tests takes longer; one that hangs must not hold the others up. */
const TIMEOUT_MS = 30_000

export interface Finished {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

export interface RunOptions {
  readonly input?: string | Buffer
  readonly env?: Readonly<Record<string, string>>
}

export interface Running {
  readonly child: ChildProcess
  /** Resolves when stdout holds so many lines. */
  lines(count: number): Promise<void>
  readonly done: Promise<Finished>
}

export function startOttla(args: readonly string[], options: RunOptions = {}): Running {
  const child = spawn(process.execPath, [MAIN, ...args], {
    env: { ...process.env, NO_COLOR: '1', ...options.env },
    stdio: 'pipe',
    timeout: TIMEOUT_MS,
    killSignal: 'SIGKILL',
  })
  let out = ''
  let err = ''
  let onOutput = () => {}
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text
    onOutput()
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text
  })
  child.stdin.on('error', () => {
    // The command may end before it has read everything; its exit code tells.
  })
  child.stdin.end(options.input ?? '')
  const done = new Promise<Finished>((resolve) => {
    child.on('close', (code) => resolve({ code, out, err }))
  })
  const lines = (count: number) =>
    new Promise<void>((resolve, reject) => {
      onOutput = () => {
        if (out.split('\n').length > count) resolve()
      }
      onOutput()
      done.then(({ code }) => reject(new Error(`ended with ${code}: ${out}${err}`)), reject)
    })
  return { child, lines, done }
}

export const ottla = (args: readonly string[], options: RunOptions = {}): Promise<Finished> =>
  startOttla(args, options).done
