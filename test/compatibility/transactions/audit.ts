/**
 * The auditor's book: what a read_committed consumer (Auditor.java) sees while the run goes on.
 *
 * A commit reaches partitions one after the other, so for a moment a transfer may be seen in part.
 * What must hold of every prefix that is read:
 * - nothing of an attempt that was aborted or timed out, and no transfer or side of it twice;
 * - all three records of a transfer are of one attempt;
 * - no transfer stays in part: what is there of it is completed soon, so the total is conserved;
 * - what the group's committed offsets say was done is there soon after.
 */
import { PARTITIONS } from './bank.ts'

/** For parts of a transfer to come together, over a restart of the broker on a busy machine. */
const SOON_MS = 30_000
const FAULTS_MAX = 20
const POLL_MS = 100
const SEES_ALL_MS = 60_000

export interface AuditFigures {
  /** Records the auditor has seen. */
  readonly records: number
  /** Attempts that ended in an abort, on purpose or by timeout, and were never seen. */
  readonly hiddenAttempts: number
  /** Longest time a transfer was seen in part. */
  readonly partMsMax: number
  /** Largest difference between debits and credits in a prefix that was read. */
  readonly imbalanceMax: number
  /** Times that committed offsets were compared with what was seen. */
  readonly looks: number
}

interface Seen {
  readonly attempt: string
  readonly sinceMs: number
  readonly parts: Set<string>
}

interface Look {
  readonly ms: number
  readonly offsets: ReadonlyMap<number, number>
}

const KINDS = ['out', 'debit', 'credit']

export class Audit {
  readonly faults: string[] = []
  private readonly seen = new Map<number, Seen>()
  private readonly inPart = new Map<number, Seen>()
  private readonly ends = new Map<string, number>()
  private readonly abortedAttempts = new Set<string>()
  private readonly committedAttempts = new Map<string, number>()
  /** Transfers seen of each attempt. */
  private readonly counts = new Map<string, number>()
  private openLooks: Look[] = []
  private records = 0
  private balance = 0
  private imbalanceMax = 0
  private partMsMax = 0
  private looks = 0
  private readonly seesAllMs: number

  constructor(seesAllMs = SEES_ALL_MS) {
    this.seesAllMs = seesAllMs
  }

  private fault(text: string): void {
    if (this.faults.length < FAULTS_MAX) this.faults.push(`auditor: ${text}`)
  }

  /** `TOPIC PARTITION OFFSET KEY VALUE ATTEMPT` */
  hear(line: string): void {
    const [topic, partition, offset, key, value = '', attempt = ''] = line.split(' ')
    const log = `${topic}-${partition}`
    if (Number(offset) < (this.ends.get(log) ?? 0)) this.fault(`${log} goes back to ${offset}`)
    this.ends.set(log, Number(offset) + 1)
    this.records++
    const [id, kind] = topic === 'out' ? [Number(value), 'out'] : [Number(key), value]
    if (this.abortedAttempts.has(attempt)) this.fault(`transfer ${id} is of aborted ${attempt}`)
    const now = performance.now()
    const seen = this.seen.get(id) ?? { attempt, sinceMs: now, parts: new Set() }
    this.seen.set(id, seen)
    if (seen.attempt !== attempt) this.fault(`transfer ${id} is of ${seen.attempt} and ${attempt}`)
    if (seen.parts.has(kind)) this.fault(`transfer ${id} has ${kind} twice`)
    seen.parts.add(kind)
    if (kind === 'out') this.counts.set(attempt, (this.counts.get(attempt) ?? 0) + 1)
    else this.book(kind === 'debit' ? -1 : 1)
    if (seen.parts.size < KINDS.length) this.inPart.set(id, seen)
    else {
      this.inPart.delete(id)
      this.partMsMax = Math.max(this.partMsMax, now - seen.sinceMs)
    }
  }

  private book(amount: number): void {
    this.balance += amount
    this.imbalanceMax = Math.max(this.imbalanceMax, Math.abs(this.balance))
  }

  committed(attempt: string, transfers: number): void {
    this.committedAttempts.set(attempt, transfers)
  }

  aborted(attempt: string): void {
    this.abortedAttempts.add(attempt)
    if (this.counts.has(attempt)) this.fault(`${attempt} was seen before it was aborted`)
  }

  /** Called now and then, with what the group has committed just now. */
  look(offsets: ReadonlyMap<number, number>): void {
    const now = performance.now()
    this.looks++
    this.openLooks.push({ ms: now, offsets })
    const isDue = ({ ms }: Look) => now - ms > SOON_MS
    for (const look of this.openLooks.filter(isDue)) this.compare(look)
    this.openLooks = this.openLooks.filter((look) => !isDue(look))
    for (const [id, { sinceMs, parts }] of this.inPart) {
      if (now - sinceMs > SOON_MS) this.fault(`transfer ${id} is torn: ${[...parts]}`)
    }
  }

  /** The writer puts transfer `n` into partition `n % PARTITIONS`, one after the other. */
  private compare({ offsets }: Look): void {
    for (const [partition, end] of offsets) {
      for (let i = 0; i < end; i++) {
        const id = i * PARTITIONS + partition
        if (this.seen.get(id)?.parts.size !== KINDS.length) {
          this.fault(`transfer ${id} is committed in the group, and seen: ${this.partsOf(id)}`)
        }
      }
    }
  }

  private partsOf = (id: number): string =>
    [...(this.seen.get(id)?.parts ?? [])].join() || 'nothing'

  /** Waits until everything was seen, and closes the book. */
  async seesAll(transfers: number): Promise<void> {
    const deadline = performance.now() + this.seesAllMs
    const isComplete = () => this.seen.size === transfers && this.inPart.size === 0
    while (!isComplete() && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, POLL_MS))
    }
    if (!isComplete()) {
      this.fault(`${this.seen.size} of ${transfers} transfers seen, ${this.inPart.size} in part`)
    }
    for (const look of this.openLooks) this.compare(look)
    for (const [attempt, count] of this.committedAttempts) {
      const seen = this.counts.get(attempt) ?? 0
      if (seen !== count) this.fault(`${attempt} committed ${count} transfers, ${seen} were seen`)
    }
  }

  figures(): AuditFigures {
    return {
      records: this.records,
      hiddenAttempts: [...this.abortedAttempts].filter((name) => !this.counts.has(name)).length,
      partMsMax: Math.round(this.partMsMax),
      imbalanceMax: this.imbalanceMax,
      looks: this.looks,
    }
  }
}
