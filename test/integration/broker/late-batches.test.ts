/** A transactional batch that had to wait until its transaction was over is not appended. */
import { Broker } from '@ottla/broker'
import { apis } from '@ottla/protocol'
import { MemoryFileSystem, type PartitionLog } from '@ottla/storage'
import { expect, it } from 'vitest'
import type { BrokerServices } from '../../../packages/broker/src/broker-services.ts'
import { Connection } from '../../consistency/connection.ts'
import { batchOf, type Identity, initProducer, produce } from '../../consistency/producing.ts'
import { TOPIC } from '../../consistency/topic.ts'

const [LATE, SLOW] = ['late', 'slow']

it('is refused, and leaves no transaction open', async () => {
  const fileSystem = new MemoryFileSystem()
  fileSystem.makeDirectory('/data')
  const settings = { listeners: 'PLAINTEXT://127.0.0.1:0' }
  await using broker = await Broker.start({ dataDir: '/data', fileSystem, settings })
  const { transactions, partitions } = (broker as unknown as { services: BrokerServices }).services
  const { changing } = transactions.coordinator
  const connections = [1, 2, 3].map(() => new Connection(broker.port))
  const [admin, first, second] = connections as [Connection, Connection, Connection]
  const topic = {
    name: TOPIC,
    numPartitions: 1,
    replicationFactor: 1,
    assignments: [],
    configs: [],
  }
  await admin.ask(apis.createTopics, 7, { topics: [topic] })
  await admin.ask(apis.findCoordinator, 4, { keyType: 1, coordinatorKeys: [LATE, SLOW] })
  const late = (await initProducer(admin, LATE)) as Identity
  const slow = (await initProducer(admin, SLOW)) as Identity
  const batch = (value: number, who: Identity) =>
    batchOf([{ key: 0, value }], { ...who, baseSequence: 0, isTransactional: true })
  await admin.ask(apis.addPartitionsToTxn, 3, {
    transactions: [],
    v3AndBelowTransactionalId: LATE,
    v3AndBelowProducerId: late.producerId,
    v3AndBelowProducerEpoch: late.producerEpoch,
    v3AndBelowTopics: [{ name: TOPIC, partitions: [0] }],
  })

  // Somebody else's batch waits for its transaction, and what comes after it must not overtake it.
  changing.set(SLOW, null)
  const ahead = produce(first, batch(1, slow), { version: 12, transactionalId: SLOW })
  const waiters = (transactions.writer as unknown as { waiters: Map<string, unknown> }).waiters
  await expect.poll(() => waiters.has(SLOW)).toBe(true)
  const behind = produce(second, batch(2, late), { version: 11, transactionalId: LATE })
  // Of version 1, so the epoch stays and does not tell the batch from one of the next transaction.
  const ending = await admin.ask(apis.endTxn, 4, {
    transactionalId: LATE,
    ...late,
    committed: false,
  })
  expect(ending.errorCode).toBe(0)
  changing.delete(SLOW)
  expect(await ahead).toBe('NONE')
  expect(await behind).toBe('INVALID_TXN_STATE')

  const end = { transactionalId: SLOW, ...slow, committed: true }
  expect((await admin.ask(apis.endTxn, 5, end)).errorCode).toBe(0)
  const log = partitions.get(TOPIC, 0) as PartitionLog
  await expect.poll(() => log.highWatermark - log.lastStableOffset).toBe(0)
  for (const connection of connections) connection.close()
})
