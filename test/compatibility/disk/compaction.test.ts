/**
 * The same records to a compacted topic of both brokers, cleaned by each one's own cleaner: what
 * lies on disk afterwards must be the same, batch by batch and record by record. Keys are
 * overwritten and deleted, in compressed and plain batches, by idempotent producers and in
 * transactions that commit and abort.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { SeededRandom } from '@ottla/base'
import { Kafka } from '@ottla/client'
import { apis, BatchBuilder, COMPRESSION, readBatches } from '@ottla/protocol'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { singleRequest } from '../groups/single-request.ts'
import { runTool } from '../support/apache-tools.ts'
import { INSTALL_TIMEOUT_MS } from '../support/peers.ts'
import { type BothBrokers, startBothBrokers } from '../support/side-by-side.ts'

const TOPIC = 'compacted'
const KEYS = 300
const BATCHES = 260
const VALUE_BYTES = 1500
const HORIZON_MS = 1000
const CLEAN_TIMEOUT_MS = 60_000
const TEST_TIMEOUT_MS = 300_000

interface Side {
  readonly name: string
  readonly bootstrap: string
  /** Where the partition's files lie. */
  readonly logDir: string
}

interface Producer {
  readonly producerId: number
  readonly producerEpoch: number
  sequence: number
}

type Answer = { errorCode?: number; producerId?: number; producerEpoch?: number }

async function ask(side: Side, api: unknown, version: number, body: unknown): Promise<Answer> {
  const answer = await singleRequest(side.bootstrap, api as never, version, body as never)
  expect((answer as Answer).errorCode ?? 0, `${side.name}`).toBe(0)
  return answer as Answer
}

const transactionalIdOf = (i: number) => `tx-${i}`

