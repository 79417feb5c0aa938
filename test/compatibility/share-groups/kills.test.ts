/**
 * A Java member of a share group at work while the broker is killed again and again. What was
 * acknowledged stays so, what was not comes again, and no record is left behind.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { startOttlaProcess } from '../../support/ottla-process.ts'
import { freePort } from '../support/apache-broker.ts'
import { waitUntil } from '../support/judged-broker.ts'
import { ShareMembers } from './share-members.ts'
import { ShareTranscript } from './share-transcript.ts'

const KILLS = 10
const RECORDS_PER_ROUND = 300
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

/** What the member knows, and what must never happen after it. */
class Ledger {
  readonly delivered = new Set<number>()
  /** Acknowledged for good, as the broker has confirmed. */
  readonly final = new Set<number>()
  private readonly released = new Map<number, number>()
  readonly faults: string[] = []

  deliver({ offset, count }: Delivery): void {
    this.delivered.add(offset)
    if (this.final.has(offset)) this.faults.push(`${offset} comes again after its end`)
    const before = this.released.get(offset) ?? 0
    if (count <= before) this.faults.push(`${offset} has count ${count} after ${before}`)
    if (count > DELIVERIES_MAX) this.faults.push(`${offset} comes the ${count}th time`)
  }

  confirm(final: readonly Delivery[], released: readonly Delivery[]): void {
    for (const { offset } of final) this.final.add(offset)
    for (const { offset, count } of released) this.released.set(offset, count)
  }
}

/** One poll with its acknowledgements; the number of records. */
async function work(members: ShareMembers, ledger: Ledger): Promise<number> {
  const line = await members.tell('poll worker 1')
  const deliveries = [...line.matchAll(/ 0:(\d+)x(\d+)=/g)].map(([, offset, count]) => ({
    offset: Number(offset),
    count: Number(count),
  }))
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

test('loses nothing and forgets nothing when the broker is killed', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'ottla-share-kills-'))
  const port = await freePort()
  let broker = await startOttlaProcess({ dataDir, port, settings: SETTINGS })
  const first = new ShareTranscript(broker.bootstrap)
  await first.createTopic('work', 1)
  await first.setGroup('workers', { 'share.auto.offset.reset': 'earliest' })
  const members = await ShareMembers.start(broker.bootstrap)
  const settings = 'share.acknowledgement.mode=explicit max.poll.records=20 reconnect.backoff.ms=20'
  await members.tell(`open worker topics=work group.id=workers ${settings}`)
  const ledger = new Ledger()
  let isOver = false
  const working = (async () => {
    for (let idle = 0; !isOver || idle < 2; )
      idle = (await work(members, ledger)) === 0 ? idle + 1 : 0
  })()
  let produced = 0
  for (let kill = 0; kill < KILLS; kill++) {
    const admin = kill === 0 ? first : new ShareTranscript(broker.bootstrap)
    if (kill > 0) await admin.learnTopic('work')
    await admin.produce('work', 0, RECORDS_PER_ROUND)
    produced += RECORDS_PER_ROUND
    admin.close()
    await new Promise((resolve) => setTimeout(resolve, 100 + ((kill * 137) % 900)))
    await broker.kill9()
    broker = await startOttlaProcess({ dataDir, port, settings: SETTINGS })
  }
  isOver = true
  await working
  await members.tell('close worker')
  await members.stop()
  expect(ledger.faults).toEqual([])
  expect(ledger.delivered.size).toBe(produced)
  const last = new ShareTranscript(broker.bootstrap)
  await waitUntil('nothing is left', async () => (await last.lag('workers', 'work', 0)) === 0)
  last.close()
  await broker.stop()
  // States that were written anew have let go of the records in front of them.
  const starts = readFileSync(join(dataDir, 'log', 'log-start-offset-checkpoint'), 'utf8')
  expect(starts).toMatch(/__share_group_state \d+ [1-9]/)
  rmSync(dataDir, { recursive: true, force: true })
})
