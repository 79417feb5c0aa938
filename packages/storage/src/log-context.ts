import type { BufferPool, Clock, Logger, Random } from '@ottla/base'
import type { ErrorName } from '@ottla/protocol'
import type { Committer } from './committer.ts'
import type { DelayedDeletions } from './delayed-deletions.ts'
import type { DirectorySyncs } from './directory-syncs.ts'
import type { FileSystem } from './file-system.ts'
import type { IndexCache } from './index-cache.ts'
import type { TopicCompression } from './log-config.ts'
import type { OpenFiles } from './open-files.ts'
import type { SyncJournal } from './sync-journal.ts'
import type { TailCache } from './tail-cache.ts'

/** `fsync`: acknowledged means on disk. `os`: Kafka's own behaviour, the page cache decides. */
export type FlushPolicy = 'fsync' | 'os'

export interface RecordError {
  readonly batchIndex: number
  readonly message: string
}

export interface BatchRefusal {
  readonly error: ErrorName
  readonly message: string
  readonly recordErrors?: readonly RecordError[]
}

/** What needs the records inside a batch. The log itself reads batch headers only. */
export interface RecordTools {
  /** Checks the records of a client's batch; called for compacted topics, which need keys. */
  check?(batch: Buffer, rules: { readonly needsKeys: boolean }): BatchRefusal | undefined
  /** The batch with its records in another codec; called when the topic asks for one. */
  recompress?(batch: Buffer, compression: TopicCompression, level?: number): Buffer
  /** The first record of the batch, from `startOffset` on, at least as new as `timestamp`. */
  findByTimestamp?(
    batch: Buffer,
    timestamp: number,
    startOffset: number,
  ): { readonly offset: number; readonly timestamp: number } | undefined
}

/** Counts since the start, for metrics. */
export interface StorageCounters {
  recoveredLogs: number
  recoveryTruncatedBytes: number
  corruptReads: number
  tailReads: number
  fileReads: number
  cleanings: number
  /** Of the segments that cleanings have replaced, and of those they made of them. */
  cleanedBytesBefore: number
  cleanedBytesAfter: number
  cleanedRecordsDropped: number
  failedCleanings: number
}

/** Test switches that break a rule on purpose, to prove that the tests would notice. */
export interface StorageMutants {
  readonly highWatermarkAheadOfSync?: boolean
  readonly trustIndexesAfterCrash?: boolean
  readonly skipChecksumsAtRecovery?: boolean
  readonly acceptHolesAtRecovery?: boolean
}

/** What all partitions of a log directory share. */
export interface LogContext {
  readonly fileSystem: FileSystem
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly flushPolicy: FlushPolicy
  readonly committer: Committer
  readonly directorySyncs: DirectorySyncs
  readonly deletions: DelayedDeletions
  readonly openFiles: OpenFiles
  readonly indexCache: IndexCache
  readonly tailCache: TailCache
  /** Memory that batches are read from files into. */
  readonly readPool: BufferPool
  readonly journal: SyncJournal
  readonly recordTools: RecordTools
  readonly counters: StorageCounters
  readonly mutants: StorageMutants
}
