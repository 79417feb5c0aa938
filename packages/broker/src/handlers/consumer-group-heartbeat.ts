/**
 * ConsumerGroupHeartbeat (key 68), versions 0-1.
 *
 * Behaviour: see coordinator/consumer-group; answered when what it changed is durable.
 * Version notes: members bring their ids, and may subscribe by pattern, from 1.
 * A classic group becomes a consumer group with the first member that comes this way; see
 * coordinator/consumer-group/migration.ts.
 * Differences: no interval lies between two assignments unless one is set.
 */
import { apis, type ErrorName, errorCode } from '@ottla/protocol'
import { StorageError } from '@ottla/storage'
import type { BrokerServices } from '../broker-services.ts'
import { consumerGroupHeartbeat as decide } from '../coordinator/consumer-group/heartbeat.ts'
import { handler } from '../handler.ts'

const GROUP_VERSION_WITH_CONSUMER_GROUPS = 1

/** Whether this broker serves consumer groups, by setting and by feature. */
export const servesConsumerGroups = ({ config, image }: BrokerServices): boolean =>
  config.get('group.coordinator.rebalance.protocols').includes('consumer') &&
  (image.features.get('group.version') ?? 0) >= GROUP_VERSION_WITH_CONSUMER_GROUPS

const failure = (error: ErrorName) => ({
  throttleTimeMs: 0,
  errorCode: errorCode(error),
  memberEpoch: 0,
  heartbeatIntervalMs: 0,
})

export const consumerGroupHeartbeat = handler(
  apis.consumerGroupHeartbeat,
  { lowest: 0, highest: 1 },
  async (services, { apiVersion, clientId, connection }, request) => {
    if (!servesConsumerGroups(services)) return failure('UNSUPPORTED_VERSION')
    const { groups } = services
    const fault = request.groupId === '' ? undefined : await groups.load(request.groupId)
    if (fault) return failure(fault)
    const decision = decide(groups.coordinator, request, {
      now: groups.now(),
      apiVersion,
      clientId,
      clientHost: `/${connection.remoteAddress}`,
    })
    try {
      return await groups.decided(decision)
    } catch (error) {
      if (!(error instanceof StorageError)) throw error
      return failure('COORDINATOR_NOT_AVAILABLE')
    }
  },
)
