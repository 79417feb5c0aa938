import type { LogTier, PartitionLog, ReadResult } from '@ottla/storage'
import {
  type ArchiveReadersOptions,
  type ArchiveReadersReport,
  runArchiveReaders,
} from './archive-readers.ts'

type Read = LogTier['read']

/** A tier that reads otherwise. */
const reading = (change: (log: PartitionLog, read: Read) => Read) => ({
  wrapLog: (log: PartitionLog) => {
    const { tier } = log
    if (!tier) return
    const read = change(log, tier.read.bind(tier))
    log.tier = Object.defineProperty(Object.create(tier) as LogTier, 'read', { value: read })
  },
})

/** Reads as they must not be; each must be noticed. */
export const READERS_MUTANTS: Readonly<Record<string, ArchiveReadersOptions['mutant']>> = {
  'memory that is used again while somebody has it': reading((_, read) => {
    const memory = Buffer.alloc(64 * 1024)
    return async (offset, options) => {
      const result = await read(offset, options)
      const size = Buffer.concat(result.chunks as Buffer[]).copy(memory)
      return { ...result, chunks: size === 0 ? [] : [memory.subarray(0, size)] }
    }
  }),
  'a batch before the one that was asked for': reading(
    (log, read) => (offset, options) => read(Math.max(log.logStartOffset, offset - 7), options),
  ),
  'records left out where the disk begins': reading((log, read) => async (offset, options) => {
    const isNear = offset > log.localLogStartOffset - 10
    return isNear ? log.read(log.localLogStartOffset, options) : read(offset, options)
  }),
  'aborted transactions as far as the disk knows them': reading(
    (log, read) => async (offset, options) => {
      const result: ReadResult = await read(offset, options)
      const { logEndOffset } = log
      return { ...result, abortedTransactions: log.abortedTransactions(offset, logEndOffset) }
    },
  ),
}

export function runReadersMutant(name: string): Promise<ArchiveReadersReport> {
  const mutant = READERS_MUTANTS[name]
  return runArchiveReaders({ seed: 1, histories: 20, ...(mutant ? { mutant } : {}) })
}
