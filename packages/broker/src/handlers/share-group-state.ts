/**
 * InitializeShareGroupState (key 83) 0, ReadShareGroupState (84) 0, WriteShareGroupState (85) 0-1,
 * DeleteShareGroupState (86) 0, ReadShareGroupStateSummary (87) 0-1.
 *
 * Behaviour: what brokers of a cluster ask each other about share partitions, answered from the
 * same states that this broker's own share groups use. A state that was not initialized cannot be
 * read or written (INVALID_REQUEST); older state epochs are FENCED_STATE_EPOCH.
 */
import type { Uuid } from '@ottla/base'
import { apis, type ErrorName, errorCode } from '@ottla/protocol'
import { StorageError } from '@ottla/storage'
import type { BrokerServices } from '../broker-services.ts'
import { handler } from '../handler.ts'
import type { SharePartitionKey } from '../share/share-state-records.ts'
import { type ShareStates, type StateDecision, UNKNOWN_OFFSET } from '../share/share-states.ts'

interface Asked<P> {
  readonly groupId: string
  readonly topics: readonly { readonly topicId: Uuid; readonly partitions: readonly P[] }[]
}

/** Answers for each partition of a request, in its order. */
async function each<P extends { readonly partition: number }, A>(
  { groupId, topics }: Asked<P>,
  answer: (key: SharePartitionKey, asked: P) => Promise<A>,
): Promise<{ topicId: Uuid; partitions: A[] }[]> {
  return Promise.all(
    topics.map(async ({ topicId, partitions }) => ({
      topicId,
      partitions: await Promise.all(
        partitions.map((asked) => answer({ groupId, topicId, partition: asked.partition }, asked)),
      ),
    })),
  )
}

async function change(
  { share }: BrokerServices,
  key: SharePartitionKey,
  decide: (states: ShareStates, nowMs: number) => StateDecision,
) {
  let error: ErrorName
  try {
    error = await share.states.perform(key, decide)
  } catch (cause) {
    if (!(cause instanceof StorageError)) throw cause
    error = 'COORDINATOR_NOT_AVAILABLE'
  }
  return { partition: key.partition, errorCode: errorCode(error) }
}

export const initializeShareGroupState = handler(
  apis.initializeShareGroupState,
  { lowest: 0, highest: 0 },
  async (services, _context, request) => ({
    results: await each(request, (key, asked) => {
      services.share.forget(key)
      return change(services, key, (states, nowMs) => states.initialize(key, asked, nowMs))
    }),
  }),
)

export const writeShareGroupState = handler(
  apis.writeShareGroupState,
  { lowest: 0, highest: 1 },
  async (services, _context, request) => ({
    results: await each(request, (key, asked) => {
      services.share.forget(key)
      return change(services, key, (states, nowMs) => states.write(key, asked, nowMs))
    }),
  }),
)

export const deleteShareGroupState = handler(
  apis.deleteShareGroupState,
  { lowest: 0, highest: 0 },
  async (services, _context, request) => ({
    results: await each(request, (key) => {
      services.share.forget(key)
      return change(services, key, (states) => states.delete(key))
    }),
  }),
)

export const readShareGroupState = handler(
  apis.readShareGroupState,
  { lowest: 0, highest: 0 },
  async ({ share }, _context, request) => ({
    results: await each(request, async (key) => {
      const fault = await share.states.load(key)
      const state = fault ? undefined : share.states.states.get(key)
      return {
        partition: key.partition,
        errorCode: errorCode(fault ?? (state ? 'NONE' : 'INVALID_REQUEST')),
        stateEpoch: state?.stateEpoch ?? 0,
        startOffset: state?.startOffset ?? 0,
        stateBatches: [...(state?.batches ?? [])],
      }
    }),
  }),
)

export const readShareGroupStateSummary = handler(
  apis.readShareGroupStateSummary,
  { lowest: 0, highest: 1 },
  async ({ share }, _context, request) => ({
    results: await each(request, async (key) => {
      const fault = await share.states.load(key)
      const state = fault ? undefined : share.states.states.get(key)
      return {
        partition: key.partition,
        errorCode: errorCode(fault ?? 'NONE'),
        stateEpoch: state?.stateEpoch ?? 0,
        leaderEpoch: state?.leaderEpoch ?? 0,
        startOffset: state?.startOffset ?? UNKNOWN_OFFSET,
        deliveryCompleteCount: state?.deliveryCompleteCount ?? -1,
      }
    }),
  }),
)
