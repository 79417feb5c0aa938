/**
 * A producer with a transactional id: transactions of sends, polls and committed offsets, ended by
 * a commit, an abort, or not at all. Version 1 keeps its epoch from transaction to transaction,
 * version 2 (KIP-890) gets a new one with the end of each.
 *
 * Behind some transactions come delayed doubles of its requests, over connections of their own:
 * they must never touch the next one (KAFKA-17754). Version 1 cannot tell them apart, so only
 * version 2 gets them.
 */
import { apis, errorName } from '@ottla/protocol'
import { fetchKeys } from './answers.ts'
import { Client } from './client.ts'
import type { Operation, Sent } from './history.ts'
import { batchOf, type Identity, initProducer, type OutgoingBatch, produce } from './producing.ts'
import { ALL_KEYS, partitionOf, TOPIC, topicOf } from './topic.ts'
import { insist, pause, type World } from './world.ts'

const RETRY_MS_MAX = 8_000
const RETRIED = new Set(['CONCURRENT_TRANSACTIONS', 'COORDINATOR_LOAD_IN_PROGRESS'])

/** What kept a transaction from its end. */
class TransactionFault extends Error {}

export class TransactionalProducer extends Client {
  readonly transactionalId: string
  private readonly isV2: boolean
  private identity: Identity | undefined
  private readonly sequences = new Map<number, number>()
  private readonly positions = new Map<number, number>()
  private joined = new Set<number>()

  constructor(world: World, name: string, isV2: boolean) {
    super(world, name)
    this.transactionalId = name
    this.isV2 = isV2
  }

  protected override async step(): Promise<void> {
    const { identity } = this
    if (!identity) {
      await this.begin()
      return
    }
    const operation = this.world.history.begin(this.name, 'txn')
    this.joined = new Set()
    const sent: OutgoingBatch[] = []
    try {
      const actions = 1 + this.random.integer(4)
      for (let i = 0; i < actions; i++) await this.act(operation, identity, sent)
    } catch (error) {
      // The commit was never asked for, so nobody can have done it.
      this.world.history.end(operation, 'fail', String(error))
      this.forget()
      if (error instanceof TransactionFault) return
      throw error
    }
    await this.end(operation, identity, sent)
  }

  private async begin(): Promise<void> {
    const connection = await this.connection()
    const coordinatorKeys = [this.transactionalId]
    await connection.ask(apis.findCoordinator, 4, { keyType: 1, coordinatorKeys })
    this.identity = await initProducer(connection, this.transactionalId)
    this.sequences.clear()
    if (this.identity) await this.fetchOffsets()
  }

  private forget(): void {
    this.crash()
    this.identity = undefined
    this.positions.clear()
  }

  private async act(
    operation: Operation,
    identity: Identity,
    sent: OutgoingBatch[],
  ): Promise<void> {
    const dice = this.random.float()
    if (dice < 0.25) await this.poll(operation)
    else if (dice < 0.35 && operation.commits.length === 0) {
      await this.commitOffsets(operation, identity)
    } else await this.send(operation, identity, sent)
  }

  private async send(
    operation: Operation,
    identity: Identity,
    sent: OutgoingBatch[],
  ): Promise<void> {
    const key = this.random.integer(ALL_KEYS)
    const sends = Array.from(
      { length: 1 + this.random.integer(3) },
      (): Sent => ({ key, value: this.world.nextValue(key) }),
    )
    operation.sends.push(...sends)
    if (!this.isV2 && !this.joined.has(key)) await this.addPartition(identity, key)
    const baseSequence = this.sequences.get(key) ?? 0
    this.sequences.set(key, baseSequence + sends.length)
    const batch = batchOf(sends, { ...identity, baseSequence, isTransactional: true })
    sent.push(batch)
    const { transactionalId } = this
    const options = { version: this.isV2 ? 12 : 11, transactionalId }
    await this.insisted(async () => produce(await this.connection(), batch, options))
  }

  private async addPartition(identity: Identity, key: number): Promise<void> {
    await this.insisted(async () => {
      const connection = await this.connection()
      const answer = await connection.ask(apis.addPartitionsToTxn, 3, {
        transactions: [],
        v3AndBelowTransactionalId: this.transactionalId,
        v3AndBelowProducerId: identity.producerId,
        v3AndBelowProducerEpoch: identity.producerEpoch,
        v3AndBelowTopics: [{ name: topicOf(key), partitions: [partitionOf(key)] }],
      })
      const [topic] = answer.resultsByTopicV3AndBelow
      return errorName(topic?.resultsByPartition[0]?.partitionErrorCode ?? -1)
    })
    this.joined.add(key)
  }

  private async poll(operation: Operation): Promise<void> {
    const keys = this.world.keys(this.random)
    const positions = new Map(keys.map((key) => [key, this.positions.get(key) ?? 0]))
    const connection = await this.connection()
    const polls = await fetchKeys(connection, positions, { isCommittedOnly: true, waitMs: 0 })
    operation.polls.push(...polls.filter(({ highWatermark }) => highWatermark >= 0))
    for (const { key, next, error, logStartOffset } of polls) {
      if (error === 'NONE') this.positions.set(key, next)
      else if (error === 'OFFSET_OUT_OF_RANGE') this.positions.set(key, logStartOffset)
    }
  }

