/** GroupMembers.java, compiled once per run and driven from here. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { createInterface } from 'node:readline'
import { ensureApacheKafka } from '../support/apache-jars.ts'
import { waitUntil } from '../support/judged-broker.ts'

export interface MemberRecord {
  readonly member: string
  readonly partition: string
  readonly offset: number
  readonly value: string
}

export class GroupMembers {
  /** What each member holds, as it says; closed members are not among them. */
  readonly owned = new Map<string, readonly string[]>()
  readonly records: MemberRecord[] = []
  readonly failures: string[] = []
  private readonly child: ChildProcess
  private readonly classes: string

  static async start(bootstrap: string): Promise<GroupMembers> {
    const { brokerClasspath } = await ensureApacheKafka()
    return new GroupMembers(bootstrap, brokerClasspath)
  }

  private constructor(bootstrap: string, classpath: string) {
    this.classes = mkdtempSync(join(tmpdir(), 'ottla-members-'))
    const source = join(import.meta.dirname, 'GroupMembers.java')
    execFileSync('javac', ['-d', this.classes, '-cp', classpath, source])
    const flags = ['-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1']
    const path = [this.classes, classpath].join(delimiter)
    const log = '-Dorg.slf4j.simpleLogger.defaultLogLevel=error'
    this.child = spawn('java', [...flags, log, '-cp', path, 'GroupMembers', bootstrap], {
      stdio: ['pipe', 'pipe', 'ignore'],
    })
    const output = this.child.stdout as NonNullable<ChildProcess['stdout']>
    createInterface({ input: output }).on('line', (line) => this.hear(line))
  }

  private hear(line: string): void {
    const [kind, member, ...rest] = line.split(' ') as [string, string, ...string[]]
    if (kind === 'owns')
      this.owned.set(
        member,
        rest.filter((name) => name !== ''),
      )
    else if (kind === 'closed') this.owned.delete(member)
    else if (kind === 'failed') this.failures.push(line)
    else if (kind === 'record') {
      const [partition, offset, ...value] = rest as [string, string, ...string[]]
      this.records.push({ member, partition, offset: Number(offset), value: value.join(' ') })
    }
  }

  tell(command: string): void {
    this.child.stdin?.write(`${command}\n`)
  }

  join(member: string, group: string, settings: string): void {
    this.tell(`join ${member} group.id=${group} group.protocol=consumer ${settings}`)
  }

  async closed(member: string, how: 'close' | 'leave' | 'stay' = 'close'): Promise<void> {
    this.tell(`${how} ${member}`)
    await waitUntil(`${member} closes`, () => !this.owned.has(member))
  }

  /** Waits until these members hold so many partitions each, and all of them. */
  async share(counts: Readonly<Record<string, number>>): Promise<void> {
    const text = () => JSON.stringify([...this.owned, this.failures])
    const wanted = Object.values(counts).reduce((sum, count) => sum + count, 0)
    const isThere = () => {
      const all = [...this.owned.values()].flat()
      if (new Set(all).size !== wanted || all.length !== wanted) return false
      return Object.entries(counts).every(([name, n]) => this.owned.get(name)?.length === n)
    }
    await waitUntil(`shares ${JSON.stringify(counts)}`, isThere, 60_000).catch((cause) => {
      throw new Error(`the shares are ${text()}`, { cause })
    })
  }

  /** Waits until every one of these values was read and committed; each exactly once. */
  async read(values: readonly string[]): Promise<void> {
    const seen = () => this.records.map(({ value }) => value)
    await waitUntil('all is read', () => seen().length >= values.length).catch((cause) => {
      throw new Error(`read ${seen().length} of ${values.length}`, { cause })
    })
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.child.once('exit', resolve))
    this.child.kill('SIGKILL')
    await ended
    rmSync(this.classes, { recursive: true, force: true })
  }
}
