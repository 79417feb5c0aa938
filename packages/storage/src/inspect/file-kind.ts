/** What the files of a Kafka directory are, by their names. */

export const FILE_KINDS = {
  segment: /^\d{20}\.log$/,
  'offset index': /^\d{20}\.index$/,
  'time index': /^\d{20}\.timeindex$/,
  'transaction index': /^\d{20}\.txnindex$/,
  'producer snapshot': /^\d{20}\.snapshot$/,
  'metadata snapshot': /^(\d{20}-\d{10}|bootstrap)\.checkpoint$/,
  'leader epochs': /^leader-epoch-checkpoint$/,
  'partition metadata': /^partition\.metadata$/,
  'meta properties': /^meta\.properties$/,
  'quorum state': /^quorum-state$/,
  'offset checkpoint':
    /^(recovery-point|log-start|replication)-offset-checkpoint$|^cleaner-offset-checkpoint$/,
  'clean marker': /^\.kafka_cleanshutdown$/,
  'sync journal': /^sync-journal(\..{22})?$/,
  leftover: /\.(deleted|cleaned|swap|tmp|part)$/,
} as const

export type FileKind = keyof typeof FILE_KINDS

/** Undefined for files that are none of Kafka's. */
export const fileKindOf = (name: string): FileKind | undefined =>
  (Object.keys(FILE_KINDS) as FileKind[]).find((kind) => FILE_KINDS[kind].test(name))

/** Base offset in front of the suffix of a segment's files, and of a producer snapshot's. */
export const offsetInName = (name: string): number => Number(name.slice(0, 20))

/** `orders-3` or one of its renamed forms. */
const PARTITION_DIRECTORY = /^(.+)-(\d+)(?:\.([0-9a-f]{32})-(delete|future|stray))?$/

export interface PartitionName {
  readonly topic: string
  readonly partition: number
  /** Why the directory is not in use, or undefined when it is. */
  readonly state: 'delete' | 'future' | 'stray' | undefined
}

export function partitionNameOf(directory: string): PartitionName | undefined {
  const [, topic, partition, , state] = PARTITION_DIRECTORY.exec(directory) ?? []
  if (topic === undefined) return undefined
  return { topic, partition: Number(partition), state: state as PartitionName['state'] }
}

export const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1)
