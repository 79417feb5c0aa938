/** Groups and transactions as the internal topics have them: the newest record of each key. */
import { join } from 'node:path'
import {
  decodeInternalRecord,
  type FileSystem,
  fileKindOf,
  loadCodecs,
  offsetInName,
  partitionNameOf,
  walkBatches,
} from '@ottla/storage'

export interface CoordinatorSurvey {
  /** Groups by their type. */
  readonly groups: Readonly<Record<GroupType, readonly string[]>>
  readonly committedOffsets: number
  readonly transactionalIds: number
  /** Transactional ids whose transaction is open. */
  readonly openTransactions: readonly string[]
  readonly sharePartitions: number
}

const GROUP_TYPES = {
  GroupMetadata: 'classic',
  ConsumerGroupMetadata: 'consumer',
  ShareGroupMetadata: 'share',
  StreamsGroupMetadata: 'streams',
} as const

type GroupType = (typeof GROUP_TYPES)[keyof typeof GROUP_TYPES]

const TOPICS = new Set(['__consumer_offsets', '__transaction_state', '__share_group_state'])
const ONGOING = 1

interface Entry {
  readonly type: string
  readonly key: Readonly<Record<string, unknown>>
  readonly value: Readonly<Record<string, unknown>>
}

export async function surveyCoordinators(
  fileSystem: FileSystem,
  logDirs: readonly string[],
): Promise<CoordinatorSurvey> {
  await loadCodecs()
  const newest = new Map<string, Entry>()
  for (const logDir of logDirs) {
    for (const { name } of fileSystem.list(logDir) ?? []) {
      const partition = partitionNameOf(name)
      if (!partition || partition.state !== undefined || !TOPICS.has(partition.topic)) continue
      await replayPartition(fileSystem, join(logDir, name), { topic: partition.topic, newest })
    }
  }
  return summaryOf([...newest.values()])
}

async function replayPartition(
  fileSystem: FileSystem,
  directory: string,
  { topic, newest }: { topic: string; newest: Map<string, Entry> },
): Promise<void> {
  const names = (fileSystem.list(directory) ?? []).map(({ name }) => name)
  for (const name of names.filter((name) => fileKindOf(name) === 'segment').sort()) {
    const file = fileSystem.open(join(directory, name), 'read')
    try {
      for await (const step of walkBatches(file, offsetInName(name))) {
        if (step.kind === 'gap' || step.batch.isControl) continue
        for (const record of step.batch.records()) {
          const decoded = decodeInternalRecord(topic, record)
          if (!decoded) continue
          const id = `${decoded.type} ${JSON.stringify(decoded.key)}`
          if (decoded.value === null) newest.delete(id)
          else newest.set(id, decoded as Entry)
        }
      }
    } finally {
      file.close()
    }
  }
}

function summaryOf(entries: readonly Entry[]): CoordinatorSurvey {
  const of = (type: string) => entries.filter((entry) => entry.type === type)
  const groups: Record<GroupType, string[]> = { classic: [], consumer: [], share: [], streams: [] }
  for (const [record, type] of Object.entries(GROUP_TYPES)) {
    groups[type] = of(record)
      .map(({ key }) => String(key['groupId'] ?? key['group']))
      .sort()
  }
  const transactions = of('TransactionLog')
  return {
    groups,
    committedOffsets: of('OffsetCommit').length,
    transactionalIds: transactions.length,
    openTransactions: transactions
      .filter(({ value }) => value['transactionStatus'] === ONGOING)
      .map(({ key }) => String(key['transactionalId'])),
    sharePartitions: of('ShareSnapshot').length,
  }
}
