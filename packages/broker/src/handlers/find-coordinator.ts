/**
 * FindCoordinator (key 10), versions 0-6.
 *
 * Behaviour: this node coordinates everything. Asking for the coordinator of a group or of a
 * transaction makes `__consumer_offsets` or `__transaction_state` when it is missing.
 * Version notes: key types from 1 (0 group, 1 transaction, 2 share group from 6), several keys from
 * 4.
 * Differences: share groups have no coordinator here; asking for one is UNSUPPORTED_VERSION.
 */
import { apis, type ErrorName, errorCode } from '@ottla/protocol'
import { handler } from '../handler.ts'
import { OFFSETS_TOPIC, TRANSACTIONS_TOPIC } from '../metadata/topic-names.ts'

const TOPICS: ReadonlyMap<number, string> = new Map([
  [0, OFFSETS_TOPIC],
  [1, TRANSACTIONS_TOPIC],
])
/** Share groups, from version 6. */
const SHARE = 2

export const findCoordinator = handler(
  apis.findCoordinator,
  { lowest: 0, highest: 6 },
  async (services, { apiVersion, connection }, request) => {
    const { host, port } = services.endpoints.for(connection)
    const { nodeId } = services
    const fault = refusal(request.keyType)
    const topic = TOPICS.get(request.keyType)
    if (topic !== undefined) await services.topics.ensureInternal(topic)
    const errorMessage = fault?.message ?? null
    const answer = fault
      ? { nodeId: -1, host: '', port: -1, errorCode: errorCode(fault.error), errorMessage }
      : { nodeId, host, port, errorCode: 0, errorMessage }
    if (apiVersion < 4) {
      return {
        throttleTimeMs: 0,
        ...answer,
        errorMessage: errorMessage ?? 'NONE',
        coordinators: [],
      }
    }
    return {
      throttleTimeMs: 0,
      coordinators: request.coordinatorKeys.map((key) => ({ key, ...answer })),
    }
  },
)

function refusal(keyType: number): { error: ErrorName; message: string } | undefined {
  if (TOPICS.has(keyType)) return undefined
  if (keyType === SHARE) {
    const message = 'This version of ottla does not coordinate share groups'
    return { error: 'UNSUPPORTED_VERSION', message }
  }
  return { error: 'INVALID_REQUEST', message: `Unknown coordinator key type ${keyType}` }
}
