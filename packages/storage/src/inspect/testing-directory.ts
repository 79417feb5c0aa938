/** A log directory in memory with something in every kind of file, for the tests of inspections. */
import { METADATA_TOPIC_ID } from '@ottla/base'
import {
  BatchBuilder,
  type BatchFields,
  buildEndTransactionMarker,
  buildLeaderChange,
  buildSnapshotFooter,
  buildSnapshotHeader,
  COMPRESSION,
  encodeMessage,
  encodePrefixed,
  FeatureLevelRecord,
  type Fields,
  type FieldsInput,
  type Message,
  OffsetCommitKey,
  OffsetCommitValue,
  PartitionRecord,
  RegisterBrokerRecord,
  ShareSnapshotKey,
  ShareSnapshotValue,
  TopicRecord,
  TransactionLogKey,
  TransactionLogValue,
} from '@ottla/protocol'
import { HIGH_WATERMARK_FILE, RECOVERY_POINT_FILE } from '../checkpoint-file.ts'
import { writeAndSync } from '../file-system.ts'
import { defaultLogConfig } from '../log-config.ts'
import type { LogManager } from '../log-manager.ts'
import { MemoryFileSystem } from '../memory-file-system.ts'
import type { PartitionLog } from '../partition-log.ts'
import { openLogs, TOPIC_ID } from '../testing-logs.ts'

const TIME = 1_700_000_000_000
const TOPIC_IDS = {
  orders: TOPIC_ID,
  __consumer_offsets: 'AQECAwQFBgcICQoLDA0ODw',
  __transaction_state: 'AgECAwQFBgcICQoLDA0ODw',
  __share_group_state: 'AwECAwQFBgcICQoLDA0ODw',
} as const
export const SNAPSHOT = '00000000000000000002-0000000001.checkpoint'

/** Framed as in the metadata log. */
function metadata<F extends Fields>(message: Message<F>, version: number, value: FieldsInput<F>) {
  const frame = Buffer.from([1, message.apiKey as number, version])
  return Buffer.concat([frame, encodeMessage(message, version, value)])
}

const batch = (
  records: readonly (readonly [Buffer | string | null, Buffer | string | null])[],
  fields: BatchFields & { time?: number } = {},
): Buffer => {
  const builder = new BatchBuilder({ compression: COMPRESSION.none })
  for (const [key, value] of records) builder.append(fields.time ?? TIME, key, value)
  return builder.finish(fields)
}

async function append(
  log: PartitionLog,
  bytes: Buffer,
  origin: 'client' | 'coordinator' | 'raft' = 'client',
  leaderEpoch = 0,
): Promise<void> {
  const result = log.append(bytes, { origin, leaderEpoch })
  if (result.kind === 'refused') throw new Error(result.message)
  await log.whenDurable(result.lastOffset)
}

async function open(manager: LogManager, topic: keyof typeof TOPIC_IDS | 'metadata') {
  const isMetadata = topic === 'metadata'
  const topicId = isMetadata ? METADATA_TOPIC_ID : TOPIC_IDS[topic]
  const segmentBytes = isMetadata ? 10_000 : 250
  const config = { ...defaultLogConfig, indexIntervalBytes: 0, segmentBytes }
  const name = isMetadata ? '__cluster_metadata' : topic
  const log = manager.create(name, 0, topicId, config)
  await log.ready()
  return log
}

/** Two producers with transactions, one aborted, over several segments and leader epochs. */
async function fillOrders(log: PartitionLog): Promise<void> {
  for (let i = 0; i < 6; i++) {
    const fields = { producerId: 7, producerEpoch: 0, baseSequence: i, time: TIME + i }
    await append(log, batch([[`key ${i}`, `value ${i}`]], fields), 'client', i < 3 ? 0 : 2)
  }
  const transaction = { producerId: 9, producerEpoch: 0, isTransactional: true, time: TIME + 9 }
  await append(log, batch([['a', 'aborted']], { ...transaction, baseSequence: 0 }), 'client', 2)
  const end = { producerId: 9, producerEpoch: 0, coordinatorEpoch: 0, isCommit: false }
  const place = { timestamp: TIME + 10 }
  await append(log, buildEndTransactionMarker(end, place), 'coordinator', 2)
  await append(log, batch([['b', 'kept']], { ...transaction, baseSequence: 1 }), 'client', 2)
}

