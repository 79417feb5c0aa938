/** Topics, partitions and records. */
import { delay, realClock } from '@ottla/base'
import { apis } from '@ottla/protocol'
import { protocolError } from '../engine-errors.ts'
import {
  KafkaJSAggregateError,
  KafkaJSBrokerNotFound,
  KafkaJSCreateTopicError,
  KafkaJSDeleteTopicRecordsError,
  type KafkaJSDeleteTopicRecordsErrorPartition,
  type KafkaJSProtocolError,
  KafkaJSTimeout,
} from '../errors.ts'
import { withRetry } from '../retry.ts'
import type { Admin, ITopicConfig } from '../types/admin.ts'
import type { SeekEntry } from '../types/cluster.ts'
import { type AdminContext, checkUnique, onController, refuse } from './context.ts'

const TIMEOUT_MS = 5_000
const LEADER_PAUSE_MS = 100

type TopicCalls = Pick<
  Admin,
  | 'listTopics'
  | 'createTopics'
  | 'deleteTopics'
  | 'createPartitions'
  | 'fetchTopicMetadata'
  | 'fetchTopicOffsets'
  | 'fetchTopicOffsetsByTimestamp'
  | 'deleteTopicRecords'
>

export function topicCalls(context: AdminContext): TopicCalls {
  const { cluster } = context
  return {
    listTopics: async () => (await cluster.metadata()).topicMetadata.map(({ topic }) => topic),
    createTopics: (options) => createTopics(context, options),
    deleteTopics: (options) => deleteTopics(context, options),
    createPartitions: (options) => createPartitions(context, options),
    fetchTopicMetadata: async ({ topics } = { topics: [] }) => {
      for (const topic of topics ?? []) {
        if (!topic || typeof topic !== 'string') refuse(`Invalid topic ${topic}`)
      }
      const { topicMetadata } = await cluster.metadata({ topics: topics ?? [] })
      return {
        topics: topicMetadata.map(({ topic: name, partitionMetadata: partitions }) => ({
          name,
          partitions,
        })),
      }
    },
    fetchTopicOffsets: (topic) => fetchTopicOffsets(context, topic),
    fetchTopicOffsetsByTimestamp: (topic, timestamp) => offsetsAt(context, topic, timestamp),
    deleteTopicRecords: (options) => deleteTopicRecords(context, options),
  }
}

type CreateOptions = Parameters<Admin['createTopics']>[0]

async function createTopics(context: AdminContext, options: CreateOptions): Promise<boolean> {
  const { topics, validateOnly = false, timeout = TIMEOUT_MS, waitForLeaders = true } = options
  if (!topics || !Array.isArray(topics)) refuse(`Invalid topics array ${topics}`)
  checkUnique('topics', topics)
  for (const topic of topics) checkConfigEntries(topic)
  const { cluster } = context
  const body = { topics: topics.map(newTopic), timeoutMs: timeout, validateOnly }
  try {
    await onController(context, 'create topics', {}, async (broker) => {
      const answer = await cluster.request(apis.createTopics, body, { broker })
      const errors = answer.topics
        .filter(({ errorCode }) => errorCode !== 0)
        .map(({ name, errorCode }) => new KafkaJSCreateTopicError(protocolError(errorCode), name))
      const elsewhere = errors.find(({ type }) => type === 'NOT_CONTROLLER')
      if (elsewhere) throw elsewhere
      if (errors.length > 0) throw new KafkaJSAggregateError('Topic creation errors', errors)
    })
  } catch (error) {
    const isThere = (one: unknown) => (one as { type?: string }).type === 'TOPIC_ALREADY_EXISTS'
    if (error instanceof KafkaJSAggregateError && error.errors.every(isThere)) return false
    throw error
  }
  if (waitForLeaders && !validateOnly) {
    await untilLed(
      context,
      topics.map(({ topic }) => topic),
      timeout,
    )
  }
  return true
}

function checkConfigEntries({ topic, configEntries }: ITopicConfig): void {
  if (configEntries == null) return
  if (!Array.isArray(configEntries)) {
    refuse(`Invalid configEntries for topic "${topic}", must be an array`)
  }
  configEntries.forEach((entry, index) => {
    const where = `Invalid configEntries for topic "${topic}". Entry ${index} must`
    if (typeof entry !== 'object' || entry == null) refuse(`${where} be an object`)
    for (const name of ['name', 'value'] as const) {
      if (typeof entry[name] !== 'string') refuse(`${where} have a valid "${name}" property`)
    }
  })
}

