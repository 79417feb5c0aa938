export { type EpochEntry, encodeEpochCheckpoint } from './checkpoint-file.ts'
export { Committer } from './committer.ts'
export { cleanHere } from './compaction/cleaner-thread.ts'
export {
  type CleanerSettings,
  type CleaningEngine,
  defaultCleanerSettings,
} from './compaction/log-cleaner.ts'
export { Throttle } from './compaction/throttle.ts'
export { CorruptFileError, CorruptRecordError, StorageError } from './errors.ts'
export { type Fault, FaultyFileSystem, type FileCall } from './faulty-file-system.ts'
export {
  type DirectoryEntry,
  type DirectoryLock,
  directoryOf,
  type FileHandle,
  type FileStat,
  type FileSystem,
  type OpenMode,
  readFullyAsync,
  readWholeFile,
  replaceFile,
  writeAndSync,
  writeFullyAsync,
} from './file-system.ts'
export { type DecodedRecord, decodeInternalRecord } from './inspect/decode-record.ts'
export { type DumpOptions, type DumpRow, dumpFile } from './inspect/dump-file.ts'
export { fileKindOf, offsetInName, partitionNameOf } from './inspect/file-kind.ts'
export type { Finding } from './inspect/finding.ts'
export {
  type DirectoryReport,
  isLogDirectory,
  isPartitionDirectory,
  verifyLogDirectory,
} from './inspect/verify-directory.ts'
export { loadCodecs, type WalkStep, walkBatches } from './inspect/walk-segment.ts'
export type { AppendOptions, AppendResult } from './log-appender.ts'
export {
  type CleanupPolicy,
  defaultLogConfig,
  type LogConfig,
  type TimestampType,
  type TopicCompression,
} from './log-config.ts'
export type {
  BatchRefusal,
  FlushPolicy,
  RecordError,
  RecordTools,
  StorageCounters,
  StorageMutants,
} from './log-context.ts'
export {
  LogDirectories,
  type LogDirectoriesOptions,
  type LogDirectory,
} from './log-directories.ts'
export { LogManager, type LogManagerOptions } from './log-manager.ts'
export type { ReadOptions, ReadResult, ReadUpTo } from './log-reader.ts'
export type { CorruptRange } from './log-state.ts'
export type { LogTier, SealedSegment } from './log-tier.ts'
export { findInBatch, type TimestampOffset } from './log-timestamps.ts'
export {
  type CrashPlan,
  MemoryFileSystem,
  type MemoryFileSystemOptions,
  systemError,
} from './memory-file-system.ts'
export { OffsetIndex } from './offset-index.ts'
export { PartitionLog } from './partition-log.ts'
export { encodeProducerSnapshot } from './producer-snapshot.ts'
export type { ProducerBatch, ProducerEntry } from './producer-state.ts'
export { RealFileSystem } from './real-file-system.ts'
export type { SegmentFile } from './segment.ts'
export { scanBatches } from './segment-scan.ts'
export { TimeIndex } from './time-index.ts'
export { type AbortedTransaction, decodeTransactionIndex } from './transaction-index.ts'
