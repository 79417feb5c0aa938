/** What tidy lets pass, each with its reason. An entry that nothing needs any more is a finding. */

export interface Allowance {
  readonly file: string
  /** Name of the function, where the allowance is for one. */
  readonly name?: string
  readonly reason: string
}

/** Tables: long because the subject is, and split by subject already. */
export const TABLES: readonly RegExp[] = [
  /^packages\/protocol\/src\/(messages|internal-records)\//,
  /^packages\/protocol\/src\/(apis|error-codes|index)\.ts$/,
  /^packages\/broker\/src\/config\/.*-settings\.ts$/,
]

const CORE = 'coordinator, identity, what is asked and the time go through the whole call chain'
const HOT = 'called for every batch: numbers instead of an object made for each'
const GROUP = 'packages/broker/src/coordinator/group'
const TRANSACTION = 'packages/broker/src/coordinator/transaction'

export const LONG_FUNCTIONS: readonly Allowance[] = []

export const MANY_PARAMETERS: readonly Allowance[] = [
  { file: `${GROUP}/group-offsets.ts`, name: 'isExpired', reason: CORE },
  { file: `${GROUP}/membership.ts`, name: 'leaveOne', reason: CORE },
  { file: `${GROUP}/rebalance.ts`, name: 'removeMember', reason: CORE },
  { file: `${TRANSACTION}/transaction-coordinator.ts`, name: 'addPartitions', reason: CORE },
  { file: `${TRANSACTION}/transaction-coordinator.ts`, name: 'endV2', reason: CORE },
  { file: `${TRANSACTION}-service.ts`, name: 'admit', reason: HOT },
  { file: `${TRANSACTION}-service.ts`, name: 'admitSlowly', reason: HOT },
  { file: 'packages/broker/src/handlers/produce.ts', name: 'partition', reason: HOT },
]
