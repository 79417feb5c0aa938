/**
 * StreamsGroupHeartbeat (key 88), versions 0-1.
 *
 * Behaviour: see coordinator/streams-group; answered when what it changed is durable and the
 * internal topics it names as missing are made.
 * Version notes: the lag a state may have as a 64-bit number, and missing client tags, from 1.
 * Differences: Apache Kafka makes internal topics behind the answer. The first assignment comes at
 * once unless a delay is set.
 */
import { apis, type ErrorName, errorCode, type StreamsGroupHeartbeatRequest } from '@ottla/protocol'
import { StorageError } from '@ottla/storage'
import type { BrokerServices, RequestContext } from '../broker-services.ts'
import { streamsGroupHeartbeat as decide } from '../coordinator/streams-group/heartbeat.ts'
import {
  BLANK_ANSWER,
  type StreamsHeartbeatAnswer,
} from '../coordinator/streams-group/heartbeat-answer.ts'
import { TopicFault } from '../coordinator/streams-group/partition-counts.ts'
import { handler } from '../handler.ts'

const STREAMS_VERSION_WITH_STREAMS_GROUPS = 1

/** Whether this broker serves streams groups, by setting and by feature. */
export const servesStreamsGroups = ({ config, image }: BrokerServices): boolean =>
  config.get('group.coordinator.rebalance.protocols').includes('streams') &&
  (image.features.get('streams.version') ?? 0) >= STREAMS_VERSION_WITH_STREAMS_GROUPS

const failure = (error: ErrorName) => ({
  ...BLANK_ANSWER,
  errorCode: errorCode(error),
})

export const streamsGroupHeartbeat = handler(
  apis.streamsGroupHeartbeat,
  { lowest: 0, highest: 1 },
  async (services, context, request) => {
    if (!servesStreamsGroups(services)) return failure('UNSUPPORTED_VERSION')
    const fault = request.groupId === '' ? undefined : await services.groups.load(request.groupId)
    if (fault) return failure(fault)
    try {
      return await beat(services, context, request)
    } catch (error) {
      if (!(error instanceof StorageError)) throw error
      return failure('COORDINATOR_NOT_AVAILABLE')
    }
  },
)

async function beat(
  { groups, streamsTopics }: BrokerServices,
  { apiVersion, clientId, connection }: RequestContext,
  request: StreamsGroupHeartbeatRequest,
): Promise<StreamsHeartbeatAnswer> {
  const decision = decide(groups.coordinator, request, {
    now: groups.now(),
    apiVersion,
    clientId,
    clientHost: `/${connection.remoteAddress}`,
  })
  const { toCreate } = decision
  const response = await groups.decided(decision)
  if (toCreate.length === 0) return response
  const { heartbeatIntervalMs } = response
  const failures = await streamsTopics.create(toCreate, 2 * heartbeatIntervalMs)
  if (failures === undefined) return response
  const status = (response.status ?? []).map((one) =>
    one.statusCode === TopicFault.MISSING_INTERNAL_TOPICS
      ? { ...one, statusDetail: `${one.statusDetail}; creation failed: ${failures}.` }
      : one,
  )
  return { ...response, status }
}
