/**
 * An application that lives through several brokers on one directory, over bare requests: a group
 * of every type with its offsets, an idempotent producer that goes on with its sequence, and a
 * transaction that is open when the broker changes.
 */
import {
  type AlterShareGroupOffsetsResponse,
  apis,
  BatchBuilder,
  type ConsumerGroupHeartbeatResponse,
  type DescribeShareGroupOffsetsResponse,
  type DescribeTransactionsResponse,
  type EndTxnResponse,
  errorName,
  type InitProducerIdResponse,
  type ListGroupsResponse,
  type ListOffsetsResponse,
  type MetadataResponse,
  type OffsetCommitResponse,
  type OffsetFetchResponse,
  type ProduceResponse,
} from '@ottla/protocol'
import { ApiTranscript } from '../apis/api-transcript.ts'
import { waitUntil } from '../support/judged-broker.ts'

export interface Abilities {
  /** Share and streams groups are ready from 4.2 on. */
  readonly hasNewGroups: boolean
}

interface Identity {
  readonly producerId: number
  readonly producerEpoch: number
}

const TOPIC = 'life'
const TRANSACTION_TIMEOUT_MS = 600_000
const GROUPS = ['a-classic', 'a-consumer', 'a-streams'] as const

export class WholeState {
  private producer: Identity = { producerId: -1, producerEpoch: -1 }
  private sequence = 0
  private lastOffset = -1
  private readonly open = new Map<string, Identity>()
  private readonly abilities: Abilities

  constructor(abilities: Abilities) {
    this.abilities = abilities
  }

  /** Makes everything; the transaction is left open. */
  async begin(bootstrap: string): Promise<void> {
    await withRequests(bootstrap, async (t) => {
      await t.createTopic(TOPIC, 1)
      await t.findGroupCoordinator()
      await this.makeGroups(t)
      this.producer = await initProducer(t, null)
      await this.produceNext(t)
      await this.beginTransaction(t, 'first')
    })
  }

  /**
   * Goes on with another broker: the last batch again is known, one further on is refused, the next
   * is taken; the open transaction ends, and another begins.
   */
  async goOn(bootstrap: string, ending: string, next: string): Promise<string[]> {
    return withRequests(bootstrap, async (t) => {
      const said: string[] = []
      const repeated = await this.send(t, this.sequence - 1)
      said.push(`again: ${repeated.error} at ${repeated.baseOffset - this.lastOffset}`)
      said.push(`too far: ${(await this.send(t, this.sequence + 5)).error}`)
      await this.produceNext(t)
      said.push(`${ending}: ${await stateOf(t, ending)}`)
      said.push(`stable before its end: ${await isStable(t)}`)
      said.push(`end: ${await this.endTransaction(t, ending)}`)
      await waitUntil('the markers are written', () => isStable(t))
      await this.beginTransaction(t, next)
      // Joined and left again, so that every kind of record is this broker's.
      await this.makeGroups(t)
      await this.commitOffsets(t, 2)
      return said
    })
  }

  /** Topic ids, groups with what they have, and the open transaction, as text. */
  read(bootstrap: string): Promise<string[]> {
    return withRequests(bootstrap, async (t) => {
      await t.findGroupCoordinator()
      const lines = await topicLines(t)
      const { groups } = await t.send<ListGroupsResponse>(apis.listGroups, 5, {
        statesFilter: [],
        typesFilter: [],
      })
      for (const { groupId, groupType, groupState, protocolType } of groups) {
        lines.push(`group ${groupId}: ${groupType} ${protocolType} ${groupState}`)
      }
      for (const group of this.offsetGroups())
        lines.push(`${group} at ${await committed(t, group)}`)
      if (this.abilities.hasNewGroups) lines.push(`a-share at ${await shareStart(t)}`)
      for (const id of this.open.keys()) lines.push(`transaction ${id}: ${await stateOf(t, id)}`)
      return lines.sort()
    })
  }

  private offsetGroups(): readonly string[] {
    return this.abilities.hasNewGroups ? GROUPS : GROUPS.slice(0, 2)
  }

  /** Each is joined and left, so that its type is known; then it gets its offsets. */
  private async makeGroups(t: ApiTranscript): Promise<void> {
    const beat = (api: unknown, version: number, body: object) =>
      waitUntil('a member is let in', async () => {
        const answer = await t.send<ConsumerGroupHeartbeatResponse>(api, version, body as never)
        return answer.errorCode === 0
      })
    const subscribed = { subscribedTopicNames: [TOPIC] }
    const consumer = { groupId: 'a-consumer', memberId: 'm', ...subscribed }
    const joining = { memberEpoch: 0, rebalanceTimeoutMs: 60_000, topicPartitions: [] }
    await beat(apis.consumerGroupHeartbeat, 1, { ...consumer, ...joining })
    await beat(apis.consumerGroupHeartbeat, 1, { ...consumer, memberEpoch: -1 })
    if (this.abilities.hasNewGroups) await this.makeNewGroups(t, beat)
    await this.commitOffsets(t, 1)
  }

