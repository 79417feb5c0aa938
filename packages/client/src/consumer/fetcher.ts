/**
 * Fetches ahead of the consumer: at most two requests per broker on their way (`fetch-lane.ts`). A
 * partition is asked for again while the loop still works on what came before, as long as less than
 * `maxPartitionFetchBytes` of it (and `fetchMaxBytes` in all) wait to be used; so the next records
 * are usually there when the loop comes back.
 */
import type { BufferPool, Timer } from '@ottla/base'
import { ZERO_UUID } from '@ottla/base'
import {
  apis,
  COMPRESSION,
  contiguousRecords,
  decodeResponse,
  errorCode,
  isCodecReady,
  loadCodec,
  needsMetadataRefresh,
  type ResponseOf,
} from '@ottla/protocol'
import type { Node } from '../cluster/client-context.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { BrokerConnection } from '../cluster/connection-pool.ts'
import { CorruptRecordError, isRetriableError, KafkaError, NoOffsetError } from '../errors.ts'
import { type ResolvedConsumerOptions, startOf } from './consumer-options.ts'
import { type FetchLane, FetchLanes, type LanePools } from './fetch-lane.ts'
import { FetchMemory } from './fetch-memory.ts'
import type { FetchPartition, SessionRequest } from './fetch-session.ts'
import { codecsToLoad, FetchedPartition } from './fetched-partition.ts'
import type { PartitionState } from './partition-state.ts'

/** Last version that names topics by name. */
const BY_NAME_MAX = 12
const RETRY_MS = 100

type FetchResponse = ResponseOf<typeof apis.fetch>
type PartitionResponse = FetchResponse['responses'][number]['partitions'][number]

interface Asked {
  readonly state: PartitionState
  readonly partition: FetchPartition
}

export interface FetcherEvents {
  /** There is something to take, or something to look at. */
  readonly onProgress: () => void
  /** For the caller of the consumer. */
  readonly onError: (error: Error) => void
}

export class Fetcher {
  private readonly cluster: Cluster
  private readonly options: ResolvedConsumerOptions
  private readonly events: FetcherEvents
  /** Where responses lie, when their memory is used again. */
  private readonly frames: BufferPool | undefined
  private readonly states: ReadonlyMap<string, PartitionState>
  private readonly lanes: FetchLanes
  private isWakeScheduled = false
  private timer: Timer | undefined
  private isClosed = false

  constructor(
    cluster: Cluster,
    pools: LanePools,
    options: ResolvedConsumerOptions,
    parts: {
      readonly states: ReadonlyMap<string, PartitionState>
      readonly events: FetcherEvents
      readonly frames: BufferPool | undefined
    },
  ) {
    this.cluster = cluster
    this.lanes = new FetchLanes(pools)
    this.options = options
    this.states = parts.states
    this.events = parts.events
    this.frames = parts.frames
  }

  wake(): void {
    if (this.isWakeScheduled || this.isClosed) return
    this.isWakeScheduled = true
    queueMicrotask(() => {
      this.isWakeScheduled = false
      if (!this.isClosed) this.fetchWhatIsWanted()
    })
  }

  private fetchWhatIsWanted(): void {
    const nowMs = this.cluster.context.clock.monotonicMs()
    const byNode = new Map<Node, PartitionState[]>()
    let buffered = 0
    let nextMs = Number.POSITIVE_INFINITY
    for (const state of this.states.values()) buffered += state.bufferedBytes
    for (const state of this.states.values()) {
      if (state.position === undefined || state.isPaused) continue
      const bytes = state.bufferedBytes
      // A partition without anything is always asked for, or a full buffer could starve it.
      if (bytes >= this.options.maxPartitionFetchBytes) continue
      if (bytes > 0 && buffered >= this.options.fetchMaxBytes) continue
      if (state.notBeforeMs > nowMs) {
        nextMs = Math.min(nextMs, state.notBeforeMs)
        continue
      }
      const source = this.sourceOf(state, nowMs)
      if (!source || this.lanes.isAwaited(state, source.id)) continue
      const states = byNode.get(source)
      if (states) states.push(state)
      else byNode.set(source, [state])
    }
    for (const [node, states] of byNode) {
      const lane = this.lanes.free(node.id, states)
      if (lane) void this.fetchFrom(node, lane, states)
    }
    this.armTimer(nextMs - nowMs)
  }

  /** The replica that the leader named as the nearest (KIP-392), for a while; else the leader. */
  private sourceOf(state: PartitionState, nowMs: number): Node | undefined {
    const { readReplica } = state
    const replica = readReplica && this.cluster.metadata.node(readReplica.nodeId)
    if (replica && readReplica.untilMs > nowMs) return replica
    state.readReplica = undefined
    return this.leaderOf(state)
  }

  private leaderOf(state: PartitionState): Node | undefined {
    const { metadata } = this.cluster
    const partition = metadata.partition(state.name, state.partition)
    const leader = partition && metadata.node(partition.leaderId)
    if (!leader) this.cluster.markStale(state.name)
    return leader
  }

