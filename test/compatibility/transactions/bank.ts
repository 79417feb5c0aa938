/**
 * The bank: clerks (Bank.java) move transfers exactly once, while seeded killers take turns: the
 * broker is killed with -9 and comes back; a clerk is killed and replaced; a clerk is stopped, gets
 * a successor with its transactional id and wakes up as a zombie; a clerk gets a twin.
 *
 * A slot is one transactional id. Its newest process is the owner and is replaced whenever it ends;
 * older ones that still live are zombies, which must end fenced once they touch a transaction.
 *
 * An auditor (audit.ts) reads what is committed all the while.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { SeededRandom } from '@ottla/base'
import { Kafka, type Producer } from '@ottla/client'
import { type OttlaProcess, startOttlaProcess } from '../../support/ottla-process.ts'
import { ensureApacheKafka } from '../support/apache-jars.ts'
import { JavaProcess } from '../support/java-process.ts'
import { Audit, type AuditFigures } from './audit.ts'
import { backlogOf, checkBank, committedOffsets, EpochWatch, standOf } from './bank-checks.ts'
import { Reigns } from './reigns.ts'

export type GroupProtocol = 'classic' | 'consumer'

export interface BankOptions {
  readonly seed: number
  readonly brokerKills: number
  readonly clientKills: number
  readonly protocol: GroupProtocol
  readonly onKill?: (report: BankReport) => void
}

export interface BankReport {
  transfers: number
  /** What the killers did, by kind. */
  readonly kills: Record<Kill, number>
  /** What clerks told, by event and cause, as in `fenced ProducerFencedException`. */
  readonly events: Map<string, number>
  /** What the auditor has seen. */
  audit: AuditFigures
  /** Sentences about everything that is wrong; empty when all is well. */
  readonly faults: string[]
}

type Kill = 'broker' | 'clerk' | 'zombie' | 'twin'

export const TRANSACTION_TIMEOUT_MS = 6_000
const CLERKS = 3
/** Zombies without partitions never touch a transaction; too many of them only fill the machine. */
const ZOMBIES_MAX = 2
export const PARTITIONS = 3
const ENTRY_PARTITIONS = 4
const TRANSFERS_PER_BURST = 40
const BURST_MS = 150
const DRAIN_MS = 150_000
/** On a busy machine clerks that are killed all the time book slowly; the rest would pile up. */
const BACKLOG_MAX = 1_500
const SETTINGS = {
  'transaction.abort.timed.out.transaction.cleanup.interval.ms': '200',
  'group.consumer.min.session.timeout.ms': '6000',
  'group.consumer.session.timeout.ms': '6000',
  'group.consumer.min.heartbeat.interval.ms': '1000',
  'group.consumer.heartbeat.interval.ms': '1000',
}

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** One transactional id and the processes that have it. */
interface Slot {
  readonly clerk: string
  owner: JavaProcess
  readonly zombies: Set<JavaProcess>
}

export class Bank {
  private readonly options: BankOptions
  private readonly random: SeededRandom
  private readonly report: BankReport
  private readonly folder = mkdtempSync(join(tmpdir(), 'ottla-bank-'))
  private readonly slots: Slot[] = []
  private readonly epochs = new EpochWatch()
  private readonly reigns = new Reigns()
  private readonly audit = new Audit()
  private auditor!: JavaProcess
  private classpath = ''
  private isOver = false
  private broker!: OttlaProcess
  private kafka!: Kafka

  static run(options: BankOptions): Promise<BankReport> {
    return new Bank(options).run()
  }

  private constructor(options: BankOptions) {
    this.options = options
    this.random = new SeededRandom(options.seed)
    const kills = { broker: 0, clerk: 0, zombie: 0, twin: 0 }
    const audit = this.audit.figures()
    this.report = { transfers: 0, kills, events: new Map(), audit, faults: [] }
  }

  private async run(): Promise<BankReport> {
    await this.open()
    try {
      const writing = this.write().catch((error: unknown) => {
        this.report.faults.push(`the writer ended: ${error}`)
      })
      for (const kill of this.plan()) {
        await wait(300 + this.random.integer(1_500))
        await this.carryOut(kill)
        this.report.kills[kill]++
        this.options.onKill?.(this.report)
        this.report.faults.push(...(await this.epochs.look(this.kafka)))
        this.audit.look(await committedOffsets(this.kafka))
      }
      this.isOver = true
      await writing
      await this.drain()
      const { transfers, faults } = this.report
      await this.audit.seesAll(transfers)
      this.report.audit = this.audit.figures()
      faults.push(...this.audit.faults, ...this.reigns.faults())
      faults.push(...(await checkBank(this.kafka, this.broker.bootstrap, transfers)))
    } finally {
      this.isOver = true
      await this.close()
    }
    return this.report
  }

  private async open(): Promise<void> {
    const { brokerClasspath } = await ensureApacheKafka()
    const classes = join(this.folder, 'classes')
    const sources = ['Bank.java', 'Auditor.java'].map((name) => join(import.meta.dirname, name))
    execFileSync('javac', ['-d', classes, '-cp', brokerClasspath, ...sources])
    this.classpath = [classes, brokerClasspath].join(delimiter)
    const dataDir = join(this.folder, 'data')
    this.broker = await startOttlaProcess({ dataDir, settings: SETTINGS })
    this.kafka = new Kafka({ brokers: this.broker.bootstrap })
    await this.kafka.admin.createTopics([
      { topic: 'transfers', partitions: PARTITIONS },
      { topic: 'out', partitions: PARTITIONS },
      { topic: 'entries', partitions: ENTRY_PARTITIONS },
    ])
    this.auditor = new JavaProcess({
      classpath: this.classpath,
      main: 'Auditor',
      args: [this.broker.bootstrap, `out=${PARTITIONS}`, `entries=${ENTRY_PARTITIONS}`],
      heap: '128m',
      onLine: (line) => this.audit.hear(line),
    })
    void this.auditor.ended.then((code) => {
      if (code !== null) this.report.faults.push(`the auditor ended: ${this.auditor.output}`)
    })
    for (let i = 0; i < CLERKS; i++) {
      const clerk = `clerk-${i}`
      this.slots.push({ clerk, owner: this.hire(clerk), zombies: new Set() })
    }
  }

