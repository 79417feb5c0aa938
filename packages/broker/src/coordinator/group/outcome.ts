import type { Token } from './classic-group.ts'
import type { GroupRecord } from './group-records.ts'

/** An answer to a request that may have been waiting for a while. */
export interface Reply {
  readonly token: Token
  readonly response: unknown
}

/**
 * What a decision of the coordinator means: records to append, and answers to give once they are
 * durable. Answers of a decision without records go out at once.
 */
export interface Outcome {
  readonly records: GroupRecord[]
  readonly replies: Reply[]
}

export const newOutcome = (): Outcome => ({ records: [], replies: [] })
