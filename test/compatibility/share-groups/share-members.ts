/** ShareMembers.java, compiled once per run and driven from here: a line in, a line out. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { createInterface } from 'node:readline'
import { ensureApacheKafka } from '../support/apache-jars.ts'

const ANSWER_TIMEOUT_MS = 60_000

export class ShareMembers {
  private readonly child: ChildProcess
  private readonly classes: string
  private readonly waiting: ((line: string) => void)[] = []

  static async start(bootstrap: string): Promise<ShareMembers> {
    const { brokerClasspath } = await ensureApacheKafka()
    return new ShareMembers(bootstrap, brokerClasspath)
  }

  private constructor(bootstrap: string, classpath: string) {
    this.classes = mkdtempSync(join(tmpdir(), 'ottla-share-members-'))
    const source = join(import.meta.dirname, 'ShareMembers.java')
    execFileSync('javac', ['-d', this.classes, '-cp', classpath, source])
    const flags = ['-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1']
    const path = [this.classes, classpath].join(delimiter)
    const log = '-Dorg.slf4j.simpleLogger.defaultLogLevel=error'
    this.child = spawn('java', [...flags, log, '-cp', path, 'ShareMembers', bootstrap], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    const output = this.child.stdout as NonNullable<ChildProcess['stdout']>
    createInterface({ input: output }).on('line', (line) => this.waiting.shift()?.(line))
  }

  tell(command: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const late = () => reject(new Error(`${command}: no answer in time`))
      const timer = setTimeout(late, ANSWER_TIMEOUT_MS)
      this.waiting.push((line) => {
        clearTimeout(timer)
        resolve(line)
      })
      this.child.stdin?.write(`${command}\n`)
    })
  }

  /** SIGSTOP: alive, but silent until `resume`. */
  suspend(): void {
    this.child.kill('SIGSTOP')
  }

  resume(): void {
    this.child.kill('SIGCONT')
  }

  /** SIGKILL: nothing is said to the broker. */
  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.child.once('exit', resolve))
    this.child.kill('SIGKILL')
    await ended
    rmSync(this.classes, { recursive: true, force: true })
  }
}
