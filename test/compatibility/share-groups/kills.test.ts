/**
 * Java members of a share group at work while the broker and members are killed again and again.
 * What was acknowledged stays so, what was not comes again with a higher delivery count, records of
 * a member that is dead or silent go to another, and none is left behind.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type OttlaProcess, startOttlaProcess } from '../../support/ottla-process.ts'
import { waitUntil } from '../support/judged-broker.ts'
import { ShareMembers } from './share-members.ts'
import { ShareTranscript } from './share-transcript.ts'

const KILLS = 10
const MEMBER_KILLS = 8
const BATCHES_PER_ROUND = 15
const BATCH = 20
const LOCK_MS = 1_000
const DELIVERIES_MAX = 10

interface Delivery {
  readonly offset: number
  readonly count: number
}

const SETTINGS = {
  'group.share.min.record.lock.duration.ms': String(LOCK_MS),
  'group.share.record.lock.duration.ms': String(LOCK_MS),
  'group.share.min.heartbeat.interval.ms': '500',
  'group.share.heartbeat.interval.ms': '500',
  'group.share.delivery.count.limit': String(DELIVERIES_MAX),
  'share.coordinator.snapshot.update.records.per.snapshot': '20',
  'share.coordinator.state.topic.prune.interval.ms': '200',
}

/** What the members know, and what must never happen after it. */
class Ledger {
  /** How often each record has come. */
  readonly times = new Map<number, number>()
  /** Starts of the broker so far: it forgets deliveries that were not written down. */
  incarnation = 0
  /** Members that ended with records in hand, perhaps some that they never told of. */
  victims = 0
  private readonly last = new Map<number, { count: number; incarnation: number; victims: number }>()
  /** Acknowledged for good, as the broker has confirmed. */
  readonly final = new Set<number>()
  private readonly released = new Map<number, number>()
  readonly faults: string[] = []

  deliver({ offset, count }: Delivery): void {
    this.times.set(offset, (this.times.get(offset) ?? 0) + 1)
    if (this.final.has(offset)) this.faults.push(`${offset} comes again after its end`)
    const before = this.released.get(offset) ?? 0
    if (count <= before) this.faults.push(`${offset} has count ${count} after ${before}`)
    this.follows(offset, count)
    if (count > DELIVERIES_MAX) this.faults.push(`${offset} comes the ${count}th time`)
  }

  /** Every delivery counts one, those to victims included. */
  private follows(offset: number, count: number): void {
    const { incarnation, victims } = this
    const last = this.last.get(offset) ?? { count: 0, incarnation, victims: 0 }
    this.last.set(offset, { count, incarnation, victims })
    const most = last.count + 1 + victims - last.victims
    if (count > most) this.faults.push(`${offset} has count ${count}, ${most} are possible`)
    if (last.incarnation === incarnation && count <= last.count) {
      this.faults.push(`${offset} has count ${count} again`)
    }
  }

  confirm(final: readonly Delivery[], released: readonly Delivery[]): void {
    for (const { offset } of final) this.final.add(offset)
    for (const { offset, count } of released) this.released.set(offset, count)
  }
}

async function poll(members: ShareMembers, name: string): Promise<Delivery[]> {
  const line = await members.tell(`poll ${name} 1`)
  return [...line.matchAll(/ 0:(\d+)x(\d+)=/g)].map(([, offset, count]) => ({
    offset: Number(offset),
    count: Number(count),
  }))
}

/** One poll with its acknowledgements; the number of records. */
async function work(members: ShareMembers, ledger: Ledger): Promise<number> {
  const deliveries = await poll(members, 'worker')
  if (deliveries.length === 0) return 0
  for (const delivery of deliveries) ledger.deliver(delivery)
  const isReleased = ({ offset, count }: Delivery) => offset % 7 === 3 && count < 3
  const isRejected = (delivery: Delivery) => delivery.offset % 11 === 5 && !isReleased(delivery)
  const list = (some: readonly Delivery[]) => some.map(({ offset }) => offset).join(',')
  const released = deliveries.filter(isReleased)
  const rejected = deliveries.filter(isRejected)
  const accepted = deliveries.filter((one) => !isReleased(one) && !isRejected(one))
  if (released.length > 0) await members.tell(`ack worker release ${list(released)}`)
  if (rejected.length > 0) await members.tell(`ack worker reject ${list(rejected)}`)
  if (accepted.length > 0) await members.tell(`ack worker accept ${list(accepted)}`)
  const answer = await members.tell('commit worker')
  if (answer === 'committed 0:fine') ledger.confirm([...accepted, ...rejected], released)
  return deliveries.length
}

const MEMBER = 'share.acknowledgement.mode=explicit max.poll.records=20 reconnect.backoff.ms=20'

