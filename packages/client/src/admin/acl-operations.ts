/** What ACLs allow, and what brokers say somebody may do. */

/** Numbers on the wire. */
export const OPERATIONS = {
  any: 1,
  all: 2,
  read: 3,
  write: 4,
  create: 5,
  delete: 6,
  alter: 7,
  describe: 8,
  'cluster-action': 9,
  'describe-configs': 10,
  'alter-configs': 11,
  'idempotent-write': 12,
  'create-tokens': 13,
  'describe-tokens': 14,
  'two-phase-commit': 15,
} as const

export type AclOperation = keyof typeof OPERATIONS

/** What the broker says where it was not asked. */
const UNASKED = -2_147_483_648

/** Operations of a bit field, one bit for each number (KIP-430); undefined when not asked. */
export function authorizedOperations(bits: number): AclOperation[] | undefined {
  if (bits === UNASKED) return undefined
  const all = Object.entries(OPERATIONS) as [AclOperation, number][]
  return all.filter(([, number]) => bits & (1 << number)).map(([name]) => name)
}
