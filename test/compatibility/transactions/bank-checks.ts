/** What must hold in the bank: nothing lost, nothing twice, nothing torn, nothing left open. */
import type { Kafka, TopicPartition } from '@ottla/client'
import { apis } from '@ottla/protocol'
import { runTool } from '../support/apache-tools.ts'
import { contentOf } from '../support/topic-content.ts'
import { TRANSACTION_TIMEOUT_MS } from './bank.ts'

const GRACE_MS = 5_000
const FAULTS_MAX = 20
const ANSWERED_MS = 60_000
const OVER = new Set(['Empty', 'CompleteCommit', 'CompleteAbort'])

async function partitionsOf(kafka: Kafka, topics: readonly string[]): Promise<TopicPartition[]> {
  const described = await kafka.admin.describeTopics([...topics])
  return described.flatMap(({ name: topic, partitions }) =>
    partitions.map(({ partition }) => ({ topic, partition })),
  )
}

async function ends(
  kafka: Kafka,
  partitions: readonly TopicPartition[],
  isolationLevel: 'read_committed' | 'read_uncommitted',
): Promise<Map<string, bigint>> {
  const asked = partitions.map((partition) => ({ ...partition, at: 'latest' as const }))
  const listed = await kafka.admin.listOffsets(asked, { isolationLevel })
  return new Map(listed.map(({ topic, partition, offset }) => [`${topic}-${partition}`, offset]))
}

