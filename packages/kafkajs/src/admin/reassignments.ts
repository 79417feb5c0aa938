/** Moving partitions between brokers (KIP-455). */
import { apis } from '@ottla/protocol'
import { protocolError } from '../engine-errors.ts'
import { KafkaJSAggregateError, KafkaJSAlterPartitionReassignmentsError } from '../errors.ts'
import type { Admin, ListPartitionReassignmentsResponse } from '../types/admin.ts'
import { type AdminContext, checkUnique, onController, refuse } from './context.ts'

const TIMEOUT_MS = 5_000

type Calls = Pick<Admin, 'alterPartitionReassignments' | 'listPartitionReassignments'>
type AlterOptions = Parameters<Admin['alterPartitionReassignments']>[0]
type ListOptions = Parameters<Admin['listPartitionReassignments']>[0]

export function reassignmentCalls(context: AdminContext): Calls {
  return {
    alterPartitionReassignments: async (options) => alter(context, options),
    listPartitionReassignments: async (options) => list(context, options ?? {}),
  }
}

const isIndex = (value: unknown): boolean => typeof value === 'number' && value >= 0

function checkAssignments(topics: AlterOptions['topics']): void {
  if (!topics || !Array.isArray(topics)) refuse(`Invalid topics array ${topics}`)
  checkUnique('topics', topics)
  for (const { topic, partitionAssignment } of topics) {
    if (!partitionAssignment || !Array.isArray(partitionAssignment)) {
      refuse(`Invalid partitions array: ${partitionAssignment} for topic: ${topic}`)
    }
    for (const { partition, replicas } of partitionAssignment) {
      if (!isIndex(partition)) refuse(`Invalid partitions index: ${partition} for topic: ${topic}`)
      const what = `Invalid replica assignment: ${replicas} for topic: ${topic}`
      if (!replicas || !Array.isArray(replicas)) refuse(`${what} on partition: ${partition}`)
      if (replicas.every(isIndex)) continue
      refuse(`${what} on partition: ${partition}. Replicas must be a non negative number`)
    }
  }
}

async function alter(context: AdminContext, options: AlterOptions): Promise<void> {
  const { topics, timeout = TIMEOUT_MS } = options
  checkAssignments(topics)
  const body = {
    timeoutMs: timeout,
    topics: topics.map(({ topic, partitionAssignment }) => ({
      name: topic,
      partitions: partitionAssignment.map(({ partition, replicas }) => ({
        partitionIndex: partition,
        replicas,
      })),
    })),
  }
  await onController(context, 'reassign partitions', {}, async (broker) => {
    const api = apis.alterPartitionReassignments
    const answer = await context.cluster.request(api, body, { broker })
    if (answer.errorCode !== 0) throw protocolError(answer.errorCode, answer.errorMessage)
    const errors = answer.responses.flatMap(({ name, partitions }) =>
      partitions
        .filter(({ errorCode }) => errorCode !== 0)
        .map(({ errorCode, errorMessage, partitionIndex }) => {
          const error = protocolError(errorCode, errorMessage)
          return new KafkaJSAlterPartitionReassignmentsError(error, name, partitionIndex)
        }),
    )
    if (errors.length > 0) {
      throw new KafkaJSAggregateError('Errors altering partition reassignments', errors)
    }
  })
}

async function list(
  context: AdminContext,
  { topics, timeout = TIMEOUT_MS }: ListOptions,
): Promise<ListPartitionReassignmentsResponse> {
  if (topics) {
    if (!Array.isArray(topics)) refuse(`Invalid topics array ${topics}`)
    checkUnique('topics', topics)
    for (const { topic, partitions } of topics) {
      const what = `Invalid partition array: ${partitions} for topic: ${topic}`
      if (!partitions || !Array.isArray(partitions)) refuse(what)
      if (partitions.every(isIndex)) continue
      refuse(`${what}. The partition indices have to be a valid number greater than 0.`)
    }
  }
  const wanted = topics?.map(({ topic: name, partitions: partitionIndexes }) => ({
    name,
    partitionIndexes,
  }))
  return onController(context, 'list reassignments', {}, async (broker) => {
    const body = { timeoutMs: timeout, topics: wanted ?? null }
    const api = apis.listPartitionReassignments
    const answer = await context.cluster.request(api, body, { broker })
    if (answer.errorCode !== 0) throw protocolError(answer.errorCode, answer.errorMessage)
    return {
      topics: answer.topics.map(({ name, partitions }) => ({
        topic: name,
        partitions: partitions.map(
          ({ partitionIndex, replicas, addingReplicas, removingReplicas }) => ({
            ...{ partition: partitionIndex, partitionIndex, replicas: [...replicas] },
            ...{ addingReplicas: [...addingReplicas], removingReplicas: [...removingReplicas] },
          }),
        ),
      })),
    }
  })
}
