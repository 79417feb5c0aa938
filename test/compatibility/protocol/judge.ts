/**
 * Apache Kafka's generated classes as a judge: a small Java program (java/Judge.java) is compiled
 * against the 4.4.0 jars and asked over its standard input and output. Requests may be in flight
 * together; answers come in order.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { ensureApacheKafka } from '../support/apache-jars.ts'

const SOURCES = fileURLToPath(new URL('java/', import.meta.url))
const IN_FLIGHT_MAX = 64

interface Waiting {
  resolve(answer: unknown): void
  reject(error: Error): void
}

export class Judge {
  private readonly process: ChildProcess
  private readonly folder: string
  private readonly waiting: Waiting[] = []
  private pending: Buffer = Buffer.alloc(0)
  private stderr = ''

  private constructor(process: ChildProcess, folder: string) {
    this.process = process
    this.folder = folder
    process.stdout?.on('data', (chunk: Buffer) => this.receive(chunk))
    process.stderr?.on('data', (chunk: Buffer) => {
      this.stderr = (this.stderr + chunk.toString()).slice(-4000)
    })
    process.on('close', () => {
      for (const { reject } of this.waiting.splice(0)) {
        reject(new Error(`the Java program ended: ${this.stderr}`))
      }
    })
  }

  /** With the jars of 4.4.0, or with the older ones that the command line tools come from. */
  static async start(release: 'newest' | 'previous' = 'newest'): Promise<Judge> {
    const { brokerJars, toolJars } = await ensureApacheKafka()
    const jarFolder = release === 'newest' ? brokerJars : toolJars
    const jars = (await readdir(jarFolder)).filter((name) => name.endsWith('.jar'))
    const folder = await mkdtemp(join(tmpdir(), 'ottla-judge-'))
    const classpath = [...jars.map((name) => join(jarFolder, name)), folder].join(delimiter)
    const sources = (await readdir(SOURCES)).map((name) => join(SOURCES, name))
    const javac = ['-proc:none', '-cp', classpath, '-d', folder, ...sources]
    await promisify(execFile)('javac', javac, { timeout: 120_000 })
    return new Judge(spawn('java', ['-Xmx512m', '-cp', classpath, 'Judge']), folder)
  }

  /** Sends a request; the answer is checked by the caller, whose type it takes. */
  ask<T>(request: object): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.waiting.push({ resolve: resolve as (answer: unknown) => void, reject })
      const body = Buffer.from(JSON.stringify(request))
      const size = Buffer.alloc(4)
      size.writeInt32BE(body.length)
      this.process.stdin?.write(Buffer.concat([size, body]))
    })
  }

  private receive(chunk: Buffer): void {
    this.pending = Buffer.concat([this.pending, chunk])
    while (this.pending.length >= 4) {
      const end = 4 + this.pending.readInt32BE(0)
      if (this.pending.length < end) return
      const text = this.pending.toString('utf8', 4, end)
      this.pending = this.pending.subarray(end)
      this.waiting.shift()?.resolve(JSON.parse(text))
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.process.exitCode === null) {
      const closed = new Promise((resolve) => this.process.once('close', resolve))
      this.process.stdin?.end()
      await closed
    }
    await rm(this.folder, { recursive: true, force: true })
  }
}

/** Runs `work` for every item with a bounded number in flight. */
export async function inFlight<T>(
  items: readonly T[],
  work: (item: T) => Promise<void>,
): Promise<void> {
  let next = 0
  const run = async () => {
    while (next < items.length) await work(items[next++] as T)
  }
  await Promise.all(Array.from({ length: IN_FLIGHT_MAX }, run))
}
