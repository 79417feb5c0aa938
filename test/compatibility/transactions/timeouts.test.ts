/**
 * What becomes of a producer whose transaction the coordinator has aborted for it: ottla and Apache
 * Kafka must tell it the same, while its transactional id is its own and once another has it.
 */
import { apis, BatchBuilder } from '@ottla/protocol'
import { expect, test } from 'vitest'
import { startOttlaProcess } from '../../support/ottla-process.ts'
import { ApiTranscript } from '../apis/api-transcript.ts'
import { startApacheBroker } from '../support/apache-broker.ts'
import { waitUntil } from '../support/judged-broker.ts'

const SETTINGS = {
  'transaction.abort.timed.out.transaction.cleanup.interval.ms': '100',
  'transaction.state.log.num.partitions': '5',
}
const TIMEOUT_MS = 500

interface Producer {
  readonly producerId: number
  readonly producerEpoch: number
}

class Scene {
  readonly t: ApiTranscript
  private readonly id: string
  private topicId = ''

  constructor(t: ApiTranscript, id: string) {
    this.t = t
    this.id = id
  }

  async open(): Promise<void> {
    const topic = { name: this.id, numPartitions: 1, replicationFactor: 1 }
    const created = await this.t.send<{ topics: { topicId: string }[] }>(apis.createTopics, 7, {
      topics: [{ ...topic, assignments: [], configs: [] }],
      timeoutMs: 30_000,
      validateOnly: false,
    })
    this.topicId = created.topics[0]?.topicId as string
    await waitUntil(`a coordinator of ${this.id}`, async () => {
      const asked = { keyType: 1, coordinatorKeys: [this.id] }
      type Found = { coordinators: { errorCode: number }[] }
      const found = await this.t.send<Found>(apis.findCoordinator, 6, asked)
      return found.coordinators[0]?.errorCode === 0
    })
  }

  /** Notes only the epoch: ids are each broker's own. */
  async init(what: string): Promise<Producer> {
    type Answer = Producer & { errorCode: number }
    const answer = await waitUntilAnswered(() =>
      this.t.send<Answer>(apis.initProducerId, 5, {
        transactionalId: this.id,
        transactionTimeoutMs: TIMEOUT_MS,
        producerId: -1,
        producerEpoch: -1,
      }),
    )
    this.t.note(what, { errorCode: answer.errorCode, producerEpoch: answer.producerEpoch })
    return answer
  }

  async produce(what: string, { producerId, producerEpoch }: Producer): Promise<void> {
    const builder = new BatchBuilder()
    builder.append(1_700_000_000_000, null, 'value')
    const producer = { producerId, producerEpoch, baseSequence: 0, isTransactional: true }
    const partitionData = [{ index: 0, records: builder.finish(producer) }]
    type Answer = { responses: { partitionResponses: { errorCode: number }[] }[] }
    const answer = await waitUntilAnswered(async () => {
      const { responses } = await this.t.send<Answer>(apis.produce, 13, {
        transactionalId: this.id,
        acks: -1,
        timeoutMs: 30_000,
        topicData: [{ topicId: this.topicId, partitionData }],
      })
      return responses[0]?.partitionResponses[0] as { errorCode: number }
    })
    this.t.note(what, { errorCode: answer.errorCode })
  }

  async end(what: string, { producerId, producerEpoch }: Producer, committed: boolean) {
    type Answer = Producer & { errorCode: number }
    const answer = await waitUntilAnswered(() =>
      this.t.send<Answer>(apis.endTxn, 5, {
        transactionalId: this.id,
        producerId,
        producerEpoch,
        committed,
      }),
    )
    this.t.note(what, { errorCode: answer.errorCode, producerEpoch: answer.producerEpoch })
  }

  async timesOut(): Promise<void> {
    type Answer = { transactionStates: { transactionState: string }[] }
    await waitUntil(`${this.id} is aborted`, async () => {
      const asked = { transactionalIds: [this.id] }
      const answer = await this.t.send<Answer>(apis.describeTransactions, 0, asked)
      return answer.transactionStates[0]?.transactionState === 'CompleteAbort'
    })
  }
}

const LATER = new Set([3, 6, 14, 15, 16, 51, 100])

/** Errors that only say to come again, as CONCURRENT_TRANSACTIONS, are a matter of speed. */
async function waitUntilAnswered<T extends { errorCode: number }>(ask: () => Promise<T>) {
  for (;;) {
    const answer = await ask()
    if (!LATER.has(answer.errorCode)) return answer
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

async function play(t: ApiTranscript): Promise<void> {
  const own = new Scene(t, 'own')
  await own.open()
  const holder = await own.init('holder')
  await own.produce('holder writes', holder)
  await own.timesOut()
  await own.end('holder commits', holder, true)
  await own.produce('holder writes again', holder)
  await own.end('holder aborts', holder, false)
  const other = new Scene(t, 'other')
  await other.open()
  const first = await other.init('first')
  await other.produce('first writes', first)
  await other.timesOut()
  const second = await other.init('second')
  await other.end('first commits', first, true)
  await other.end('first aborts', first, false)
  await other.produce('first writes again', first)
  await other.produce('second writes', second)
  await other.end('first commits', first, true)
  await other.timesOut()
  await other.end('first commits', first, true)
  await other.end('second commits', second, true)
}

test('tells late producers the same as Apache Kafka', { timeout: 120_000 }, async () => {
  await using ottla = await startOttlaProcess({ settings: SETTINGS })
  await using apache = await startApacheBroker({ heap: '512m', overrides: SETTINGS })
  const transcripts = [ottla, apache].map(({ bootstrap }) => new ApiTranscript(bootstrap))
  await Promise.all(transcripts.map(play))
  for (const transcript of transcripts) transcript.close()
  const [ours, theirs] = transcripts.map(({ lines }) => lines)
  expect(ours).toEqual(theirs)
  // Those who have lost the id hear of it; who still has it learns that the transaction is over.
  const told = (what: string) => ours?.filter((line) => line.startsWith(what))
  expect(told('holder commits')?.join()).toContain('INVALID_TXN_STATE')
  for (const line of told('first commits') ?? []) expect(line).toContain('PRODUCER_FENCED')
})