  private armTimer(delayMs: number): void {
    if (this.timer || delayMs === Number.POSITIVE_INFINITY) return
    this.timer = this.cluster.context.clock.setTimer(delayMs, () => {
      this.timer = undefined
      this.wake()
    })
  }

  private async fetchFrom(
    node: Node,
    lane: FetchLane,
    states: readonly PartitionState[],
  ): Promise<void> {
    lane.isBusy = true
    for (const state of states) state.fetching = lane
    const isStill = (state: PartitionState) => state.fetching === lane
    try {
      const broker = await lane.pool.get(node)
      const asked = states
        .filter((state) => isStill(state) && this.states.get(keyOf(state)) === state)
        .map((state) => this.ask(state))
      if (asked.length > 0 && !this.isClosed) await this.exchange(broker, lane, asked)
    } catch (error) {
      lane.session.handleFailure()
      this.handleFailure(states.filter(isStill), error)
    } finally {
      lane.isBusy = false
      for (const state of states) if (isStill(state)) state.fetching = undefined
      this.wake()
    }
  }

  private ask(state: PartitionState): Asked {
    const { metadata } = this.cluster
    const partition: FetchPartition = {
      topic: state.name,
      topicId: metadata.topic(state.name)?.id ?? ZERO_UUID,
      partition: state.partition,
      currentLeaderEpoch: metadata.partition(state.name, state.partition)?.leaderEpoch ?? -1,
      fetchOffset: state.fetchOffset,
      partitionMaxBytes: this.options.maxPartitionFetchBytes,
    }
    return { state, partition }
  }

  private async exchange(
    broker: BrokerConnection,
    lane: FetchLane,
    asked: readonly Asked[],
  ): Promise<void> {
    const haveIds = asked.every(({ partition }) => partition.topicId !== ZERO_UUID)
    const version = broker.versions.pick(apis.fetch, haveIds ? apis.fetch.highest : BY_NAME_MAX)
    const request = lane.session.next(asked.map(({ partition }) => partition))
    const { fetchMaxWaitMs, requestTimeoutMs } = this.options
    const timeoutMs = requestTimeoutMs + fetchMaxWaitMs
    const body = this.body(request, Math.min(fetchMaxWaitMs, lane.waitMsMax))
    const frame = await broker.connection.exchange(apis.fetch, version, body, { timeoutMs })
    const response = decodeResponse(apis.fetch, version, frame as Buffer)
    lane.session.handleResponse(response.errorCode, response.sessionId)
    if (response.errorCode !== 0) {
      const error = new KafkaError(response.errorCode, 'Fetch')
      const isSessionError = response.errorCode >= errorCode('FETCH_SESSION_ID_NOT_FOUND')
      if (!error.isRetriable || !isSessionError) this.handleFailure(statesOf(asked), error)
      if (error.needsRefresh || response.errorCode === errorCode('FETCH_SESSION_TOPIC_ID_ERROR')) {
        for (const { state } of asked) this.cluster.markStale(state.name)
      }
      return
    }
    if (!isCodecReady(COMPRESSION.zstd)) await loadCodecs(response)
    const memory = this.frames && new FetchMemory(this.frames, frame as Buffer)
    this.takeOver(
      response,
      asked.filter(({ state }) => state.fetching === lane),
      memory,
    )
    memory?.release()
  }

  private body(request: SessionRequest, maxWaitMs: number) {
    const { options } = this
    return {
      maxWaitMs,
      minBytes: options.fetchMinBytes,
      maxBytes: options.fetchMaxBytes,
      isolationLevel: options.isolationLevel === 'read_committed' ? 1 : 0,
      sessionId: request.sessionId,
      sessionEpoch: request.sessionEpoch,
      topics: byTopic(request.toFetch).map(([first, partitions]) => ({
        topic: first.topic,
        topicId: first.topicId,
        partitions,
      })),
      forgottenTopicsData: byTopic(request.toForget).map(([first, partitions]) => ({
        topic: first.topic,
        topicId: first.topicId,
        partitions: partitions.map((p) => p.partition),
      })),
      rackId: options.rack,
    }
  }

  private takeOver(
    response: FetchResponse,
    asked: readonly Asked[],
    memory: FetchMemory | undefined,
  ): void {
    const byKey = new Map(asked.map((item) => [keyOf(item.state), item]))
    for (const topic of response.responses) {
      const name = topic.topic || this.cluster.metadata.nameOf(topic.topicId)
      for (const partition of topic.partitions) {
        const item = byKey.get(`${name}:${partition.partitionIndex}`)
        if (item) this.takePartition(item, partition, memory)
      }
    }
    this.events.onProgress()
  }

