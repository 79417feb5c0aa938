/**
 * The bank: clerks (Bank.java) move transfers exactly once, while seeded killers take turns: the
 * broker is killed with -9 and comes back; a clerk is killed and replaced; a clerk is stopped, gets
 * a successor with its transactional id and wakes up as a zombie; a clerk gets a twin.
 *
 * A slot is one transactional id. Its newest process is the owner and is replaced whenever it ends;
 * older ones that still live are zombies, which must end fenced once they touch a transaction.
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
import { backlogOf, checkBank, EpochWatch, standOf } from './bank-checks.ts'

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
  /** Sentences about everything that is wrong; empty when all is well. */
  readonly faults: string[]
}

type Kill = 'broker' | 'clerk' | 'zombie' | 'twin'

export const TRANSACTION_TIMEOUT_MS = 6_000
const CLERKS = 3
const PARTITIONS = 3
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
  /** Who was the last to get the transactional id from the broker. */
  holder: JavaProcess | undefined
  readonly zombies: Set<JavaProcess>
}

export class Bank {
  private readonly options: BankOptions
  private readonly random: SeededRandom
  private readonly report: BankReport
  private readonly folder = mkdtempSync(join(tmpdir(), 'ottla-bank-'))
  private readonly slots: Slot[] = []
  private readonly epochs = new EpochWatch()
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
    this.report = { transfers: 0, kills, events: new Map(), faults: [] }
  }

  private async run(): Promise<BankReport> {
    await this.open()
    try {
      const writing = this.write()
      for (const kill of this.plan()) {
        await wait(300 + this.random.integer(1_500))
        await this.carryOut(kill)
        this.report.kills[kill]++
        this.options.onKill?.(this.report)
        this.report.faults.push(...(await this.epochs.look(this.kafka)))
      }
      this.isOver = true
      await writing
      await this.drain()
      this.report.faults.push(...(await checkBank(this.kafka, this.report.transfers)))
    } finally {
      this.isOver = true
      await this.close()
    }
    return this.report
  }

  private async open(): Promise<void> {
    const { brokerClasspath } = await ensureApacheKafka()
    const classes = join(this.folder, 'classes')
    const source = join(import.meta.dirname, 'Bank.java')
    execFileSync('javac', ['-d', classes, '-cp', brokerClasspath, source])
    this.classpath = [classes, brokerClasspath].join(delimiter)
    const dataDir = join(this.folder, 'data')
    this.broker = await startOttlaProcess({ dataDir, settings: SETTINGS })
    this.kafka = new Kafka({ brokers: this.broker.bootstrap })
    await this.kafka.admin.createTopics([
      { topic: 'transfers', partitions: PARTITIONS },
      { topic: 'out', partitions: PARTITIONS },
      { topic: 'entries', partitions: 4 },
    ])
    for (let i = 0; i < CLERKS; i++) {
      const clerk = `clerk-${i}`
      this.slots.push({ clerk, owner: this.hire(clerk), holder: undefined, zombies: new Set() })
    }
  }

  private async close(): Promise<void> {
    const all = this.slots.flatMap(({ owner, zombies }) => [owner, ...zombies])
    await Promise.all(all.map((clerk) => clerk.kill9()))
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
      onLine: (line) => this.hear(line, clerk, process),
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

  private hear(line: string, clerk: string, process: JavaProcess): void {
    const slot = this.slots.find((each) => each.clerk === clerk)
    if (slot && line === 'ready') slot.holder = process
    const isHolder = slot?.holder === process
    const event = line.startsWith('committed') ? 'committed' : line
    this.report.events.set(event, (this.report.events.get(event) ?? 0) + 1)
    // A transaction that took too long is one thing, a transactional id that is gone another.
    const isWrong =
      line.startsWith('wrong') || (line === 'late InvalidTxnStateException' && !isHolder)
    if (isWrong) this.report.faults.push(`${clerk}${isHolder ? '' : ', a zombie'}: ${line}`)
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
