/**
 * What may be done with a resource, as the bit fields of KIP-430: the bit of an operation is its
 * code. No request is refused by ACLs, so everything a type of resource supports is allowed.
 */
const Operation = {
  READ: 3,
  WRITE: 4,
  CREATE: 5,
  DELETE: 6,
  ALTER: 7,
  DESCRIBE: 8,
  CLUSTER_ACTION: 9,
  DESCRIBE_CONFIGS: 10,
  ALTER_CONFIGS: 11,
  IDEMPOTENT_WRITE: 12,
} as const

const bits = (...names: readonly (keyof typeof Operation)[]): number =>
  names.reduce((field, name) => field | (1 << Operation[name]), 0)

const OF_ALL = ['DESCRIBE', 'DESCRIBE_CONFIGS', 'ALTER_CONFIGS'] as const

export const GROUP_OPERATIONS = bits(...OF_ALL, 'READ', 'DELETE')
export const TOPIC_OPERATIONS = bits(...OF_ALL, 'READ', 'WRITE', 'CREATE', 'DELETE', 'ALTER')
export const CLUSTER_OPERATIONS = bits(
  ...OF_ALL,
  'CREATE',
  'ALTER',
  'CLUSTER_ACTION',
  'IDEMPOTENT_WRITE',
)

/** What is answered when nobody asked. */
export const OPERATIONS_NOT_ASKED = -0x8000_0000