  private takePartition(
    { state, partition }: Asked,
    answer: PartitionResponse,
    memory: FetchMemory | undefined,
  ): void {
    if (answer.errorCode !== 0) {
      this.handlePartitionError(state, answer)
      return
    }
    state.highWatermark = answer.highWatermark
    state.lastStableOffset = answer.lastStableOffset
    state.logStartOffset = answer.logStartOffset
    if (answer.preferredReadReplica >= 0) {
      const { clock, metadataMaxAgeMs } = this.cluster.context
      const untilMs = clock.monotonicMs() + metadataMaxAgeMs
      state.readReplica = { nodeId: answer.preferredReadReplica, untilMs }
    }
    const bytes = contiguousRecords(answer.records)
    if (bytes.length === 0) return
    const { checkCrcs, isolationLevel } = this.options
    const fetched = new FetchedPartition(
      { topic: state.topic, partition: state.partition, offset: partition.fetchOffset },
      {
        bytes,
        highWatermark: answer.highWatermark,
        abortedTransactions: answer.abortedTransactions,
      },
      { checkCrcs, isReadCommitted: isolationLevel === 'read_committed', memory },
    )
    if (fetched.isEmpty) {
      const { name } = state
      const reason = 'the fetch holds no whole batch'
      this.events.onError(
        new CorruptRecordError(name, state.partition, partition.fetchOffset, reason),
      )
      state.notBeforeMs = Number.POSITIVE_INFINITY
      return
    }
    state.fetched.push(fetched)
    state.fetchOffset = fetched.endOffset()
  }

  private handlePartitionError(state: PartitionState, answer: PartitionResponse): void {
    const { currentLeader } = answer
    if (currentLeader.leaderId >= 0) {
      const { leaderId, leaderEpoch } = currentLeader
      this.cluster.metadata.updateLeader(state.name, state.partition, leaderId, leaderEpoch)
    }
    if (answer.errorCode === errorCode('OFFSET_OUT_OF_RANGE')) {
      this.handleOutOfRange(state)
      return
    }
    const error = new KafkaError(answer.errorCode, `Fetch of ${state.name}-${state.partition}`)
    this.handleFailure([state], error)
  }

  /** What was fetched before is still good; only when it is used up the position is lost. */
  private handleOutOfRange(state: PartitionState): void {
    if (state.fetched.length > 0) {
      this.delay(state)
      return
    }
    if (state.readReplica) {
      // A follower may not have what the leader has: ask there before the position is given up.
      state.readReplica = undefined
      return
    }
    const from = startOf(this.options, state.name)
    if (from === 'none') {
      const reason = `offset ${state.fetchOffset} is not in the log`
      this.events.onError(new NoOffsetError(state.name, state.partition, reason))
      state.notBeforeMs = Number.POSITIVE_INFINITY
      return
    }
    this.cluster.context.logger.warn('offset out of range, starting over', {
      topic: state.name,
      partition: state.partition,
      offset: state.fetchOffset,
      from: String(from),
    })
    state.reset(from)
    this.events.onProgress()
  }

  private handleFailure(states: readonly PartitionState[], error: unknown): void {
    if (this.isClosed) return
    const isKafka = error instanceof KafkaError
    const isFatal = !isRetriableError(error)
    for (const state of states) {
      state.readReplica = undefined
      this.delay(state)
      if (!isKafka || needsMetadataRefresh(error.errorCode)) this.cluster.markStale(state.name)
    }
    if (isFatal) this.events.onError(error as Error)
    else this.cluster.context.logger.debug('fetch is retried', { error })
  }

  private delay(state: PartitionState): void {
    state.notBeforeMs = this.cluster.context.clock.monotonicMs() + RETRY_MS
  }

  /** Ends the sessions, so that the brokers need not remember them. */
  close(): void {
    this.isClosed = true
    this.timer?.cancel()
    for (const { nodeId, pool, session, isBusy } of this.lanes.all()) {
      const node = this.cluster.metadata.node(nodeId)
      const request = session.final()
      const broker = node && pool.peek(node)
      if (!broker || !request || isBusy) continue
      const version = broker.versions.tryPick(apis.fetch, BY_NAME_MAX)
      if (version === undefined) continue
      const body = this.body(request, 0)
      broker.connection.request(apis.fetch, version, body, { timeoutMs: 1_000 }).catch(() => {
        // The pool is closed right behind this; the broker drops idle sessions by itself.
      })
    }
  }
}

const keyOf = (state: PartitionState): string => `${state.name}:${state.partition}`
const statesOf = (asked: readonly Asked[]): PartitionState[] => asked.map(({ state }) => state)

function byTopic(partitions: readonly FetchPartition[]): [FetchPartition, FetchPartition[]][] {
  const topics = new Map<string, FetchPartition[]>()
  for (const partition of partitions) {
    const key = `${partition.topic}:${partition.topicId}`
    const known = topics.get(key)
    if (known) known.push(partition)
    else topics.set(key, [partition])
  }
  return [...topics.values()].map((list) => [list[0] as FetchPartition, list])
}

/** zstd is WebAssembly where Node lacks it; it is compiled when the first batch needs it. */
async function loadCodecs(response: FetchResponse): Promise<void> {
  for (const { partitions } of response.responses) {
    for (const { records } of partitions) {
      const codecs = codecsToLoad(contiguousRecords(records))
      for (const codec of codecs) await loadCodec(codec)
    }
  }
}