/** A broker that is killed, a group, and the member that does the work all the while. */
class Scene {
  readonly ledger = new Ledger()
  readonly dataDir = mkdtempSync(join(tmpdir(), 'ottla-share-kills-'))
  produced = 0
  broker!: OttlaProcess
  private worker!: ShareMembers
  private isOver = false
  private working!: Promise<void>

  async open(): Promise<void> {
    this.broker = await startOttlaProcess({ dataDir: this.dataDir, settings: SETTINGS })
    await this.asAdmin(async (admin) => {
      await admin.createTopic('work', 1)
      await admin.setGroup('workers', { 'share.auto.offset.reset': 'earliest' })
    })
    this.worker = await this.join('worker')
    this.working = (async () => {
      for (let idle = 0; idle < 2; ) {
        const hasWorked = (await work(this.worker, this.ledger)) > 0
        idle = this.isOver && !hasWorked ? idle + 1 : 0
      }
    })()
  }

  private async asAdmin<T>(act: (admin: ShareTranscript) => Promise<T>): Promise<T> {
    const admin = new ShareTranscript(this.broker.bootstrap)
    try {
      return await act(admin)
    } finally {
      admin.close()
    }
  }

  /** A member in a process of its own. */
  async join(name: string): Promise<ShareMembers> {
    const members = await ShareMembers.start(this.broker.bootstrap)
    await members.tell(`open ${name} topics=work group.id=workers ${MEMBER}`)
    return members
  }

  /** A few batches, so that more than one member gets some. */
  produce(): Promise<void> {
    return this.asAdmin(async (admin) => {
      await admin.learnTopic('work')
      for (let i = 0; i < BATCHES_PER_ROUND; i++) await admin.produce('work', 0, BATCH)
      this.produced += BATCHES_PER_ROUND * BATCH
    })
  }

  async killBroker(): Promise<void> {
    const { dataDir } = this
    const { port } = this.broker
    await this.broker.kill9()
    this.broker = await startOttlaProcess({ dataDir, port, settings: SETTINGS })
    this.ledger.incarnation++
  }

  /** Another member takes records; how often each has come by then. */
  async take(victim: ShareMembers): Promise<ReadonlyMap<number, number>> {
    const { ledger } = this
    for (;;) {
      await this.produce()
      const taken = await poll(victim, 'victim')
      for (const delivery of taken) ledger.deliver(delivery)
      const timesOf = ({ offset }: Delivery) => [offset, ledger.times.get(offset) ?? 0] as const
      if (taken.length > 0) return new Map(taken.map(timesOf))
    }
  }

  /** The worker gets them all; where `isDone`, it has also done with them, as the broker says. */
  async comeAgain(taken: ReadonlyMap<number, number>, isDone: boolean): Promise<void> {
    const { times, final } = this.ledger
    await waitUntil('the worker has them all', () =>
      [...taken].every(([offset, before]) =>
        isDone ? final.has(offset) : (times.get(offset) ?? 0) > before,
      ),
    )
  }

  async finish(): Promise<void> {
    this.isOver = true
    await this.working
    await this.worker.tell('close worker')
    await this.worker.stop()
    expect(this.ledger.faults).toEqual([])
    expect(this.ledger.times.size).toBe(this.produced)
    await this.asAdmin((admin) =>
      waitUntil('nothing is left', async () => (await admin.lag('workers', 'work', 0)) === 0),
    )
    await this.broker.stop()
    rmSync(this.dataDir, { recursive: true, force: true })
  }
}

test('loses nothing and forgets nothing when the broker is killed', async () => {
  const scene = new Scene()
  await scene.open()
  for (let kill = 0; kill < KILLS; kill++) {
    const before = scene.ledger.times.size
    await scene.produce()
    await waitUntil('the worker is at work', () => scene.ledger.times.size > before)
    await new Promise((resolve) => setTimeout(resolve, (kill * 137) % 900))
    await scene.killBroker()
  }
  // States that were written anew have let go of the records in front of them.
  const checkpoint = join(scene.dataDir, 'log', 'log-start-offset-checkpoint')
  await waitUntil('old states are deleted', () =>
    /__share_group_state \d+ [1-9]/.test(readFileSync(checkpoint, 'utf8')),
  )
  await scene.finish()
})

test('gives the records of dead and silent members to others', async () => {
  const scene = new Scene()
  await scene.open()
  for (let kill = 0; kill < MEMBER_KILLS; kill++) {
    const victim = await scene.join('victim')
    const taken = await scene.take(victim)
    scene.ledger.victims++
    const isSilent = kill % 2 === 1
    if (isSilent) victim.suspend()
    else await victim.stop()
    if (kill % 4 === 2) await scene.killBroker()
    // A dead member's connection is closed; of a silent one only the lock's end tells.
    await scene.comeAgain(taken, isSilent)
    if (isSilent) {
      victim.resume()
      // Too late: refused, or nothing to be done where the window has moved on.
      await victim.tell('ack victim accept')
      await victim.tell('commit victim')
      await victim.stop()
    }
  }
  await scene.finish()
})
