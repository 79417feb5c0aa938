/** kafkajs's admin client: its calls, sent as requests of their own through the engine. */
import type { KafkaCluster } from '../cluster/kafka-cluster.ts'
import { type InstrumentationEmitter, listenWith } from '../observe/emitter.ts'
import { ADMIN_EVENTS } from '../observe/events.ts'
import type { Admin } from '../types/admin.ts'
import type { Logger } from '../types/logging.ts'
import { aclCalls } from './acls.ts'
import { configCalls } from './configs.ts'
import { groupCalls } from './groups.ts'
import { reassignmentCalls } from './reassignments.ts'
import { topicCalls } from './topics.ts'

export interface AdminParts {
  readonly cluster: KafkaCluster
  readonly logger: Logger
  readonly emitter: InstrumentationEmitter
}

export function createAdmin({ cluster, logger: root, emitter }: AdminParts): Admin {
  const logger = root.namespace('Admin')
  const context = { cluster, logger }
  return {
    events: ADMIN_EVENTS,
    on: listenWith('admin', ADMIN_EVENTS, { emitter, logger }) as Admin['on'],
    logger: () => logger,
    connect: async () => {
      await cluster.connect()
      emitter.emit(ADMIN_EVENTS.CONNECT, null)
    },
    disconnect: async () => {
      await cluster.disconnect()
      emitter.emit(ADMIN_EVENTS.DISCONNECT, null)
    },
    describeCluster: async () => {
      const { brokers, clusterId, controllerId } = await cluster.metadata()
      return {
        brokers: brokers.map(({ nodeId, host, port }) => ({ nodeId, host, port })),
        controller: controllerId < 0 ? null : controllerId,
        clusterId,
      }
    },
    ...topicCalls(context),
    ...groupCalls(context),
    ...configCalls(context),
    ...aclCalls(context),
    ...reassignmentCalls(context),
  }
}
