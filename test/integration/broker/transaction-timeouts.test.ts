/** Transactions that time out together are aborted one after the other, each as it is by then. */
import { Broker } from '@ottla/broker'
import { apis, errorName } from '@ottla/protocol'
import { MemoryFileSystem } from '@ottla/storage'
import { expect, it } from 'vitest'
import type { BrokerServices } from '../../../packages/broker/src/broker-services.ts'
import { Connection } from '../../consistency/connection.ts'
import { type Identity, initProducer } from '../../consistency/producing.ts'
import { TOPIC } from '../../consistency/topic.ts'

const [FIRST, SECOND] = ['first', 'second']
const TIMEOUT_MS = 200

/** What a broker does by itself after some seconds. */
interface Checks {
  perform: (...args: unknown[]) => Promise<unknown>
  abortTimedOut(): Promise<void>
}

async function add(connection: Connection, id: string, who: Identity, partition: number) {
  const answer = await connection.ask(apis.addPartitionsToTxn, 3, {
    transactions: [],
    v3AndBelowTransactionalId: id,
    v3AndBelowProducerId: who.producerId,
    v3AndBelowProducerEpoch: who.producerEpoch,
    v3AndBelowTopics: [{ name: TOPIC, partitions: [partition] }],
  })
  const [topic] = answer.resultsByTopicV3AndBelow
  expect(errorName(topic?.resultsByPartition[0]?.partitionErrorCode ?? -1)).toBe('NONE')
}

it('does not abort the second without the partition it got during the abort of the first', async () => {
  const fileSystem = new MemoryFileSystem()
  fileSystem.makeDirectory('/data')
  const settings = {
    listeners: 'PLAINTEXT://127.0.0.1:0',
    'transaction.abort.timed.out.transaction.cleanup.interval.ms': 3_600_000,
  }
  await using broker = await Broker.start({ dataDir: '/data', fileSystem, settings })
  const { transactions } = (broker as unknown as { services: BrokerServices }).services
  const { coordinator } = transactions
  const connection = new Connection(broker.port)
  const topic = {
    name: TOPIC,
    numPartitions: 2,
    replicationFactor: 1,
    assignments: [],
    configs: [],
  }
  await connection.ask(apis.createTopics, 7, { topics: [topic] })
  await connection.ask(apis.findCoordinator, 4, { keyType: 1, coordinatorKeys: [FIRST, SECOND] })
  const producers = new Map<string, Identity>()
  for (const id of [FIRST, SECOND]) {
    const producer = await initProducer(connection, id, TIMEOUT_MS)
    if (!producer) throw new Error('there is no producer id')
    producers.set(id, producer)
    await add(connection, id, producer, 0)
  }
  await expect.poll(() => coordinator.timedOut(Date.now())).toEqual([FIRST, SECOND])

  const checks = transactions as unknown as Checks
  const perform = checks.perform.bind(transactions)
  checks.perform = async (...args) => {
    checks.perform = perform
    await add(connection, SECOND, producers.get(SECOND) as Identity, 1)
    return perform(...args)
  }
  await checks.abortTimedOut()
  const aborted = coordinator.transactions.get(SECOND)
  expect(aborted?.producerEpoch).toBe(1)
  await expect.poll(() => coordinator.transactions.get(SECOND)?.state).toBe('CompleteAbort')
  // Both partitions have their marker.
  const where = [{ name: TOPIC, partitionIndexes: [0, 1] }]
  const { topics } = await connection.ask(apis.describeProducers, 0, { topics: where })
  const epochs = topics[0]?.partitions.map(({ activeProducers }) =>
    activeProducers
      .filter(({ producerId }) => producerId === producers.get(SECOND)?.producerId)
      .map(({ producerEpoch }) => producerEpoch),
  )
  expect(epochs).toEqual([[1], [1]])
  connection.close()
})
