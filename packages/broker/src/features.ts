/** Features of Apache Kafka 4.4 and the levels a fresh directory starts with. */
export interface Feature {
  readonly name: string
  readonly minVersion: number
  readonly maxVersion: number
  /** Level in a fresh directory. */
  readonly initial: number
}

export const METADATA_VERSION_4_4_IV2 = 33

export const supportedFeatures: readonly Feature[] = [
  { name: 'metadata.version', minVersion: 7, maxVersion: 33, initial: METADATA_VERSION_4_4_IV2 },
  { name: 'kraft.version', minVersion: 0, maxVersion: 1, initial: 0 },
  { name: 'transaction.version', minVersion: 0, maxVersion: 2, initial: 2 },
  { name: 'group.version', minVersion: 0, maxVersion: 1, initial: 1 },
  { name: 'share.version', minVersion: 0, maxVersion: 2, initial: 2 },
  { name: 'streams.version', minVersion: 0, maxVersion: 1, initial: 1 },
  { name: 'eligible.leader.replicas.version', minVersion: 0, maxVersion: 1, initial: 1 },
]