  private async close(): Promise<void> {
    const all = this.slots.flatMap(({ owner, zombies }) => [owner, ...zombies])
    await Promise.all([...all, this.auditor].map((process) => process.kill9()))
    await this.kafka.close()
    await this.broker.kill9()
    rmSync(this.folder, { recursive: true, force: true })
  }

  /** Kinds of kills in random order, as many of each as asked for. */
  private plan(): Kill[] {
    const kinds: Kill[] = ['clerk', 'zombie', 'twin']
    const { brokerKills, clientKills } = this.options
    const kills: Kill[] = Array.from({ length: brokerKills }, () => 'broker' as const)
    for (let i = 0; i < clientKills; i++) kills.push(kinds[i % kinds.length] as Kill)
    for (let i = kills.length - 1; i > 0; i--) {
      const j = this.random.integer(i + 1)
      const [a, b] = [kills[i] as Kill, kills[j] as Kill]
      kills[i] = b
      kills[j] = a
    }
    return kills
  }

  /** Transfers 0, 1, 2, ... until the killers are done, as fast as they are booked. */
  private async write(): Promise<void> {
    await using producer: Producer = this.kafka.producer({ deliveryTimeoutMs: 120_000 })
    while (!this.isOver) {
      await wait(BURST_MS)
      if ((await backlogOf(this.kafka)) > BACKLOG_MAX) continue
      const records = Array.from({ length: TRANSFERS_PER_BURST }, (_, i) => ({
        partition: (this.report.transfers + i) % PARTITIONS,
        value: String(this.report.transfers + i),
      }))
      await producer.send('transfers', records)
      this.report.transfers += TRANSFERS_PER_BURST
    }
  }

  private carryOut(kill: Kill): Promise<void> {
    if (kill === 'broker') return this.killBroker()
    const slot = this.slots[this.random.integer(CLERKS)] as Slot
    if (kill === 'clerk') return slot.owner.kill9()
    if (kill === 'twin') this.succeed(slot)
    else this.makeZombie(slot)
    return Promise.resolve()
  }

  private async killBroker(): Promise<void> {
    const { dataDir, port } = this.broker
    await this.broker.kill9()
    this.broker = await startOttlaProcess({ dataDir, port, settings: SETTINGS })
  }

  /** Stopped with what it has in hand, succeeded at once, awake again when it is too late. */
  private makeZombie(slot: Slot): void {
    const zombie = slot.owner
    zombie.suspend()
    this.succeed(slot)
    setTimeout(() => zombie.resume(), 5_000 + this.random.integer(6_000))
  }

  private succeed(slot: Slot): void {
    const { owner } = slot
    slot.zombies.add(owner)
    const [oldest] = slot.zombies
    if (oldest && slot.zombies.size > ZOMBIES_MAX) void oldest.kill9()
    slot.owner = this.hire(slot.clerk)
    void owner.ended.then(() => slot.zombies.delete(owner))
  }

  private hire(clerk: string): JavaProcess {
    const { protocol } = this.options
    const seed = String(this.random.integer(1_000_000))
    const bootstrap = this.broker.bootstrap
    const process = new JavaProcess({
      classpath: this.classpath,
      main: 'Bank',
      args: [bootstrap, clerk, seed, protocol, String(TRANSACTION_TIMEOUT_MS)],
      heap: '128m',
      onLine: (line) => this.hear(line, clerk),
    })
    void process.ended.then((code) => {
      if (code !== 3 && code !== null) this.report.faults.push(`${clerk} ended: ${process.output}`)
      const slot = this.slots.find(({ owner }) => owner === process)
      if (slot && !this.isClosed()) slot.owner = this.hire(clerk)
    })
    return process
  }

  private isClosed = (): boolean => this.isOver && this.isDrained

  private isDrained = false

  private hear(line: string, clerk: string): void {
    const [word = '', ...rest] = line.split(' ')
    const event = ['fenced', 'again', 'late'].includes(word) ? `${word} ${rest[0]}` : word
    this.report.events.set(event, (this.report.events.get(event) ?? 0) + 1)
    if (word === 'wrong') this.report.faults.push(line)
    else if (word === 'ready') this.reigns.begins(clerk, Number(rest[0]), Number(rest[1]))
    else if (word === 'committed') this.audit.committed(rest[0] as string, Number(rest[1]))
    else if (word === 'aborted') this.audit.aborted(rest[0] as string)
    else if (word === 'late') {
      const [error = '', attempt = '', epoch, ms] = rest
      this.audit.aborted(attempt)
      this.reigns.wasLate({ clerk, error, attempt, epoch: Number(epoch), ms: Number(ms) })
    }
  }

  /** Everybody that lives works on until all transfers are booked. */
  private async drain(): Promise<void> {
    const deadline = performance.now() + DRAIN_MS
    while ((await backlogOf(this.kafka)) > 0) {
      if (performance.now() > deadline) {
        this.report.faults.push(`transfers are left after ${DRAIN_MS} ms`)
        this.report.faults.push(...(await standOf(this.kafka)))
        break
      }
      await wait(250)
    }
    this.isDrained = true
    await Promise.all(
      this.slots.flatMap(({ owner, zombies }) => [owner, ...zombies]).map((clerk) => clerk.kill9()),
    )
  }
}
