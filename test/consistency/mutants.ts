/**
 * Brokers that break one rule each, for runs in this process. The broker has no switch for that:
 * methods are replaced from here and put back afterwards. A checker that does not notice one of
 * them proves nothing.
 */
import { handlers } from '@ottla/broker'
import { apis, RecordBatch } from '@ottla/protocol'
import { LogManager, PartitionLog, type StorageMutants } from '@ottla/storage'
import type { GroupCoordinator } from '../../packages/broker/src/coordinator/group/group-coordinator.ts'
import { GroupService } from '../../packages/broker/src/coordinator/group-service.ts'
import { TransactionCoordinator } from '../../packages/broker/src/coordinator/transaction/transaction-coordinator.ts'
import type { Transaction } from '../../packages/broker/src/coordinator/transaction/transaction-state.ts'
import { TransactionWriter } from '../../packages/broker/src/coordinator/transaction-writer.ts'
import type { Handler } from '../../packages/broker/src/handler.ts'
import { CleanedTransactions } from '../../packages/storage/src/compaction/cleaned-transactions.ts'
import { KeyOffsets } from '../../packages/storage/src/compaction/key-offsets.ts'
import { OffsetSet } from '../../packages/storage/src/compaction/offset-set.ts'
import { SegmentOutput } from '../../packages/storage/src/compaction/segment-output.ts'
import { LogAppender } from '../../packages/storage/src/log-appender.ts'
import { LogReader, type ReadUpTo } from '../../packages/storage/src/log-reader.ts'
import { LogState } from '../../packages/storage/src/log-state.ts'
import { LogWriter } from '../../packages/storage/src/log-writer.ts'
import { ProducerStates } from '../../packages/storage/src/producer-state.ts'
import { type Lies, PowerCutDisk } from './power-cut-disk.ts'
import { type RunResult, runHistory } from './run-history.ts'
import { COMPACTED_TOPIC, TOPIC } from './topic.ts'
import { pause } from './world.ts'

interface Mutant {
  /** Breaks the rule; gives back how to mend it. */
  readonly apply?: () => () => void
  readonly lies?: Lies
}

const SLOW_SYNC_MS = 40

// biome-ignore lint/suspicious/noExplicitAny: what is broken here is private, so it has no type
type Method = (this: any, ...args: any[]) => unknown

/** Replaces a method, whose original the new one is given. */
function replace(target: object, name: string, change: (original: Method) => Method): () => void {
  const before = Object.getOwnPropertyDescriptor(target, name)
  if (!before?.value) throw new Error(`there is no ${name} to break`)
  Object.defineProperty(target, name, { ...before, value: change(before.value as Method) })
  return () => Object.defineProperty(target, name, before)
}

function storageMutant(mutants: StorageMutants): Mutant {
  return {
    apply: () =>
      replace(
        LogManager,
        'open',
        (open) => (options) => open.call(LogManager, { ...options, mutants }),
      ),
  }
}

/** Answers before the disk has what it answers for. */
const unsynced = (isMeant: (topic: string) => boolean): Mutant => ({
  apply: () =>
    replace(
      PartitionLog.prototype,
      'whenDurable',
      (original) =>
        function (offset) {
          return isMeant(this.topic) ? Promise.resolve() : original.call(this, offset)
        },
    ),
})

/** Something that happens to a log whenever it has been opened from files. */
const afterLoading = (change: (state: LogState) => void): Mutant => ({
  apply: () =>
    replace(
      PartitionLog.prototype,
      'attach',
      (original) =>
        function (state: LogState) {
          if (this.topic === TOPIC && state.logEndOffset > 0) change(state)
          return original.call(this, state)
        },
    ),
})

const readsUpTo = (wanted: ReadUpTo, end: (state: LogState) => number): Mutant => ({
  apply: () =>
    replace(
      LogReader.prototype,
      'endOffsetFor',
      (original) =>
        function (upTo) {
          return upTo === wanted ? end(this.state) : original.call(this, upTo)
        },
    ),
})

/** Takes every commit for one of a member that may. */
const commitsInTheNameOf = (
  whose: (coordinator: GroupCoordinator, groupId: string) => object | '' | undefined,
): Mutant => ({
  apply: () => {
    const handler = handlers.find(({ api }) => api.key === apis.offsetCommit.key) as Handler
    return replace(handler, 'handle', (original) => (services, context, request) => {
      const name = whose(services.groups.coordinator, request.groupId)
      return original(services, context, { ...request, ...(name || undefined) })
    })
  },
})

