/** A Java program that runs beside the test until it ends or is killed; it keeps its output. */
import { type ChildProcess, spawn } from 'node:child_process'

const OUTPUT_MAX = 200_000
const STOP_TIMEOUT_MS = 15_000

export interface JavaProgram {
  readonly classpath: string
  /** Class, or source file, to run. */
  readonly main: string
  readonly args: readonly string[]
  readonly heap?: string
  /** Level of Apache's own logging. Default `error`. */
  readonly logLevel?: 'error' | 'warn' | 'info'
  /** Gets each line of standard output. */
  readonly onLine?: (line: string) => void
}

export class JavaProcess implements AsyncDisposable {
  output = ''
  /** Exit code; null when a signal ended it. */
  readonly ended: Promise<number | null>
  private readonly child: ChildProcess

  constructor({ classpath, main, args, heap = '256m', logLevel = 'error', onLine }: JavaProgram) {
    const flags = [`-Xmx${heap}`, '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1']
    const log = `-Dorg.slf4j.simpleLogger.defaultLogLevel=${logLevel}`
    this.child = spawn('java', [...flags, log, '-cp', classpath, main, ...args])
    const keep = (text: string) => {
      this.output = (this.output + text).slice(-OUTPUT_MAX)
    }
    this.child.stdout?.setEncoding('utf8').on('data', keep)
    this.child.stderr?.setEncoding('utf8').on('data', keep)
    if (onLine) this.child.stdout?.on('data', byLine(onLine))
    this.ended = new Promise((resolve) => this.child.once('exit', (code) => resolve(code)))
  }

  get isRunning(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null
  }

  /** SIGSTOP: alive, but deaf and mute until `resume`. */
  suspend(): void {
    this.child.kill('SIGSTOP')
  }

  resume(): void {
    this.child.kill('SIGCONT')
  }

  async kill9(): Promise<void> {
    this.child.kill('SIGKILL')
    await this.ended
  }

  /** SIGTERM, and SIGKILL when that takes too long. */
  async stop(): Promise<void> {
    this.child.kill('SIGTERM')
    const late = setTimeout(() => this.child.kill('SIGKILL'), STOP_TIMEOUT_MS)
    await this.ended
    clearTimeout(late)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill9()
  }
}

function byLine(onLine: (line: string) => void): (text: string) => void {
  let rest = ''
  return (text) => {
    const lines = `${rest}${text}`.split('\n')
    rest = lines.pop() as string
    for (const line of lines) onLine(line)
  }
}
