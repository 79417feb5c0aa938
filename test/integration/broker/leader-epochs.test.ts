/** Leader epochs grow along the log, also where a batch had to wait before it was appended. */
import { Broker } from '@ottla/broker'
import { apis, RecordBatch } from '@ottla/protocol'
import { MemoryFileSystem, type PartitionLog } from '@ottla/storage'
import { expect, it } from 'vitest'
import type { BrokerServices } from '../../../packages/broker/src/broker-services.ts'
import { metadataRecord } from '../../../packages/broker/src/metadata/metadata-record.ts'
import { Connection } from '../../consistency/connection.ts'
import { batchOf, initProducer, produce } from '../../consistency/producing.ts'
import { TOPIC } from '../../consistency/topic.ts'

const TRANSACTIONAL_ID = 'epochs'

/** What recovery does with a log that has lost a torn tail. */
async function raiseEpoch({ image, metadata, nodeId }: BrokerServices): Promise<void> {
  const topicId = image.topics.get(TOPIC)?.id as string
  const change = { partitionId: 0, topicId, leader: nodeId }
  await metadata.change(() => ({
    response: undefined,
    records: [metadataRecord('PartitionChangeRecord', change)],
  }))
}

/** How many requests wait for the transaction. */
const waiting = ({ transactions }: BrokerServices): number =>
  (transactions.writer as unknown as { waiters: Map<string, unknown> }).waiters.size

it('appends a batch that had to wait with the epoch of the moment', async () => {
  const fileSystem = new MemoryFileSystem()
  fileSystem.makeDirectory('/data')
  const settings = { listeners: 'PLAINTEXT://127.0.0.1:0' }
  await using broker = await Broker.start({ dataDir: '/data', fileSystem, settings })
  const { services } = broker as unknown as { services: BrokerServices }
  const connection = new Connection(broker.port)
  const topic = { name: TOPIC, numPartitions: 1, replicationFactor: 1 }
  await connection.ask(apis.createTopics, 7, {
    topics: [{ ...topic, assignments: [], configs: [] }],
  })
  const coordinatorKeys = [TRANSACTIONAL_ID]
  await connection.ask(apis.findCoordinator, 4, { keyType: 1, coordinatorKeys })
  const identity = await initProducer(connection, TRANSACTIONAL_ID)
  if (!identity) throw new Error('there is no producer id')

  // As if a record of the transaction before were on its way.
  const { changing } = services.transactions.coordinator
  changing.set(TRANSACTIONAL_ID, null)
  const batch = batchOf([{ key: 0, value: 1 }], {
    ...identity,
    baseSequence: 0,
    isTransactional: true,
  })
  const produced = produce(connection, batch, { version: 12, transactionalId: TRANSACTIONAL_ID })
  await expect.poll(() => waiting(services)).toBe(1)
  await raiseEpoch(services)
  changing.delete(TRANSACTIONAL_ID)
  expect(await produced).toBe('NONE')

  const log = services.partitions.get(TOPIC, 0) as PartitionLog
  const options = { bytesMax: 10_000, upTo: 'high-watermark', atLeastOneBatch: true } as const
  const { chunks } = await log.read(0, options)
  expect(new RecordBatch(Buffer.concat(chunks)).leaderEpoch).toBe(1)
  connection.close()
})