export const MUTANTS: Readonly<Record<string, Mutant>> = {
  'acknowledged before fsync': unsynced((topic) => topic === TOPIC),
  'fsync left out': { lies: (path) => path.includes(`/${TOPIC}-`) && path.endsWith('.log') },
  'high watermark ahead of fsync': {
    apply: () =>
      replace(
        LogAppender.prototype,
        'add',
        (original) =>
          function (...args) {
            original.apply(this, args)
            this.state.highWatermark = this.state.logEndOffset
          },
      ),
  },
  'no directory fsync': { lies: (path) => new RegExp(`/${TOPIC}-\\d+$`).test(path) },
  'recovery skips checksums': storageMutant({ skipChecksumsAtRecovery: true }),
  'recovery accepts a hole': storageMutant({ acceptHolesAtRecovery: true }),
  'the last batch of a segment is dropped at a roll': {
    apply: () =>
      replace(
        LogWriter.prototype,
        'seal',
        (original) =>
          function (segment, ...rest) {
            const part = this.pending.at(-1)
            if (part?.segment === segment) part.bytes -= part.buffers.pop()?.length ?? 0
            original.call(this, segment, ...rest)
          },
      ),
  },
  'producers forgotten at a restart': afterLoading(({ producers }) => {
    const { entries } = producers as unknown as { entries: Map<number, unknown> }
    for (const { producerId, currentTxnFirstOffset } of [...producers.all()]) {
      if (currentTxnFirstOffset < 0) entries.delete(producerId)
    }
  }),
  'log start offset one too high': afterLoading((state) => {
    if (state.logStartOffset < state.logEndOffset) state.logStartOffset++
  }),
  'a marker is not written to one partition': {
    apply: () =>
      replace(
        TransactionWriter.prototype,
        'writeMarkers',
        (original) =>
          function (decided: Transaction) {
            const partitions = [...decided.partitions].map(
              ([topic, ids]) => [topic, new Set([...ids].slice(ids.size > 1 ? 1 : 0))] as const,
            )
            return original.call(this, { ...decided, partitions: new Map(partitions) })
          },
      ),
  },
  'EndTxn ignores the epoch': {
    apply: () =>
      replace(
        TransactionCoordinator.prototype,
        'endV2',
        (original) =>
          function (id, producer, ...rest) {
            const producerEpoch = this.transactions.get(id)?.producerEpoch
            return original.call(this, id, { ...producer, producerEpoch }, ...rest)
          },
      ),
  },
  'last stable offset is the high watermark': {
    apply: () => {
      const name = 'lastStableOffset'
      const before = Object.getOwnPropertyDescriptor(LogState.prototype, name)
      Object.defineProperty(LogState.prototype, name, {
        configurable: true,
        get(this: LogState) {
          return this.highWatermark
        },
      })
      return () => Object.defineProperty(LogState.prototype, name, before ?? {})
    },
  },
  'commits of an old generation are accepted': commitsInTheNameOf((coordinator, groupId) => {
    const group = coordinator.groups.get(groupId)
    const [memberId] = group?.members.keys() ?? []
    return group && { memberId, generationIdOrMemberEpoch: group.generationId }
  }),
  'commits of a member that is gone are accepted': commitsInTheNameOf((coordinator, groupId) => {
    const [member] = coordinator.consumerGroups.get(groupId)?.members.values() ?? []
    const { memberId, current } = member ?? {}
    return memberId && { memberId, generationIdOrMemberEpoch: current?.memberEpoch }
  }),
  'offsets not synced before the reply': unsynced((topic) => topic === '__consumer_offsets'),
  'one record past the high watermark is served': readsUpTo('high-watermark', (state) =>
    Math.min(state.highWatermark + 1, state.logEndOffset),
  ),
  'transactions not synced before the reply': unsynced((topic) => topic === '__transaction_state'),
  'groups answer before their records are durable': {
    apply: () => {
      const mend = replace(GroupService.prototype, 'settled', () => () => undefined)
      // The power is seldom cut between the two unless the disk is slow.
      const mendToo = replace(
        PowerCutDisk.prototype,
        'slowly',
        (original) =>
          async function (path, sync) {
            if (path.includes('/__consumer_offsets-')) await pause(SLOW_SYNC_MS)
            await original.call(this, path, sync)
          },
      )
      return () => {
        mend()
        mendToo()
      }
    },
  },
  'repeated batches are appended': {
    apply: () => {
      const mend = replace(ProducerStates.prototype, 'findDuplicate', () => () => undefined)
      const mendToo = replace(ProducerStates.prototype, 'check', () => () => undefined)
      return () => {
        mend()
        mendToo()
      }
    },
  },
  'compaction drops a marker': {
    apply: () =>
      replace(
        SegmentOutput.prototype,
        'write',
        (original) =>
          function (batch: Buffer) {
            if (!new RecordBatch(batch, 0).isControl) original.call(this, batch)
          },
      ),
  },
  'compaction drops the last value of a key': {
    apply: () => {
      const mend = replace(OffsetSet.prototype, 'has', () => () => false)
      const mendToo = replace(
        KeyOffsets.prototype,
        'get',
        (original) =>
          function (...args) {
            return (original.apply(this, args) as number) + 1
          },
      )
      return () => {
        mend()
        mendToo()
      }
    },
  },
  'compaction takes an aborted record for the newest': {
    apply: () => replace(CleanedTransactions.prototype, 'isAborted', () => () => false),
  },
  'a cleaned segment is not synced': {
    lies: (path) => path.includes(`/${COMPACTED_TOPIC}-`) && path.endsWith('.cleaned'),
  },
  'aborted transactions are not named': {
    apply: () => replace(LogReader.prototype, 'abortedBetween', () => () => []),
  },
}

const isBad = ({ anomalies, failure }: RunResult) => anomalies.length > 0 || failure !== undefined

/** Runs seed after seed until the mutant is caught or the seeds are used up. */
export async function runMutant(
  name: string,
  firstSeed: number,
  seedsMax: number,
): Promise<{ readonly seeds: number; readonly result: RunResult | undefined }> {
  const mutant = MUTANTS[name] as Mutant
  const mend = mutant.apply?.()
  try {
    for (let seeds = 1; seeds <= seedsMax; seeds++) {
      const seed = firstSeed + seeds - 1
      const lies = mutant.lies ?? (() => false)
      const result = await runHistory({ seed, kind: 'power cut', kills: 4, lies })
      if (isBad(result)) return { seeds, result }
    }
    return { seeds: seedsMax, result: undefined }
  } finally {
    mend?.()
  }
}
