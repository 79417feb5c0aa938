/** WordCount.java, compiled once per run: instances of one Kafka Streams application. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { createInterface } from 'node:readline'
import { ensureApacheKafka } from '../support/apache-jars.ts'
import { waitUntil } from '../support/judged-broker.ts'

const START_MS = 120_000

export class WordCounter {
  /** States of the application as it went through them, the newest last. */
  readonly states: string[] = []
  private readonly child: ChildProcess
  private readonly folder: string
  private readonly ended: Promise<void>

  static async start(
    bootstrap: string,
    protocol: 'classic' | 'streams',
    settings: Readonly<Record<string, string>> = {},
  ): Promise<WordCounter> {
    const { toolClasspath } = await ensureApacheKafka()
    return new WordCounter(toolClasspath, [
      bootstrap,
      protocol,
      ...Object.entries(settings).map(([name, value]) => `${name}=${value}`),
    ])
  }

  private constructor(classpath: string, [bootstrap, protocol, ...settings]: string[]) {
    this.folder = mkdtempSync(join(tmpdir(), 'ottla-words-'))
    const source = join(import.meta.dirname, 'WordCount.java')
    execFileSync('javac', ['-d', this.folder, '-cp', classpath, source])
    const flags = ['-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1']
    const log = '-Dorg.slf4j.simpleLogger.defaultLogLevel=error'
    const path = [this.folder, classpath].join(delimiter)
    const state = join(this.folder, 'state')
    const program = ['-cp', path, 'WordCount', bootstrap as string, state, protocol as string]
    this.child = spawn('java', [...flags, log, ...program, ...settings], {
      stdio: ['pipe', 'pipe', 'ignore'],
    })
    createInterface({ input: this.child.stdout as NodeJS.ReadableStream }).on('line', (line) =>
      this.states.push(line),
    )
    this.ended = new Promise((resolve) => this.child.once('exit', () => resolve()))
  }

  get state(): string | undefined {
    return this.states.at(-1)
  }

  async running(): Promise<void> {
    const isRunning = () => this.state === 'RUNNING'
    await waitUntil('the application runs', isRunning, START_MS).catch((cause) => {
      throw new Error(`states: ${this.states.join(' ')}`, { cause })
    })
  }

  async kill9(): Promise<void> {
    this.child.kill('SIGKILL')
    await this.ended
    rmSync(this.folder, { recursive: true, force: true })
  }

  /** Ends the application as its operator would. */
  async close(): Promise<void> {
    this.child.stdin?.end()
    await this.ended
    rmSync(this.folder, { recursive: true, force: true })
  }
}