async function fillMetadata(log: PartitionLog, directoryId: string): Promise<void> {
  const voter = { voterId: 1 }
  const change = { version: 0, leaderId: 1, voters: [voter], grantingVoters: [voter] }
  await append(log, buildLeaderChange(change, { timestamp: TIME }), 'raft', 1)
  const level = { name: 'metadata.version', featureLevel: 33 }
  await append(log, batch([[null, metadata(FeatureLevelRecord, 0, level)]]), 'raft', 1)
  const broker = {
    brokerId: 1,
    incarnationId: TOPIC_ID,
    brokerEpoch: 2,
    endPoints: [],
    features: [],
    rack: null,
    logDirs: [directoryId],
  }
  const partition = {
    partitionId: 0,
    topicId: TOPIC_ID,
    replicas: [1],
    isr: [1],
    removingReplicas: [],
    addingReplicas: [],
    leader: 1,
    leaderEpoch: 0,
    partitionEpoch: 0,
    directories: [directoryId],
  }
  const records = [
    metadata(RegisterBrokerRecord, 3, broker),
    ...Object.entries(TOPIC_IDS).map(([name, topicId]) =>
      metadata(TopicRecord, 0, { name, topicId }),
    ),
    metadata(PartitionRecord, 2, partition),
  ]
  await append(log, batch(records.map((record) => [null, record] as const)), 'raft', 1)
}

const offsetCommit = () =>
  batch([
    [
      encodePrefixed(OffsetCommitKey, 1, 0, { group: 'g', topic: 'orders', partition: 0 }),
      encodePrefixed(OffsetCommitValue, 3, 3, { offset: 5, metadata: '', commitTimestamp: TIME }),
    ],
  ])

const transactionState = () =>
  batch([
    [
      encodePrefixed(TransactionLogKey, 0, 0, { transactionalId: 't' }),
      encodePrefixed(TransactionLogValue, 1, 1, {
        producerId: 9,
        producerEpoch: 0,
        transactionTimeoutMs: 60_000,
        transactionStatus: 1,
        transactionPartitions: [{ topic: 'orders', partitionIds: [0] }],
        transactionLastUpdateTimestampMs: TIME,
        transactionStartTimestampMs: TIME,
      }),
    ],
  ])

const shareState = () =>
  batch([
    [
      encodePrefixed(ShareSnapshotKey, 0, 0, { groupId: 's', topicId: TOPIC_ID, partition: 0 }),
      encodePrefixed(ShareSnapshotValue, 0, 0, {
        snapshotEpoch: 0,
        stateEpoch: 0,
        leaderEpoch: 0,
        startOffset: 3,
        createTimestamp: TIME,
        writeTimestamp: TIME,
        stateBatches: [],
      }),
    ],
  ])

const snapshotBytes = () =>
  Buffer.concat([
    buildSnapshotHeader(TIME, { timestamp: TIME, baseOffset: 0, leaderEpoch: 1 }),
    batch(
      [[null, metadata(FeatureLevelRecord, 0, { name: 'metadata.version', featureLevel: 33 })]],
      {
        baseOffset: 1,
        leaderEpoch: 1,
      },
    ),
    buildSnapshotFooter({ timestamp: TIME, baseOffset: 2, leaderEpoch: 1 }),
  ])

const QUORUM_STATE =
  '{"clusterId":"","leaderId":1,"leaderEpoch":1,"votedId":-1,"appliedOffset":0,' +
  '"currentVoters":[{"voterId":1}],"data_version":0}'

/** `/data`, stopped cleanly. */
export async function sampleDirectory(): Promise<MemoryFileSystem> {
  const fileSystem = new MemoryFileSystem()
  const { manager } = await openLogs(fileSystem)
  await fillOrders(await open(manager, 'orders'))
  await fillMetadata(await open(manager, 'metadata'), manager.directoryId)
  await append(await open(manager, '__consumer_offsets'), offsetCommit(), 'coordinator')
  await append(await open(manager, '__transaction_state'), transactionState(), 'coordinator')
  await append(await open(manager, '__share_group_state'), shareState(), 'coordinator')
  await manager.close()
  const folder = '/data/__cluster_metadata-0'
  await writeAndSync(fileSystem, `${folder}/${SNAPSHOT}`, snapshotBytes())
  await writeAndSync(fileSystem, `${folder}/quorum-state`, Buffer.from(QUORUM_STATE))
  for (const name of [RECOVERY_POINT_FILE, HIGH_WATERMARK_FILE]) {
    if (!fileSystem.stat(`/data/${name}`)) throw new Error(`${name} was not written`)
  }
  return fileSystem
}
