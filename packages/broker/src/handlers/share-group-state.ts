/**
 * InitializeShareGroupState (key 83) 0, ReadShareGroupState (84) 0, WriteShareGroupState (85) 0-1,
 * DeleteShareGroupState (86) 0, ReadShareGroupStateSummary (87) 0-1.
 *
 * Behaviour: what brokers of a cluster ask each other about share partitions, answered from the
 * same states that this broker's own share groups use. A state that was not initialized cannot be
 * read or written (INVALID_REQUEST); older state epochs are FENCED_STATE_EPOCH, older leaders
 * FENCED_LEADER_EPOCH. Reading with a newer leader epoch notes it.
 */
import type { Uuid } from '@ottla/base'
import { apis, type ErrorName, errorCode } from '@ottla/protocol'
import { StorageError } from '@ottla/storage'
import type { BrokerServices } from '../broker-services.ts'
import { handler } from '../handler.ts'
import type { SharePartitionKey } from '../share/share-state-records.ts'
import {
  type ShareState,
  type ShareStates,
  type StateDecision,
  UNKNOWN_OFFSET,
} from '../share/share-states.ts'

interface Asked<P> {
  readonly groupId: string
  readonly topics: readonly { readonly topicId: Uuid; readonly partitions: readonly P[] }[]
}

/** Answers for each partition of a request, in its order; a group without a name has none. */
async function each<P extends { readonly partition: number }, A>(
  { groupId, topics }: Asked<P>,
  answer: (key: SharePartitionKey, asked: P) => Promise<A>,
): Promise<{ topicId: Uuid; partitions: A[] }[]> {
  if (groupId === '') return []
  return Promise.all(
    topics.map(async ({ topicId, partitions }) => ({
      topicId,
      partitions: await Promise.all(
        partitions.map((asked) => answer({ groupId, topicId, partition: asked.partition }, asked)),
      ),
    })),
  )
}

const isKnown = ({ image }: BrokerServices, { topicId, partition }: SharePartitionKey): boolean =>
  image.topicsById.get(topicId)?.partitions[partition] !== undefined

/** What a decision came to, and the state as it is now. */
async function decided(
  services: BrokerServices,
  key: SharePartitionKey,
  decide: (states: ShareStates, nowMs: number) => StateDecision,
): Promise<{ error: ErrorName; state: ShareState | undefined }> {
  const { states } = services.share
  try {
    // Whether a partition exists is asked last: what is wrong with the request comes first.
    const error = await states.perform(key, (all, nowMs) => {
      const decision = decide(all, nowMs)
      return decision.error !== 'NONE' || isKnown(services, key) ? decision : UNKNOWN
    })
    return { error, state: error === 'NONE' ? states.states.get(key) : undefined }
  } catch (cause) {
    if (!(cause instanceof StorageError)) throw cause
    return { error: 'COORDINATOR_NOT_AVAILABLE', state: undefined }
  }
}

const UNKNOWN = { records: [], error: 'UNKNOWN_TOPIC_OR_PARTITION' } as const

async function change(
  services: BrokerServices,
  key: SharePartitionKey,
  decide: (states: ShareStates, nowMs: number) => StateDecision,
) {
  services.share.forget(key)
  const { error } = await decided(services, key, decide)
  return { partition: key.partition, errorCode: errorCode(error) }
}

export const initializeShareGroupState = handler(
  apis.initializeShareGroupState,
  { lowest: 0, highest: 0 },
  async (services, _context, request) => ({
    results: await each(request, (key, asked) =>
      change(services, key, (states, nowMs) => states.initialize(key, asked, nowMs)),
    ),
  }),
)

export const writeShareGroupState = handler(
  apis.writeShareGroupState,
  { lowest: 0, highest: 1 },
  async (services, _context, request) => ({
    results: await each(request, (key, asked) =>
      change(services, key, (states, nowMs) => states.write(key, asked, nowMs)),
    ),
  }),
)

export const deleteShareGroupState = handler(
  apis.deleteShareGroupState,
  { lowest: 0, highest: 0 },
  async (services, _context, request) => ({
    results: await each(request, (key) => change(services, key, (states) => states.delete(key))),
  }),
)

export const readShareGroupState = handler(
  apis.readShareGroupState,
  { lowest: 0, highest: 0 },
  async (services, _context, request) => ({
    results: await each(request, async (key, { leaderEpoch }) => {
      const { error, state } = await decided(services, key, (states, nowMs) =>
        states.read(key, leaderEpoch, nowMs),
      )
      return {
        partition: key.partition,
        errorCode: errorCode(error),
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
  async (services, _context, request) => ({
    results: await each(request, async (key) => {
      const { error, state } = await decided(services, key, () =>
        key.partition < 0 ? NEGATIVE : UNCHANGED,
      )
      const startOffset = error === 'NONE' ? UNKNOWN_OFFSET : 0
      return {
        partition: key.partition,
        errorCode: errorCode(error),
        stateEpoch: state?.stateEpoch ?? 0,
        leaderEpoch: state?.leaderEpoch ?? 0,
        startOffset: state?.startOffset ?? startOffset,
        deliveryCompleteCount: state?.deliveryCompleteCount ?? -1,
      }
    }),
  }),
)

const NEGATIVE = { records: [], error: 'INVALID_REQUEST' } as const
const UNCHANGED = { records: [], error: 'NONE' } as const
