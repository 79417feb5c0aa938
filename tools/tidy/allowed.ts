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

const GROUP_CORE = 'coordinator, group, time and outcome go through the whole call chain'
const HOT = 'called for every batch: numbers instead of an object made for each'

export const LONG_FUNCTIONS: readonly Allowance[] = [
  {
    file: 'packages/broker/src/broker.ts',
    name: 'openServices',
    reason: 'the list of what a broker consists of, without a branch',
  },
]

export const MANY_PARAMETERS: readonly Allowance[] = [
  {
    file: 'packages/broker/src/coordinator/group/group-offsets.ts',
    name: 'isExpired',
    reason: GROUP_CORE,
  },
  {
    file: 'packages/broker/src/coordinator/group/membership.ts',
    name: 'leaveOne',
    reason: GROUP_CORE,
  },
  {
    file: 'packages/broker/src/coordinator/group/rebalance.ts',
    name: 'removeMember',
    reason: GROUP_CORE,
  },
  { file: 'packages/broker/src/handlers/produce.ts', name: 'Append.constructor', reason: HOT },
  { file: 'packages/broker/src/handlers/produce.ts', name: 'partition', reason: HOT },
  { file: 'packages/broker/src/handlers/produce.ts', name: 'append', reason: HOT },
]
