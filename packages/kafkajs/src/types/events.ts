/** Instrumentation events and what they carry. */
import type { ADMIN_EVENTS, CONSUMER_EVENTS, PRODUCER_EVENTS } from '../observe/events.ts'
import type { TopicOffsets } from './cluster.ts'

export interface InstrumentationEvent<T> {
  id: string
  type: string
  timestamp: number
  payload: T
}

export type RemoveInstrumentationEventListener<_T> = () => void

export type ConnectEvent = InstrumentationEvent<null>
export type DisconnectEvent = InstrumentationEvent<null>

interface RequestAbout {
  apiKey: number
  apiName: string
  apiVersion: number
  broker: string
  clientId: string
  correlationId: number
  createdAt: number
  pendingDuration: number
  sentAt: number
}

export type RequestEvent = InstrumentationEvent<RequestAbout & { duration: number; size: number }>
export type RequestTimeoutEvent = InstrumentationEvent<RequestAbout>
export type RequestQueueSizeEvent = InstrumentationEvent<{
  broker: string
  clientId: string
  queueSize: number
}>

export type ProducerEvents = typeof PRODUCER_EVENTS
export type AdminEvents = typeof ADMIN_EVENTS
export type ConsumerEvents = typeof CONSUMER_EVENTS

interface MemberAbout {
  groupId: string
  memberId: string
  groupGenerationId: number
}

export interface IMemberAssignment {
  [key: string]: number[]
}

export type ConsumerHeartbeatEvent = InstrumentationEvent<MemberAbout>
export type ConsumerCommitOffsetsEvent = InstrumentationEvent<
  MemberAbout & { topics: TopicOffsets[] }
>
export type ConsumerGroupJoinEvent = InstrumentationEvent<{
  duration: number
  groupId: string
  isLeader: boolean
  leaderId: string
  groupProtocol: string
  memberId: string
  memberAssignment: IMemberAssignment
}>
export type ConsumerFetchStartEvent = InstrumentationEvent<{ nodeId: number }>
export type ConsumerFetchEvent = InstrumentationEvent<{
  numberOfBatches: number
  duration: number
  nodeId: number
}>

export interface IBatchProcessEvent {
  topic: string
  partition: number
  highWatermark: string
  offsetLag: string
  offsetLagLow: string
  batchSize: number
  firstOffset: string
  lastOffset: string
}

export type ConsumerStartBatchProcessEvent = InstrumentationEvent<IBatchProcessEvent>
export type ConsumerEndBatchProcessEvent = InstrumentationEvent<
  IBatchProcessEvent & { duration: number }
>
export type ConsumerCrashEvent = InstrumentationEvent<{
  error: Error
  groupId: string
  restart: boolean
}>
export type ConsumerRebalancingEvent = InstrumentationEvent<{ groupId: string; memberId: string }>
export type ConsumerReceivedUnsubcribedTopicsEvent = InstrumentationEvent<{
  groupId: string
  generationId: number
  memberId: string
  assignedTopics: string[]
  topicsSubscribed: string[]
  topicsNotSubscribed: string[]
}>

/** What each event of a producer or admin client carries, by its name. */
type NetworkEventMap<P extends string> = {
  [N in `${P}.connect` | `${P}.disconnect`]: ConnectEvent
} & { [N in `${P}.network.request`]: RequestEvent } & {
  [N in `${P}.network.request_timeout`]: RequestTimeoutEvent
} & { [N in `${P}.network.request_queue_size`]: RequestQueueSizeEvent }

export type ProducerEventMap = NetworkEventMap<'producer'>
export type AdminEventMap = NetworkEventMap<'admin'>
export type ConsumerEventMap = NetworkEventMap<'consumer'> & {
  'consumer.heartbeat': ConsumerHeartbeatEvent
  'consumer.commit_offsets': ConsumerCommitOffsetsEvent
  'consumer.group_join': ConsumerGroupJoinEvent
  'consumer.fetch_start': ConsumerFetchStartEvent
  'consumer.fetch': ConsumerFetchEvent
  'consumer.start_batch_process': ConsumerStartBatchProcessEvent
  'consumer.end_batch_process': ConsumerEndBatchProcessEvent
  'consumer.stop': InstrumentationEvent<null>
  'consumer.crash': ConsumerCrashEvent
  'consumer.rebalancing': ConsumerRebalancingEvent
  'consumer.received_unsubscribed_topics': ConsumerReceivedUnsubcribedTopicsEvent
}