  private async makeNewGroups(
    t: ApiTranscript,
    beat: (api: unknown, version: number, body: object) => Promise<void>,
  ): Promise<void> {
    const share = { groupId: 'a-share', memberId: 'AAECAwQFBgcICQoLDA0ODw' }
    const joinsShare = { ...share, memberEpoch: 0, rackId: null, subscribedTopicNames: [TOPIC] }
    await beat(apis.shareGroupHeartbeat, 1, joinsShare)
    await beat(apis.shareGroupHeartbeat, 1, { ...share, memberEpoch: -1 })
    const source = {
      subtopologyId: '0',
      sourceTopics: [TOPIC],
      sourceTopicRegex: [],
      stateChangelogTopics: [],
      repartitionSinkTopics: [],
      repartitionSourceTopics: [],
      copartitionGroups: [],
    }
    const streams = { groupId: 'a-streams', memberId: 'm', endpointInformationEpoch: 0 }
    await beat(apis.streamsGroupHeartbeat, 0, {
      ...streams,
      memberEpoch: 0,
      rebalanceTimeoutMs: 60_000,
      processId: 'p',
      clientTags: [],
      topology: { epoch: 0, subtopologies: [source] },
      activeTasks: [],
      standbyTasks: [],
      warmupTasks: [],
    })
    await beat(apis.streamsGroupHeartbeat, 0, { ...streams, memberEpoch: -1 })
    await this.moveShare(t, 0)
  }

  private async commitOffsets(t: ApiTranscript, offset: number): Promise<void> {
    for (const groupId of this.offsetGroups()) {
      const partitions = [{ partitionIndex: 0, committedOffset: offset, committedMetadata: 'm' }]
      const body = {
        groupId,
        generationIdOrMemberEpoch: -1,
        memberId: '',
        topics: [{ name: TOPIC, partitions }],
      }
      const answer = await t.send<OffsetCommitResponse>(apis.offsetCommit, 9, body)
      const error = answer.topics[0]?.partitions[0]?.errorCode ?? -1
      if (error !== 0) throw new Error(`${groupId}: ${errorName(error)}`)
    }
    if (this.abilities.hasNewGroups) await this.moveShare(t, offset)
  }

  private async moveShare(t: ApiTranscript, startOffset: number): Promise<void> {
    const partitions = [{ partitionIndex: 0, startOffset }]
    const body = { groupId: 'a-share', topics: [{ topicName: TOPIC, partitions }] }
    await waitUntil('the share group is moved', async () => {
      const api = apis.alterShareGroupOffsets
      const answer = await t.send<AlterShareGroupOffsetsResponse>(api, 0, body)
      return answer.errorCode === 0 && answer.responses[0]?.partitions[0]?.errorCode === 0
    })
  }

  private async produceNext(t: ApiTranscript): Promise<void> {
    const { error, baseOffset } = await this.send(t, this.sequence)
    if (error !== 'NONE') throw new Error(`sequence ${this.sequence}: ${error}`)
    this.sequence++
    this.lastOffset = baseOffset
  }

  private send(t: ApiTranscript, baseSequence: number) {
    return produce(t, { ...this.producer, baseSequence })
  }

  private async beginTransaction(t: ApiTranscript, transactionalId: string): Promise<void> {
    const identity = await initProducer(t, transactionalId)
    await waitUntil('the partition is in the transaction', async () => {
      const answer = await t.send<{
        resultsByTopicV3AndBelow: {
          resultsByPartition: { partitionErrorCode: number }[]
        }[]
      }>(apis.addPartitionsToTxn, 3, {
        transactions: [],
        v3AndBelowTransactionalId: transactionalId,
        v3AndBelowProducerId: identity.producerId,
        v3AndBelowProducerEpoch: identity.producerEpoch,
        v3AndBelowTopics: [{ name: TOPIC, partitions: [0] }],
      })
      const [topic] = answer.resultsByTopicV3AndBelow
      return topic?.resultsByPartition[0]?.partitionErrorCode === 0
    })
    const { error } = await produce(t, { ...identity, baseSequence: 0, transactionalId })
    if (error !== 'NONE') throw new Error(`${transactionalId}: ${error}`)
    this.open.set(transactionalId, identity)
  }