function newTopic(topic: ITopicConfig) {
  const { numPartitions = -1, replicationFactor = -1 } = topic
  const assignments = (topic.replicaAssignment ?? []).map(({ partition, replicas }) => ({
    partitionIndex: partition,
    brokerIds: replicas,
  }))
  return {
    name: topic.topic,
    numPartitions,
    replicationFactor,
    assignments,
    configs: topic.configEntries ?? [],
  }
}

async function untilLed(
  { cluster }: AdminContext,
  topics: readonly string[],
  timeoutMs: number,
): Promise<void> {
  const dueMs = realClock.monotonicMs() + timeoutMs
  for (;;) {
    const { topicMetadata } = await cluster.metadata({ topics })
    const isLed = topicMetadata.every(({ partitionMetadata }) =>
      partitionMetadata.every(({ leader }) => leader >= 0),
    )
    if (isLed) return
    if (realClock.monotonicMs() > dueMs) {
      throw new KafkaJSTimeout('Timed out while waiting for topic leaders')
    }
    await delay(realClock, LEADER_PAUSE_MS)
  }
}

type DeleteOptions = Parameters<Admin['deleteTopics']>[0]

async function deleteTopics(context: AdminContext, options: DeleteOptions): Promise<void> {
  const { topics, timeout = TIMEOUT_MS } = options
  if (!topics || !Array.isArray(topics)) refuse(`Invalid topics array ${topics}`)
  if (topics.some((topic) => typeof topic !== 'string')) {
    refuse('Invalid topics array, the names must be a valid string')
  }
  const { cluster } = context
  const body = {
    topics: topics.map((name) => ({ name })),
    topicNames: topics,
    timeoutMs: timeout,
  }
  const retryOn = ['UNKNOWN_TOPIC_OR_PARTITION']
  for (const topic of topics) cluster.targetTopics.delete(topic)
  await onController(context, 'delete topics', { retryOn }, async (broker) => {
    const answer = await cluster.request(apis.deleteTopics, body, { broker })
    const failed = answer.responses.find(({ errorCode }) => errorCode !== 0)
    if (failed) throw protocolError(failed.errorCode, failed.errorMessage)
  })
  await cluster.refreshMetadata()
}

type PartitionsOptions = Parameters<Admin['createPartitions']>[0]

async function createPartitions(
  context: AdminContext,
  options: PartitionsOptions,
): Promise<boolean> {
  const { topicPartitions, validateOnly = false, timeout = TIMEOUT_MS } = options
  if (!topicPartitions || !Array.isArray(topicPartitions)) {
    refuse(`Invalid topic partitions array ${topicPartitions}`)
  }
  if (topicPartitions.length === 0) refuse('Empty topic partitions array')
  checkUnique('topic partitions', topicPartitions)
  const body = {
    topics: topicPartitions.map(({ topic, count, assignments }) => ({
      name: topic,
      count,
      assignments: assignments?.map((brokerIds) => ({ brokerIds })) ?? null,
    })),
    timeoutMs: timeout,
    validateOnly,
  }
  const { cluster } = context
  return onController(context, 'create partitions', {}, async (broker) => {
    const answer = await cluster.request(apis.createPartitions, body, { broker })
    const failed = answer.results.find(({ errorCode }) => errorCode !== 0)
    if (failed) throw protocolError(failed.errorCode, failed.errorMessage)
    // kafkajs resolves with nothing here, whatever its types say.
    return undefined as unknown as boolean
  })
}

const isUnknownTopic = (error: Error): boolean =>
  (error as { type?: string }).type === 'UNKNOWN_TOPIC_OR_PARTITION'

function checkTopic(topic: string): void {
  if (!topic || typeof topic !== 'string') refuse(`Invalid topic ${topic}`)
}

/** Partition numbers of a topic, which is looked at from now on. */
export async function partitionsOf({ cluster }: AdminContext, topic: string): Promise<number[]> {
  await cluster.addTargetTopic(topic)
  await cluster.refreshMetadataIfNecessary()
  return cluster
    .findTopicPartitionMetadata(topic)
    .map(({ partitionId }) => partitionId)
    .sort((a, b) => a - b)
}

type TopicEnds = SeekEntry & { high: string; low: string }

