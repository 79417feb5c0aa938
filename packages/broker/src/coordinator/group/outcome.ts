import type { Token } from './classic-group.ts'
import type { GroupRecord } from './group-records.ts'

/** An answer to a request that may have been waiting for a while. */
export interface Reply {
  readonly token: Token
  readonly response: unknown
}

/**
 * What a decision of the coordinator means: records to append, and answers to give once they are
 * durable. A decision without records may tell of an earlier one, so its answers wait until nothing
 * is on its way to the disk.
 */
export interface Outcome {
  readonly records: GroupRecord[]
  readonly replies: Reply[]
}

export const newOutcome = (): Outcome => ({ records: [], replies: [] })