  private async endTransaction(t: ApiTranscript, transactionalId: string): Promise<string> {
    const identity = this.open.get(transactionalId)
    this.open.delete(transactionalId)
    const body = { transactionalId, ...identity, committed: true }
    const { errorCode } = await t.send<EndTxnResponse>(apis.endTxn, 4, body as never)
    return errorName(errorCode)
  }
}

async function withRequests<T>(
  bootstrap: string,
  use: (t: ApiTranscript) => Promise<T>,
): Promise<T> {
  const t = new ApiTranscript(bootstrap)
  try {
    return await use(t)
  } finally {
    t.close()
  }
}

async function initProducer(t: ApiTranscript, transactionalId: string | null): Promise<Identity> {
  const body = { transactionalId, transactionTimeoutMs: TRANSACTION_TIMEOUT_MS }
  let identity: Identity | undefined
  await waitUntil('a producer id is given', async () => {
    if (transactionalId !== null) {
      await t.send(apis.findCoordinator, 4, { keyType: 1, coordinatorKeys: [transactionalId] })
    }
    const answer = await t.send<InitProducerIdResponse>(apis.initProducerId, 4, body)
    const { errorCode, producerId, producerEpoch } = answer
    if (errorCode === 0) identity = { producerId, producerEpoch }
    return errorCode === 0
  })
  return identity as Identity
}

async function produce(
  t: ApiTranscript,
  {
    transactionalId,
    ...fields
  }: Identity & { readonly baseSequence: number; readonly transactionalId?: string },
): Promise<{ error: string; baseOffset: number }> {
  const builder = new BatchBuilder()
  builder.append(Date.now(), null, `sequence ${fields.baseSequence}`)
  const isTransactional = transactionalId !== undefined
  const records = Buffer.from(builder.finish({ ...fields, isTransactional }))
  const answer = await t.send<ProduceResponse>(apis.produce, 11, {
    transactionalId: transactionalId ?? null,
    acks: -1,
    timeoutMs: 10_000,
    topicData: [{ name: TOPIC, partitionData: [{ index: 0, records }] }],
  } as never)
  const part = answer.responses[0]?.partitionResponses[0]
  return { error: errorName(part?.errorCode ?? -1), baseOffset: part?.baseOffset ?? -1 }
}

async function topicLines(t: ApiTranscript): Promise<string[]> {
  const body = { topics: null, allowAutoTopicCreation: false }
  const { topics } = await t.send<MetadataResponse>(apis.metadata, 12, body)
  return topics.map(
    ({ name, topicId, partitions }) => `topic ${name}: ${topicId} ${partitions.length}`,
  )
}

async function committed(t: ApiTranscript, groupId: string): Promise<string> {
  const topics = [{ name: TOPIC, partitionIndexes: [0] }]
  const body = {
    groups: [{ groupId, memberId: null, memberEpoch: -1, topics }],
    requireStable: false,
  }
  const answer = await t.send<OffsetFetchResponse>(apis.offsetFetch, 9, body as never)
  const found = answer.groups[0]?.topics[0]?.partitions[0]
  return `${found?.committedOffset} ${found?.metadata}`
}

async function shareStart(t: ApiTranscript): Promise<string> {
  const topics = [{ topicName: TOPIC, partitions: [0] }]
  const body = { groups: [{ groupId: 'a-share', topics }] }
  const api = apis.describeShareGroupOffsets
  const answer = await t.send<DescribeShareGroupOffsetsResponse>(api, 0, body)
  return String(answer.groups[0]?.topics[0]?.partitions[0]?.startOffset)
}

async function stateOf(t: ApiTranscript, transactionalId: string): Promise<string> {
  let state = ''
  await waitUntil('the transaction coordinator answers', async () => {
    await t.send(apis.findCoordinator, 4, { keyType: 1, coordinatorKeys: [transactionalId] })
    const body = { transactionalIds: [transactionalId] }
    const answer = await t.send<DescribeTransactionsResponse>(apis.describeTransactions, 0, body)
    const [found] = answer.transactionStates
    const topics = found?.topics.map(({ topic, partitions }) => `${topic} ${partitions}`)
    state = `${found?.transactionState} ${found?.producerId} ${found?.producerEpoch} ${topics}`
    return found?.errorCode === 0
  })
  return state
}

/** Nothing open holds the last stable offset back. */
async function isStable(t: ApiTranscript): Promise<boolean> {
  const offset = async (isolationLevel: number) => {
    const partitions = [{ partitionIndex: 0, currentLeaderEpoch: -1, timestamp: -1 }]
    const body = { replicaId: -1, isolationLevel, topics: [{ name: TOPIC, partitions }] }
    const answer = await t.send<ListOffsetsResponse>(apis.listOffsets, 7, body)
    return answer.topics[0]?.partitions[0]?.offset
  }
  return (await offset(0)) === (await offset(1))
}
