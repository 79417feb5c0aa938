/**
 * DescribeCluster (key 60), versions 0-2.
 *
 * Behaviour: this node, at the address the client dialled. Controller endpoints are not offered on
 * a broker's listener (MISMATCHED_ENDPOINT_TYPE).
 */
import { apis, errorCode } from '@ottla/protocol'
import { CLUSTER_OPERATIONS, OPERATIONS_NOT_ASKED } from '../authorized-operations.ts'
import { handler } from '../handler.ts'

const BROKERS = 1
const CONTROLLERS = 2

export const describeCluster = handler(
  apis.describeCluster,
  { lowest: 0, highest: 2 },
  (services, { connection }, request) => {
    const { nodeId, clusterId } = services
    const { endpointType } = request
    if (endpointType !== BROKERS) {
      const isKnown = endpointType === CONTROLLERS
      return {
        throttleTimeMs: 0,
        errorCode: errorCode(isKnown ? 'MISMATCHED_ENDPOINT_TYPE' : 'UNSUPPORTED_ENDPOINT_TYPE'),
        errorMessage: isKnown
          ? 'The request was sent to an endpoint of type BROKER, but we wanted an endpoint of type CONTROLLER'
          : `Unsupported endpoint type ${endpointType}`,
        endpointType: BROKERS,
        clusterId: '',
        brokers: [],
      }
    }
    const { host, port } = services.endpoints.for(connection)
    return {
      throttleTimeMs: 0,
      errorCode: 0,
      endpointType: BROKERS,
      clusterId,
      controllerId: nodeId,
      brokers: [
        { brokerId: nodeId, host, port, rack: services.config.get('broker.rack'), isFenced: false },
      ],
      clusterAuthorizedOperations: request.includeClusterAuthorizedOperations
        ? CLUSTER_OPERATIONS
        : OPERATIONS_NOT_ASKED,
    }
  },
)
