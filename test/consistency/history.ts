/**
 * What clients did and saw, in Jepsen's terms: operations of processes, each with a beginning, an
 * end and an outcome. `ok` has happened, `fail` never will, `info` may or may not have: no answer
 * came. A *key* is one partition, every value sent to a key is unique there.
 */

export type Outcome = 'ok' | 'fail' | 'info'

export interface Sent {
  readonly key: number
  readonly value: number
  /** Where the broker says it lies. */
  offset?: number
}

export interface Read {
  readonly offset: number
  readonly value: number
  /** Its bytes are the ones that were sent. */
  readonly isIntact: boolean
}

/** Batches as they lie in the log, control batches included. */
export interface Span {
  readonly from: number
  readonly to: number
  readonly leaderEpoch: number
}

/** One answer about one key: the records in [from, next) and where the log stood. */
export interface Poll {
  readonly key: number
  readonly isCommittedOnly: boolean
  readonly from: number
  readonly next: number
  readonly records: readonly Read[]
  readonly highWatermark: number
  readonly lastStableOffset: number
  readonly logStartOffset: number
  readonly spans?: readonly Span[]
}

export interface Commit {
  readonly group: string
  readonly key: number
  readonly offset: number
}

/** Membership with which a member joined or committed. */
export interface Membership {
  readonly group: string
  readonly member: string
  /** Or the member's epoch. */
  readonly generation: number
  /** In a classic group all members change at once, with `consumer` (KIP-848) each by itself. */
  readonly protocol: 'classic' | 'consumer'
}

export type What =
  /** Batches of one producer, pipelined; each is acknowledged by itself. */
  | 'send'
  /** One transaction: sends, polls and committed offsets, all or nothing. */
  | 'txn'
  | 'poll'
  /** The whole of a key after everything has ended. */
  | 'scan'
  /** Keys chosen by the process itself. */
  | 'assign'
  /** Keys given by a group. */
  | 'subscribe'
  | 'heartbeat'
  | 'commit'
  | 'fetch-offsets'
  /** Records below an offset are deleted. */
  | 'delete'
  /** The client is thrown away without a word. */
  | 'crash'
  /** The broker is. */
  | 'kill'

export interface Operation {
  readonly process: string
  readonly what: What
  /** Milliseconds on the harness's own clock. */
  readonly startedAt: number
  /** Infinity when no end was seen. */
  endedAt: number
  outcome: Outcome
  sends: Sent[]
  polls: Poll[]
  commits: Commit[]
  /** Of `assign`, `subscribe`: the keys; of `delete`: the one. */
  keys: number[]
  membership?: Membership
  /** Of `delete`. */
  before?: number
  /** When the commit of a transaction was asked for first. */
  commitAskedAt?: number
  /** What the broker said instead of yes. */
  error?: string
}

export class History {
  readonly operations: Operation[] = []
  private readonly now: () => number

  constructor(now: () => number) {
    this.now = now
  }

  /** Notes an operation before anything of it leaves the client: until it ends it is `info`. */
  begin(process: string, what: What, known: Partial<Operation> = {}): Operation {
    const operation: Operation = {
      process,
      what,
      startedAt: this.now(),
      endedAt: Number.POSITIVE_INFINITY,
      outcome: 'info',
      sends: [],
      polls: [],
      commits: [],
      keys: [],
      ...known,
    }
    this.operations.push(operation)
    return operation
  }

  end(operation: Operation, outcome: Outcome, error?: string): void {
    operation.endedAt = this.now()
    operation.outcome = outcome
    if (error !== undefined) operation.error = error
  }
}
