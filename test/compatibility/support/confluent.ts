/** confluent-kafka for Python, one run of peers/confluent.py per call. */
import { join } from 'node:path'
import { REPOSITORY_ROOT } from './apache-jars.ts'
import { ensureConfluentKafka } from './peers.ts'
import { outputOf } from './run-program.ts'

const PROGRAM = join(REPOSITORY_ROOT, 'test', 'compatibility', 'peers', 'confluent.py')

/** Bytes as base64, as the program wants and gives them. */
export interface ConfluentRecord {
  readonly key?: string | null
  readonly value?: string | null
  readonly partition?: number
  readonly timestamp?: number
  readonly headers?: readonly (readonly [string, string | null])[]
}

export interface ConfluentReceived {
  readonly partition: number
  readonly offset: number
  readonly key: string | null
  readonly value: string | null
  readonly timestamp: number
  readonly headers: readonly (readonly [string, string | null])[]
}

export const base64 = (text: string | Buffer): string => Buffer.from(text).toString('base64')
export const plain = (text: string | null): string | null =>
  text === null ? null : Buffer.from(text, 'base64').toString()

type Config = Readonly<Record<string, string | number | boolean>>

export class Confluent {
  private readonly bootstrap: string

  constructor(bootstrap: string) {
    this.bootstrap = bootstrap
  }

  /** Partition and offset of every record, or the name of its error. */
  produce(topic: string, records: readonly ConfluentRecord[], config: Config = {}) {
    const args = { topic, records, config }
    return this.run('produce', args) as Promise<([number, number] | string)[]>
  }

  /** From the beginning, or where `group` stopped. */
  consume(
    topic: string,
    count: number,
    options: { group?: string; commit?: boolean; partitions?: number[]; config?: Config } = {},
  ) {
    return this.run('consume', { topic, count, ...options }) as Promise<ConfluentReceived[]>
  }

  group(args: { topic: string; partitions: number; group: string; strategy: string }) {
    return this.run('group', args) as Promise<{ shares: number[][]; resumed: string[] }>
  }

  admin(topic: string) {
    return this.run('admin', { topic })
  }

  private async run(command: string, args: unknown): Promise<unknown> {
    const python = await ensureConfluentKafka()
    const input = JSON.stringify(args)
    const options = { input, timeoutMs: 240_000 }
    return JSON.parse(await outputOf(python, [PROGRAM, command, this.bootstrap], options))
  }
}
