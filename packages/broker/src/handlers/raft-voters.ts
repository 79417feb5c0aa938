/**
 * AddRaftVoter (key 80), versions 0-1, and RemoveRaftVoter (key 81), version 0.
 *
 * Behaviour: a well-formed request is UNSUPPORTED_VERSION, as voters are static at kraft.version 0.
 * Version notes: 1 may ask for an answer before the change is committed.
 */

import { ZERO_UUID } from '@ottla/base'
import { apis, type ErrorName, errorCode } from '@ottla/protocol'
import type { BrokerServices } from '../broker-services.ts'
import { handler } from '../handler.ts'

interface Voter {
  readonly clusterId: string | null
  readonly voterId: number
  readonly voterDirectoryId: string
}

interface VoterListener {
  readonly name: string
  readonly host: string
  readonly port: number
}

const DEFAULT_LISTENER = 'CONTROLLER'

export const addRaftVoter = handler(
  apis.addRaftVoter,
  { lowest: 0, highest: 1 },
  (services, _context, request) =>
    fault(services, 'Add', request) ??
    listenerFault(services, request.listeners) ??
    unsupported('adding'),
)

export const removeRaftVoter = handler(
  apis.removeRaftVoter,
  { lowest: 0, highest: 0 },
  (services, _context, request) => fault(services, 'Remove', request) ?? unsupported('removing'),
)

const answer = (error: ErrorName, errorMessage: string) => ({
  throttleTimeMs: 0,
  errorCode: errorCode(error),
  errorMessage,
})

const unsupported = (doing: string) =>
  answer(
    'UNSUPPORTED_VERSION',
    `Cluster doesn't support ${doing} voter because the kraft.version feature is 0`,
  )

function fault(services: BrokerServices, what: string, voter: Voter) {
  const { clusterId } = services
  if (voter.clusterId !== null && voter.clusterId !== clusterId) {
    const message = `The given id "${voter.clusterId}" doesn't match the cluster id "${clusterId}"`
    return answer('INCONSISTENT_CLUSTER_ID', message)
  }
  if (voter.voterId >= 0 && voter.voterDirectoryId !== ZERO_UUID) return undefined
  return answer('INVALID_REQUEST', `${what} voter request didn't include a valid voter`)
}

/** A voter must be reachable where controllers speak to each other. */
function listenerFault({ config }: BrokerServices, listeners: readonly VoterListener[]) {
  const wanted = config.get('controller.listener.names')[0] ?? DEFAULT_LISTENER
  if (listeners.some(({ name }) => name.toUpperCase() === wanted)) return undefined
  const endpoints = listeners.map(
    ({ name, host, port }) => `ListenerName(${name})=${host}/<unresolved>:${port}`,
  )
  return answer(
    'INVALID_REQUEST',
    `Add voter request didn't include the endpoint (Endpoints(endpoints={${endpoints.join(', ')}})) ` +
      `for the default listener ListenerName(${wanted})`,
  )
}