  private async commitOffsets(operation: Operation, identity: Identity): Promise<void> {
    const { transactionalId } = this
    const groupId = `group-of-${this.name}`
    const offset = this.world.nextCommit()
    operation.commits.push({ group: groupId, key: 0, offset })
    const who = { transactionalId, groupId, ...identity }
    if (!this.isV2) {
      await this.insisted(async () => {
        const answer = await (await this.connection()).ask(apis.addOffsetsToTxn, 3, who)
        return errorName(answer.errorCode)
      })
    }
    await this.insisted(async () => {
      const partitions = [{ partitionIndex: 0, committedOffset: offset, committedMetadata: null }]
      const body = { ...who, topics: [{ name: TOPIC, partitions }] }
      const answer = await (await this.connection()).ask(
        apis.txnOffsetCommit,
        this.isV2 ? 5 : 4,
        body,
      )
      return errorName(answer.topics[0]?.partitions[0]?.errorCode ?? -1)
    })
  }

  /** What is committed when every transaction of this id is over. */
  async fetchOffsets(): Promise<void> {
    const group = `group-of-${this.name}`
    const { history } = this.world
    const operation = history.begin(this.name, 'fetch-offsets')
    const offset = await insist(() => this.committed(group), RETRY_MS_MAX)
    if (offset === undefined) return
    operation.commits = [{ group, key: 0, offset }]
    history.end(operation, 'ok')
  }

  private async committed(group: string): Promise<number | undefined> {
    const connection = await this.connection()
    await connection.ask(apis.findCoordinator, 4, { keyType: 0, coordinatorKeys: [group] })
    const topics = [{ name: TOPIC, partitionIndexes: [0] }]
    const body = { groupId: group, groups: [], topics, requireStable: true }
    const answer = await connection.ask(apis.offsetFetch, 7, body)
    const part = answer.topics[0]?.partitions[0]
    return answer.errorCode === 0 && part?.errorCode === 0 ? part.committedOffset : undefined
  }

  private async end(
    operation: Operation,
    identity: Identity,
    sent: readonly OutgoingBatch[],
  ): Promise<void> {
    const { history } = this.world
    if (operation.sends.length === 0 && operation.commits.length === 0) {
      history.end(operation, 'ok')
      return
    }
    const dice = this.random.float()
    if (dice < 0.08) {
      history.end(operation, 'fail', 'abandoned')
      this.forget()
      return
    }
    const isCommit = dice < 0.8
    if (isCommit) operation.commitAskedAt = performance.now()
    const ended = await insist(() => this.askEnd(identity, isCommit), RETRY_MS_MAX)
    if (ended === undefined || typeof ended === 'string') {
      // Nothing was written, or somebody was faster; an abort stays one.
      history.end(operation, isCommit ? 'info' : 'fail', ended ?? 'no answer')
      this.forget()
      return
    }
    history.end(operation, isCommit ? 'ok' : 'fail')
    if (this.isV2) {
      this.identity = ended
      this.sequences.clear()
      if (this.random.chance(0.4)) this.haunt(identity, sent)
    }
  }

  /** The identity of the next transaction, an error, or undefined: ask again. */
  private async askEnd(
    identity: Identity,
    committed: boolean,
  ): Promise<Identity | string | undefined> {
    const connection = await this.connection()
    const body = { transactionalId: this.transactionalId, ...identity, committed }
    const answer = await connection.ask(apis.endTxn, this.isV2 ? 5 : 4, body)
    const error = errorName(answer.errorCode)
    if (RETRIED.has(error)) return undefined
    if (error !== 'NONE') return error
    const { producerId, producerEpoch } = answer
    return this.isV2 ? { producerId, producerEpoch } : identity
  }

  /** Doubles of a transaction's requests that the network kept back. */
  private haunt(identity: Identity, sent: readonly OutgoingBatch[]): void {
    const delayMs = this.random.integer(30)
    const committed = this.random.chance(0.5)
    const batch = sent.at(-1)
    const { transactionalId } = this
    const arrive = async () => {
      await pause(delayMs)
      const connection = await this.world.connect()
      const body = { transactionalId, ...identity, committed }
      const ending = connection.ask(apis.endTxn, 5, body)
      const late = batch && { ...batch, sends: [] }
      await Promise.all([
        ending,
        late && produce(connection, late, { version: 12, transactionalId }),
      ])
      connection.close()
    }
    // Nobody waits for the answers of the dead.
    arrive().catch(() => undefined)
  }

  private async insisted(attempt: () => Promise<string>): Promise<void> {
    const error = await insist(async () => {
      const answer = await attempt()
      return RETRIED.has(answer) ? undefined : answer
    }, RETRY_MS_MAX)
    if (error !== 'NONE') throw new TransactionFault(error ?? 'no answer')
  }
}