export async function fetchTopicOffsets(
  context: AdminContext,
  topic: string,
): Promise<TopicEnds[]> {
  checkTopic(topic)
  const ask = async (fromBeginning: boolean) => {
    const partitions = (await partitionsOf(context, topic)).map((partition) => ({ partition }))
    const answer = await context.cluster.fetchTopicsOffset([{ topic, partitions, fromBeginning }])
    return answer[0]?.partitions ?? []
  }
  const work = async () => {
    const high = await ask(false)
    const low = new Map((await ask(true)).map(({ partition, offset }) => [partition, offset]))
    return high.map(({ partition, offset }) => ({
      ...{ partition, offset, high: offset },
      low: low.get(partition) ?? offset,
    }))
  }
  return withRetry(context.cluster.retry, work, (error) => !isUnknownTopic(error))
}

async function offsetsAt(
  context: AdminContext,
  topic: string,
  timestamp: number | undefined,
): Promise<SeekEntry[]> {
  checkTopic(topic)
  const { cluster } = context
  const work = async () => {
    const partitions = (await partitionsOf(context, topic)).map((partition) => ({ partition }))
    const [end] = await cluster.fetchTopicsOffset([{ topic, partitions, fromBeginning: false }])
    const ends = new Map(end?.partitions.map((one) => [one.partition, one.offset]))
    const question = { topic, partitions, fromTimestamp: timestamp ?? -1 }
    const [found] = await cluster.fetchTopicsOffset([question])
    // Where no record is as young, the end.
    return (found?.partitions ?? []).map(({ partition, offset }) => ({
      partition,
      offset: Number(offset) >= 0 ? offset : (ends.get(partition) ?? offset),
    }))
  }
  return withRetry(cluster.retry, work, (error) => !isUnknownTopic(error))
}

type RecordsOptions = Parameters<Admin['deleteTopicRecords']>[0]

async function deleteTopicRecords(
  context: AdminContext,
  { topic, partitions }: RecordsOptions,
): Promise<void> {
  if (!topic || typeof topic !== 'string') refuse(`Invalid topic "${topic}"`)
  if (!partitions || partitions.length === 0) refuse('Invalid partitions')
  const { cluster, logger } = context
  await cluster.addTargetTopic(topic)
  const ends = await fetchTopicOffsets(context, topic)
  const leaderless = partitions.filter(
    ({ partition }) => !ends.some((end) => end.partition === partition),
  )
  if (leaderless.length > 0) throw recordsError(topic, leaderless.map(withoutLeader))
  for (const { partition, offset } of partitions) {
    const low = ends.find((end) => end.partition === partition)?.low ?? '0'
    if (Number(offset) === -1 || Number(offset) >= Number(low)) continue
    logger.warn(
      'The requested offset is before the earliest offset maintained on the partition - no ' +
        'records will be deleted from this partition',
      { topic, partition, offset },
    )
  }
  let open = [...partitions]
  await withRetry(cluster.retry, async () => {
    const byLeader = cluster.findLeaderForPartitions(
      topic,
      open.map(({ partition }) => partition),
    )
    const failed = await Promise.all(
      Object.entries(byLeader).map(([leader, led]) =>
        deleteAt(context, Number(leader), {
          topic,
          partitions: open.filter(({ partition }) => led.includes(partition)),
        }),
      ),
    )
    const errors = failed.flat()
    open = errors
    if (errors.length === 0) return
    if (errors.some(({ error }) => error.retriable)) await cluster.refreshMetadata()
    throw recordsError(topic, errors)
  })
}

const recordsError = (topic: string, partitions: KafkaJSDeleteTopicRecordsErrorPartition[]) =>
  new KafkaJSDeleteTopicRecordsError({ topic, partitions })

const withoutLeader = ({ partition, offset }: SeekEntry) => ({
  partition,
  offset,
  error: new KafkaJSBrokerNotFound('Could not find the leader for the partition', {
    retriable: false,
  }),
})

async function deleteAt(
  { cluster }: AdminContext,
  broker: number,
  { topic, partitions }: RecordsOptions,
): Promise<KafkaJSDeleteTopicRecordsErrorPartition[]> {
  const wanted = partitions.map(({ partition, offset }) => ({
    partitionIndex: partition,
    offset: Number(offset),
  }))
  const body = { topics: [{ name: topic, partitions: wanted }], timeoutMs: TIMEOUT_MS }
  const answer = await cluster.request(apis.deleteRecords, body, { broker })
  const failed = answer.topics
    .flatMap((one) => one.partitions)
    .filter(({ errorCode }) => errorCode !== 0)
  return failed.map(({ partitionIndex: partition, errorCode }) => ({
    partition,
    offset: partitions.find((one) => one.partition === partition)?.offset ?? '-1',
    error: protocolError(errorCode) satisfies KafkaJSProtocolError,
  }))
}
