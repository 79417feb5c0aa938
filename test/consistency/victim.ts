/**
 * The broker of a run, in two forms. `BrokerProcess` is the command line in a process of its own,
 * killed with -9: the page cache survives. `PowerCutBroker` runs in this process on a disk in
 * memory that loses, at each cut, whatever was not synced.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { messageOf, type SeededRandom } from '@ottla/base'
import { Broker } from '@ottla/broker'
import { type OttlaProcess, startOttlaProcess } from '../support/ottla-process.ts'
import { type Lies, PowerCutDisk } from './power-cut-disk.ts'

const SETTINGS = {
  'group.min.session.timeout.ms': '100',
  'group.consumer.min.session.timeout.ms': '100',
  'group.consumer.session.timeout.ms': '300',
  'group.consumer.min.heartbeat.interval.ms': '10',
  'group.consumer.heartbeat.interval.ms': '50',
  'transaction.abort.timed.out.transaction.cleanup.interval.ms': '200',
  'offsets.topic.num.partitions': '2',
  'transaction.state.log.num.partitions': '2',
  'log.flush.offset.checkpoint.interval.ms': '150',
  'log.cleaner.backoff.ms': '40',
}

/** The broker does not come back. */
export class StartError extends Error {}

const noStart = (error: unknown): never => {
  throw new StartError(`the broker does not start: ${messageOf(error)}`, { cause: error })
}

export interface Victim {
  /** Called in the moment of the end: whatever comes from the broker later was never sent. */
  onCut: () => void
  readonly kills: number
  /** Resolves when the broker accepts connections. */
  port(): Promise<number>
  killAndRestart(): Promise<void>
  stop(): Promise<void>
}

export class PowerCutBroker implements Victim {
  onCut: () => void = () => {}
  kills = 0
  private disk: PowerCutDisk
  private broker: Promise<Broker>
  private readonly random: SeededRandom

  constructor(random: SeededRandom, lies: Lies = () => false) {
    this.random = random
    this.disk = new PowerCutDisk(random, lies)
    this.disk.makeDirectory('/broker')
    // The directory is the user's, and was there long before.
    this.broker = this.disk.syncDirectory('/').then(() => this.start())
  }

  async port(): Promise<number> {
    return (await this.broker).port
  }

  async killAndRestart(): Promise<void> {
    const dead = await this.broker
    const { random } = this
    const keep = () => random.pick(['lost', 'kept', 'torn', 'torn'] as const)
    this.kills++
    this.disk = this.disk.cut({ bytes: keep(), names: keep(), keptPercent: random.integer(100) })
    this.onCut()
    // Its syncs never end, so neither does this; it gives back the port and the timers.
    dead.stop().catch(() => undefined)
    this.broker = this.start()
    await this.broker
  }

  private start(): Promise<Broker> {
    return Broker.start({
      dataDir: '/broker',
      fileSystem: this.disk,
      settings: { listeners: 'PLAINTEXT://127.0.0.1:0', ...SETTINGS },
    }).catch(noStart)
  }

  async stop(): Promise<void> {
    this.onCut()
    await (await this.broker).stop()
  }
}

export class BrokerProcess implements Victim {
  onCut: () => void = () => {}
  kills = 0
  private readonly dataDir = mkdtempSync(join(tmpdir(), 'ottla-consistency-'))
  private process: Promise<OttlaProcess>

  constructor() {
    this.process = this.start(0)
  }

  async port(): Promise<number> {
    return (await this.process).port
  }

  async killAndRestart(): Promise<void> {
    const dead = await this.process
    this.kills++
    this.process = dead.kill9().then(() => this.start(dead.port))
    await this.process
  }

  private start(port: number): Promise<OttlaProcess> {
    return startOttlaProcess({ dataDir: this.dataDir, port, settings: SETTINGS }).catch(noStart)
  }

  async stop(): Promise<void> {
    await (await this.process).kill9()
    rmSync(this.dataDir, { recursive: true, force: true })
  }
}
