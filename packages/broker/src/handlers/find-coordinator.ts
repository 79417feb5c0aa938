/**
 * FindCoordinator (key 10), versions 0-6.
 *
 * Behaviour: this node coordinates everything. Asking for the coordinator of a group, of a
 * transaction or of a share partition makes its internal topic when that is missing.
 * Version notes: key types from 1 (0 group, 1 transaction, 2 share group from 6), several keys from
 * 4.
 */
import { apis, errorCode } from '@ottla/protocol'
import { handler } from '../handler.ts'
import { OFFSETS_TOPIC, SHARE_STATE_TOPIC, TRANSACTIONS_TOPIC } from '../metadata/topic-names.ts'

const TOPICS: ReadonlyMap<number, string> = new Map([
  [0, OFFSETS_TOPIC],
  [1, TRANSACTIONS_TOPIC],
  [2, SHARE_STATE_TOPIC],
])
/** Share partitions, from version 6. */
const SHARE = 2

export const findCoordinator = handler(
  apis.findCoordinator,
  { lowest: 0, highest: 6 },
  async (services, { apiVersion, connection }, request) => {
    const { host, port } = services.endpoints.for(connection)
    const { nodeId } = services
    const { keyType, coordinatorKeys } = request
    const topic = apiVersion < 6 && keyType === SHARE ? undefined : TOPICS.get(keyType)
    if (topic !== undefined) await services.topics.ensureInternal(topic)
    const refused = (errorMessage: string) => ({
      nodeId: -1,
      host: '',
      port: -1,
      errorCode: errorCode('INVALID_REQUEST'),
      errorMessage,
    })
    const found = { nodeId, host, port, errorCode: 0, errorMessage: null }
    const answer = topic === undefined ? refused(`Unknown coordinator key type ${keyType}`) : found
    if (apiVersion < 4) {
      return {
        throttleTimeMs: 0,
        ...answer,
        errorMessage: answer.errorMessage ?? 'NONE',
        coordinators: [],
      }
    }
    return {
      throttleTimeMs: 0,
      coordinators: coordinatorKeys.map((key) => ({
        key,
        ...(keyType === SHARE && !isSharePartition(key)
          ? refused(`${key} is not of the form group:topicId:partition`)
          : answer),
      })),
    }
  },
)

/** `group:topicId:partition`; the group may contain colons itself. */
const isSharePartition = (key: string): boolean => /^.+:[\w-]{22}:\d+$/s.test(key)
