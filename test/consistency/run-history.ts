/**
 * One run: clients of every kind at work, a killer among them, and at the end a restart after which
 * everything is read once more, committed and not.
 */
import { SeededRandom } from '@ottla/base'
import { fetchKeys, startsOf } from './answers.ts'
import { AssignedConsumer } from './assigned-consumer.ts'
import { check, type Report } from './checker.ts'
import { ConsumerMember } from './consumer-member.ts'
import { GroupMember } from './group-member.ts'
import { GroupReader } from './group-reader.ts'
import type { Operation, Poll, Read, Span } from './history.ts'
import { IdempotentProducer } from './idempotent-producer.ts'
import type { Lies } from './power-cut-disk.ts'
import { initProducer } from './producing.ts'
import { RecordDeleter } from './record-deleter.ts'
import { ALL_KEYS } from './topic.ts'
import { TransactionalProducer } from './transactional-producer.ts'
import { BrokerProcess, PowerCutBroker, StartError, type Victim } from './victim.ts'
import { insist, pause, World } from './world.ts'

export interface RunOptions {
  readonly seed: number
  readonly kind: 'power cut' | 'kill -9'
  readonly kills: number
  /** Of the disk, for mutants. */
  readonly lies?: Lies
}

export interface RunResult extends Report {
  /** Why the run had to end early; as bad as an anomaly. */
  readonly failure: string | undefined
  readonly history: readonly Operation[]
  readonly kills: number
  readonly crashes: number
  readonly seconds: number
}

/** Operations between two kills. */
const OPERATIONS_MIN = 100
const PROGRESS_MS_MAX = 5_000
const FINISH_MS_MAX = 10_000
const FENCE_MS_MAX = 5_000

export async function runHistory(options: RunOptions): Promise<RunResult> {
  const startedAt = performance.now()
  const { seed, kind, lies } = options
  const random = new SeededRandom(seed)
  const victim = kind === 'kill -9' ? new BrokerProcess() : new PowerCutBroker(random, lies)
  const world = new World(victim, seed)
  let failure: string | undefined
  try {
    await live(world, random, options)
  } catch (error) {
    if (!(error instanceof StartError)) throw error
    failure = error.message
  } finally {
    await stopped(victim)
  }
  const history = world.history.operations
  return {
    ...check(history),
    failure,
    history,
    kills: victim.kills,
    crashes: history.filter(({ what }) => what === 'crash').length,
    seconds: (performance.now() - startedAt) / 1000,
  }
}

async function live(world: World, random: SeededRandom, options: RunOptions): Promise<void> {
  await world.createTopics()
  const clients = clientsOf(world)
  const running = Promise.all(clients.map((client) => client.run()))
  await Promise.race([running, killAgainAndAgain(world, random, options.kills)])
  world.isOver = true
  await Promise.race([running, pause(FINISH_MS_MAX)])
  await finish(world, clients)
}

function clientsOf(world: World) {
  return [
    new IdempotentProducer(world, 'producer-1'),
    new IdempotentProducer(world, 'producer-2'),
    new TransactionalProducer(world, 'transactions-v1', false),
    new TransactionalProducer(world, 'transactions-v2a', true),
    new TransactionalProducer(world, 'transactions-v2b', true),
    new AssignedConsumer(world, 'reader-of-all', false),
    new AssignedConsumer(world, 'reader-of-committed', true),
    new GroupMember(world, 'member-1', 'group'),
    new GroupMember(world, 'member-2', 'group'),
    new GroupMember(world, 'member-3', 'group'),
    new ConsumerMember(world, 'consumer-1', 'consumer-group'),
    new ConsumerMember(world, 'consumer-2', 'consumer-group'),
    new ConsumerMember(world, 'consumer-3', 'consumer-group'),
    new RecordDeleter(world, 'deleter'),
  ]
}

/** Each kill meets a broker at work: it waits for operations, not for a time. */
async function killAgainAndAgain(world: World, random: SeededRandom, kills: number): Promise<void> {
  for (let i = 0; i < kills; i++) {
    await progress(world, random)
    const operation = world.history.begin('killer', 'kill')
    await world.victim.killAndRestart()
    world.history.end(operation, 'ok')
  }
  await progress(world, random)
}

async function progress(world: World, random: SeededRandom): Promise<void> {
  const { operations } = world.history
  const wanted = operations.length + OPERATIONS_MIN + random.integer(OPERATIONS_MIN * 3)
  const deadline = performance.now() + PROGRESS_MS_MAX
  while (operations.length < wanted && performance.now() < deadline) await pause(2)
  await pause(random.integer(10))
}

/** A last kill, so that nothing is answered from memory; then no transaction stays open. */
async function finish(world: World, clients: ReturnType<typeof clientsOf>): Promise<void> {
  await world.victim.killAndRestart()
  for (const client of clients) {
    if (!(client instanceof TransactionalProducer)) continue
    await insist(
      async () => initProducer(await world.connect(), client.transactionalId),
      FENCE_MS_MAX,
    )
  }
  await settled(world)
  for (let key = 0; key < ALL_KEYS; key++) {
    for (const isCommittedOnly of [false, true]) await scan(world, key, isCommittedOnly)
  }
  for (const client of clients) {
    if (client instanceof TransactionalProducer) await client.fetchOffsets()
    if (client instanceof GroupReader) await client.fetchAll()
  }
}

/** Markers are on their way: waits for them, but not for ever. */
async function settled(world: World): Promise<void> {
  const keys = Array.from({ length: ALL_KEYS }, (_, key) => key)
  await insist(async () => {
    const connection = await world.connect()
    const positions = await startsOf(connection, keys)
    const polls = await fetchKeys(connection, positions, { isCommittedOnly: false, waitMs: 0 })
    connection.close()
    const isSettled = polls.every((poll) => poll.lastStableOffset === poll.highWatermark)
    return isSettled ? true : undefined
  }, FENCE_MS_MAX)
}

/** Reads a key from its start to its end, or as far as the broker gives it out. */
async function scan(world: World, key: number, isCommittedOnly: boolean): Promise<void> {
  const { history } = world
  const operation = history.begin(`scan-${key}-${isCommittedOnly}`, 'scan')
  const connection = await world.connect()
  const records: Read[] = []
  const spans: Span[] = []
  let last: Poll | undefined
  let from: number | undefined
  let position = (await startsOf(connection, [key])).get(key) ?? 0
  for (;;) {
    const positions = new Map([[key, position]])
    const options = { isCommittedOnly, waitMs: 0, bytesMax: 2 ** 20 }
    const [poll] = await fetchKeys(connection, positions, options)
    if (!poll || poll.highWatermark < 0) break
    last = poll
    from ??= position
    records.push(...poll.records)
    spans.push(...(poll.spans ?? []))
    if (poll.error !== 'NONE' || poll.next === position) break
    position = poll.next
  }
  connection.close()
  if (last) {
    operation.polls = [{ ...last, from: from ?? position, next: position, records, spans }]
  }
  history.end(operation, 'ok')
}

/** One that did not start, or cannot stop any more, is not waited for. */
const stopped = (victim: Victim): Promise<unknown> =>
  Promise.race([victim.stop().catch(() => undefined), pause(2_000)])