/** Asks again while the broker is down. */
async function answered<T>(ask: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + ANSWERED_MS
  for (;;) {
    try {
      return await ask()
    } catch (error) {
      if (performance.now() > deadline) throw error
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
}

/**
 * What the group has committed, by partition. Only what is stable: partitions with a transaction
 * that is not over are left out. Some always have one on a busy machine, hence the choice.
 */
export async function committedOffsets(
  kafka: Kafka,
  requireStable = true,
): Promise<ReadonlyMap<number, number>> {
  const { groups } = await answered(() =>
    kafka.request(apis.offsetFetch, {
      groups: [{ groupId: 'bank', memberId: null, memberEpoch: -1, topics: null }],
      requireStable,
    }),
  )
  const partitions = groups.flatMap(({ topics }) => topics.flatMap((topic) => topic.partitions))
  return new Map(
    partitions
      .filter(({ errorCode, committedOffset }) => errorCode === 0 && committedOffset > 0)
      .map(({ partitionIndex, committedOffset }) => [partitionIndex, committedOffset]),
  )
}

/** Transfers that the group has not committed yet. */
export async function backlogOf(kafka: Kafka, requireStable = false): Promise<number> {
  const partitions = await partitionsOf(kafka, ['transfers'])
  const end = await ends(kafka, partitions, 'read_uncommitted')
  const committed = await committedOffsets(kafka, requireStable)
  return partitions.reduce(
    (sum, { partition }) =>
      sum + Number(end.get(`transfers-${partition}`) ?? 0n) - (committed.get(partition) ?? 0),
    0,
  )
}

/** Who has which partition and where it stands, for when nothing moves any more. */
export async function standOf(kafka: Kafka): Promise<string[]> {
  const [group] = await kafka.admin.describeGroups(['bank'])
  const members = (group?.members ?? []).map((member) => JSON.stringify(member))
  const stable = await kafka.request(apis.offsetFetch, {
    groups: [{ groupId: 'bank', memberId: null, memberEpoch: -1, topics: null }],
    requireStable: true,
  })
  const lags = await kafka.admin.lag('bank')
  return [
    `group ${group?.state}`,
    ...members,
    ...stable.groups.map((answer) => JSON.stringify(answer)),
    ...lags.map((lag) => JSON.stringify(lag, (_, v) => (typeof v === 'bigint' ? String(v) : v))),
  ]
}

export async function checkBank(
  kafka: Kafka,
  bootstrap: string,
  transfers: number,
): Promise<string[]> {
  const faults: string[] = []
  await checkTransactions(kafka, faults)
  await checkHanging(bootstrap, faults)
  await checkStableOffsets(kafka, faults)
  await checkOut(kafka, transfers, faults)
  await checkEntries(kafka, transfers, faults)
  if ((await backlogOf(kafka, true)) !== 0)
    faults.push('committed offsets are not the end of the transfers')
  return faults.slice(0, FAULTS_MAX)
}

const list = async (kafka: Kafka) =>
  (
    await kafka.request(apis.listTransactions, {
      stateFilters: [],
      producerIdFilters: [],
      durationFilter: -1,
    })
  ).transactionStates

/** What the dead have left open is timed out by now. */
async function checkTransactions(kafka: Kafka, faults: string[]): Promise<void> {
  const deadline = performance.now() + TRANSACTION_TIMEOUT_MS + GRACE_MS
  let open: string[] = []
  do {
    await new Promise((resolve) => setTimeout(resolve, 100))
    const states = await list(kafka)
    if (states.length === 0) faults.push('no transactional id is known')
    open = states
      .filter(({ transactionState }) => !OVER.has(transactionState))
      .map(({ transactionalId, transactionState }) => `${transactionalId} is ${transactionState}`)
  } while (open.length > 0 && performance.now() < deadline)
  faults.push(...open)
}

/** Open in a partition although no coordinator knows of it, as Apache's own tool finds such. */
async function checkHanging(bootstrap: string, faults: string[]): Promise<void> {
  const find = ['find-hanging', '--broker-id', '0', '--max-transaction-timeout', '0']
  const args = ['--bootstrap-server', bootstrap, ...find]
  const { code, stdout, stderr } = await runTool('TransactionsCommand', args)
  if (code !== 0) faults.push(`kafka-transactions ended with ${code}: ${stderr}`)
  const [head, ...hanging] = stdout.trim().split('\n')
  if (!head?.startsWith('Topic')) faults.push(`kafka-transactions: ${stdout}`)
  faults.push(...hanging.map((line) => `hanging: ${line}`))
}

/** The last stable offset is the high watermark everywhere, internal topics included. */
async function checkStableOffsets(kafka: Kafka, faults: string[]): Promise<void> {
  const topics = ['out', 'entries', '__consumer_offsets']
  const partitions = await partitionsOf(kafka, topics)
  const stable = await ends(kafka, partitions, 'read_committed')
  for (const [name, end] of await ends(kafka, partitions, 'read_uncommitted')) {
    if (stable.get(name) !== end) {
      faults.push(`${name}: last stable offset ${stable.get(name)}, high watermark ${end}`)
    }
  }
}

function count(values: readonly (string | null)[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const value of values) counts.set(String(value), (counts.get(String(value)) ?? 0) + 1)
  return counts
}

async function checkOut(kafka: Kafka, transfers: number, faults: string[]): Promise<void> {
  const records = await contentOf(kafka, 'out', 'read_committed')
  const counts = count(records.map(({ value }) => value))
  for (let id = 0; id < transfers; id++) {
    const times = counts.get(String(id)) ?? 0
    if (times !== 1) faults.push(`transfer ${id} is in out ${times} times`)
  }
  if (records.length !== transfers) faults.push(`out has ${records.length} of ${transfers}`)
}

async function checkEntries(kafka: Kafka, transfers: number, faults: string[]): Promise<void> {
  const records = await contentOf(kafka, 'entries', 'read_committed')
  const counts = count(records.map(({ key, value }) => `${value} of ${key}`))
  for (let id = 0; id < transfers; id++) {
    for (const side of ['debit', 'credit']) {
      const times = counts.get(`${side} of ${id}`) ?? 0
      if (times !== 1) faults.push(`transfer ${id} has ${times} ${side}s`)
    }
  }
  if (records.length !== 2 * transfers) faults.push(`${records.length} entries`)
}

/** Epochs of a producer id never go backwards, whatever is killed. */
export class EpochWatch {
  private readonly epochs = new Map<bigint | number, number>()

  async look(kafka: Kafka): Promise<string[]> {
    const states = await list(kafka).catch(() => [])
    const transactionalIds = states.map(({ transactionalId }) => transactionalId)
    if (transactionalIds.length === 0) return []
    const faults: string[] = []
    const { transactionStates } = await kafka.request(apis.describeTransactions, {
      transactionalIds,
    })
    for (const { transactionalId, producerId, producerEpoch } of transactionStates) {
      const before = this.epochs.get(producerId) ?? -1
      if (producerEpoch < before) {
        faults.push(`${transactionalId}: epoch ${producerEpoch} after ${before}`)
      }
      this.epochs.set(producerId, Math.max(before, producerEpoch))
    }
    return faults
  }
}