async function initProducer(side: Side, transactionalId: string | null): Promise<Producer> {
  const body = { transactionalId, transactionTimeoutMs: 60_000 }
  // Makes the coordinator's topic, which takes a while.
  const coordinator = { keyType: 1, coordinatorKeys: [transactionalId ?? 'any'] }
  await singleRequest(side.bootstrap, apis.findCoordinator as never, 4, coordinator as never)
  for (let tries = 0; tries < 50; tries++) {
    const answer = (await singleRequest(
      side.bootstrap,
      apis.initProducerId as never,
      3,
      body as never,
    )) as Required<Answer>
    if (answer.errorCode === 0) {
      const { producerId, producerEpoch } = answer
      return { producerId, producerEpoch, sequence: 0 }
    }
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
  throw new Error(`${side.name} gives no producer id`)
}

/** Comes again while the transaction before is still being completed. */
async function addPartition(side: Side, transactionalId: string, producer: Producer) {
  for (let tries = 0; tries < 100; tries++) {
    const answer = await singleRequest(side.bootstrap, apis.addPartitionsToTxn as never, 3, {
      v3AndBelowTransactionalId: transactionalId,
      v3AndBelowProducerId: producer.producerId,
      v3AndBelowProducerEpoch: producer.producerEpoch,
      v3AndBelowTopics: [{ name: TOPIC, partitions: [0] }],
    } as never)
    if (!/"partitionErrorCode":[^0]/.test(JSON.stringify(answer))) return
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  throw new Error(`${side.name} does not add the partition`)
}

async function produce(side: Side, records: Buffer, transactionalId: string | null) {
  const answer = (await singleRequest(side.bootstrap, apis.produce as never, 9, {
    transactionalId,
    acks: -1,
    timeoutMs: 30_000,
    topicData: [{ name: TOPIC, partitionData: [{ index: 0, records }] }],
  } as never)) as {
    responses: { partitionResponses: { errorCode: number; baseOffset: bigint | number }[] }[]
  }
  const [result] = answer.responses[0]?.partitionResponses ?? []
  expect(result?.errorCode, side.name).toBe(0)
}

/** Appends the same batches as any other side with the same seed. */
async function fill(side: Side, seed: number): Promise<void> {
  const random = new SeededRandom(seed)
  const plain = await initProducer(side, null)
  const inTransactions = await initProducer(side, transactionalIdOf(seed))
  const transactionalId = transactionalIdOf(seed)
  let isOpen = false
  for (let i = 0; i < BATCHES; i++) {
    const kind = random.integer(3)
    const codec = random.chance(0.3) ? COMPRESSION.gzip : COMPRESSION.none
    const builder = new BatchBuilder({ compression: codec })
    for (let n = 0; n < 10; n++) {
      const value = random.chance(0.15) ? null : Buffer.from(random.bytes(VALUE_BYTES))
      builder.append(1_700_000_000_000 + i * 100 + n, `key ${random.integer(KEYS)}`, value)
    }
    const ends = random.chance(0.3)
    const commits = random.chance(0.6)
    if (kind === 2 && !isOpen) {
      await addPartition(side, transactionalId, inTransactions)
      isOpen = true
    }
    const producer = kind === 2 ? inTransactions : plain
    const { producerId, producerEpoch, sequence } = producer
    const fields = {
      producerId,
      producerEpoch,
      baseSequence: sequence,
      isTransactional: kind === 2,
    }
    await produce(
      side,
      builder.finish(kind === 0 ? {} : fields),
      kind === 2 ? transactionalId : null,
    )
    if (kind !== 0) producer.sequence += 10
    const isLast = i === BATCHES - 1
    if (isOpen && (ends || isLast)) {
      const end = (await endOffset(side)) + 1
      await ask(side, apis.endTxn, 3, {
        transactionalId,
        ...idOf(inTransactions),
        committed: commits,
      })
      isOpen = false
      // The answer comes before the marker is in the log.
      await expect.poll(() => endOffset(side), { timeout: 10_000 }).toBe(end)
    }
  }
}

async function endOffset(side: Side): Promise<number> {
  const answer = (await singleRequest(side.bootstrap, apis.listOffsets as never, 7, {
    replicaId: -1,
    isolationLevel: 0,
    topics: [{ name: TOPIC, partitions: [{ partitionIndex: 0, timestamp: -1 }] }],
  } as never)) as { topics: { partitions: { offset: number | bigint }[] }[] }
  return Number(answer.topics[0]?.partitions[0]?.offset)
}

const idOf = ({ producerId, producerEpoch }: Producer) => ({ producerId, producerEpoch })

async function setRatio(side: Side, ratio: number): Promise<void> {
  await using kafka = new Kafka({ brokers: side.bootstrap })
  const configs = [{ name: 'min.cleanable.dirty.ratio', value: String(ratio) }]
  await kafka.admin.incrementalAlterConfigs([{ type: 'topic', name: TOPIC, configs }])
}

const partitionDir = (side: Side) => join(side.logDir, `${TOPIC}-0`)

/** Bytes of the partition's segments, by name. */
const segments = (directory: string) =>
  readdirSync(directory)
    .filter((name) => name.endsWith('.log'))
    .sort()

function cleanedTo(side: Side): number {
  const file = join(side.logDir, 'cleaner-offset-checkpoint')
  if (!existsSync(file)) return -1
  const line = new RegExp(`^${TOPIC} 0 (\\d+)$`, 'm').exec(readFileSync(file, 'utf8'))
  return line ? Number(line[1]) : -1
}

/** Lets the cleaner run once over everything that is sealed. */
async function clean(side: Side): Promise<void> {
  const target = Number(segments(partitionDir(side)).at(-1)?.slice(0, 20))
  await setRatio(side, 0)
  const until = performance.now() + CLEAN_TIMEOUT_MS
  while (cleanedTo(side) < target) {
    if (performance.now() > until) throw new Error(`${side.name} has cleaned to ${cleanedTo(side)}`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  await setRatio(side, 1)
}

/** What is on disk, without what each broker chooses for itself. */
function contents(side: Side): unknown[] {
  const directory = partitionDir(side)
  const ids = new Map<number, string>()
  const nameOf = (id: number) => {
    if (!ids.has(id)) ids.set(id, id < 0 ? 'none' : `producer ${ids.size}`)
    return ids.get(id)
  }
  return segments(directory)
    .flatMap((name) => readBatches(readFileSync(join(directory, name))))
    .map((batch) => ({
      offsets: [batch.baseOffset, batch.lastOffset],
      producer: [nameOf(batch.producerId), batch.producerEpoch, batch.baseSequence],
      attributes: batch.attributes,
      isCrcValid: batch.isCrcValid,
      records: batch.records().map((record) => {
        const time = batch.isControl ? 'now' : record.timestamp
        return `${record.offset} ${time} ${record.key?.toString('latin1')} ${digest(record.value)}`
      }),
    }))
}

const digest = (value: Buffer | null) =>
  value && `${value.length} ${value.subarray(0, 8).toString('hex')}`

describe('a compacted topic', () => {
  let brokers: BothBrokers
  let sides: readonly Side[]

  beforeAll(async () => {
    brokers = await startBothBrokers({
      'log.cleaner.backoff.ms': '100',
      'transaction.state.log.num.partitions': '1',
    })
    const { ottla, apache } = brokers
    sides = [
      { name: 'ottla', bootstrap: ottla.bootstrap, logDir: join(ottla.dataDir, 'log') },
      { name: 'Apache Kafka', bootstrap: apache.bootstrap, logDir: join(apache.dataDir, 'data') },
    ]
    for (const side of sides) {
      await using kafka = new Kafka({ brokers: side.bootstrap })
      const configs = {
        'cleanup.policy': 'compact',
        'segment.bytes': 1048576,
        'min.cleanable.dirty.ratio': 1,
        'delete.retention.ms': HORIZON_MS,
      }
      await kafka.admin.createTopics([{ topic: TOPIC, partitions: 1, configs }])
    }
  }, INSTALL_TIMEOUT_MS)
  afterAll(() => brokers?.stop())

  const both = (work: (side: Side) => Promise<void>) => Promise.all(sides.map(work))
  const expectSame = () => {
    const [ours, theirs] = sides.map(contents)
    expect(ours).toEqual(theirs)
    return ours?.length ?? 0
  }

  test(
    'is the same before, after one cleaning and after a second',
    async () => {
      await both((side) => fill(side, 1))
      const before = expectSame()
      await both(clean)
      const after = expectSame()
      expect(after).toBeLessThan(before)
      await new Promise((resolve) => setTimeout(resolve, HORIZON_MS * 2))
      await both((side) => fill(side, 2))
      await both(clean)
      expectSame()
    },
    TEST_TIMEOUT_MS,
  )

  test(
    'passes the checks of the dump tool',
    async () => {
      const [ours] = sides as [Side]
      const directory = partitionDir(ours)
      const names = readdirSync(directory)
      const active = segments(directory).at(-1)?.slice(0, 20) as string
      const sealed = names.filter((name) => !name.startsWith(active))
      const dump = async (suffix: string, flag: string) => {
        const files = sealed.filter((name) => name.endsWith(suffix))
        expect(files).not.toEqual([])
        const args = ['--files', files.map((name) => join(directory, name)).join(), flag]
        const { stdout, stderr, code } = await runTool('DumpLogSegments', args, {
          timeoutMs: 180_000,
        })
        expect(code, stderr).toBe(0)
        return stdout
      }
      expect(await dump('.log', '--deep-iteration')).not.toContain('isvalid: false')
      expect(await dump('.index', '--index-sanity-check')).toContain('passed sanity check')
      expect(await dump('.index', '--verify-index-only')).not.toMatch(/mismatch/i)
      expect(await dump('.timeindex', '--verify-index-only')).not.toMatch(/mismatch|out of order/i)
      expect(names.filter((name) => /\.(cleaned|swap)$/.test(name))).toEqual([])
    },
    TEST_TIMEOUT_MS,
  )
})
