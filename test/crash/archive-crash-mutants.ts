import type { LogTier, PartitionLog } from '@ottla/storage'
import type { RemoteStore } from '../../packages/broker/src/remote/store/remote-store.ts'
import {
  type ArchiveCrashOptions,
  type ArchiveCrashReport,
  runArchiveCrashTest,
} from './archive-crash.ts'

const over = (store: RemoteStore, changed: Partial<RemoteStore>): RemoteStore => ({
  where: store.where,
  isLocal: store.isLocal,
  put: (key, content) => store.put(key, content),
  get: (key, from, to, memory) => store.get(key, from, to, memory),
  delete: (key) => store.delete(key),
  list: (prefix) => store.list(prefix),
  tidy: () => store.tidy(),
  close: () => store.close(),
  ...changed,
})

/** Rules of the archive broken on purpose; each must be noticed. */
export const ARCHIVE_MUTANTS: Readonly<Record<string, ArchiveCrashOptions['mutant']>> = {
  'an object that is told of before it is there': {
    wrapStore: (store) =>
      over(store, {
        put: async (key, content) => {
          if (!key.endsWith('.log')) await store.put(key, content)
        },
      }),
  },
  'objects that stay when their segment is deleted': {
    wrapStore: (store) =>
      over(store, {
        delete: async (key) => {
          if (!key.endsWith('.timeindex')) await store.delete(key)
        },
      }),
  },
  'segments that leave the disk before they are archived': {
    wrapLog: (log: PartitionLog) => {
      const { tier } = log
      if (tier) log.tier = { ...bound(tier), endOffset: Number.MAX_SAFE_INTEGER }
    },
  },
}

const bound = (tier: LogTier): LogTier => ({
  endOffset: tier.endOffset,
  isReady: true,
  ready: () => tier.ready(),
  read: (offset, options) => tier.read(offset, options),
  offsetForTimestamp: (timestamp) => tier.offsetForTimestamp(timestamp),
})

export function runArchiveMutant(
  name: string,
  seed: number,
  kills: number,
): Promise<ArchiveCrashReport> {
  const mutant = ARCHIVE_MUTANTS[name]
  return runArchiveCrashTest({ seed, kills, isFirstEnough: true, ...(mutant ? { mutant } : {}) })
}
