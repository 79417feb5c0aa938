/**
 * ApiVersions (key 18), versions 0-5.
 *
 * Behaviour: lists what handlers.ts serves, and the features of the metadata log. The client's name
 * and version must look like one (KIP-511).
 * Version notes: before 4 features whose lowest level is 0 are left out, because old Java clients
 * refuse them (KAFKA-17492). From 5 a client may name the cluster and node it means (KIP-1242).
 */
import { apis, errorCode } from '@ottla/protocol'
import { supportedFeatures } from '../features.ts'
import { type Handler, handler } from '../handler.ts'

const SOFTWARE_NAME = /^[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?$/

const NO_NODE = -1

/** `handlers` is passed in because the list itself contains this handler. */
export const apiVersions = (handlers: () => readonly Handler[]): Handler =>
  handler(apis.apiVersions, { lowest: 0, highest: 5 }, (services, context, request) => {
    const { apiVersion, connection } = context
    const { clientSoftwareName, clientSoftwareVersion, clusterId, nodeId } = request
    const isNamed =
      SOFTWARE_NAME.test(clientSoftwareName) && SOFTWARE_NAME.test(clientSoftwareVersion)
    // Whoever means a cluster means a node of it as well, and the other way round.
    const isHalf = (clusterId === null) !== (nodeId === NO_NODE)
    if ((apiVersion >= 3 && !isNamed) || (apiVersion >= 5 && isHalf)) {
      return { errorCode: errorCode('INVALID_REQUEST'), apiKeys: [], throttleTimeMs: 0 }
    }
    const isOther =
      (clusterId !== null && clusterId !== '' && clusterId !== services.clusterId) ||
      (nodeId >= 0 && nodeId !== services.nodeId)
    if (apiVersion >= 5 && isOther) {
      return { errorCode: errorCode('REBOOTSTRAP_REQUIRED'), apiKeys: [], throttleTimeMs: 0 }
    }
    if (apiVersion >= 3) {
      const software = { name: clientSoftwareName, version: clientSoftwareVersion }
      services.telemetry.introduce(connection, software)
    }
    const offered = handlers().filter(({ isAdvertised }) => isAdvertised(services))
    return {
      errorCode: 0,
      throttleTimeMs: 0,
      apiKeys: offered.map(({ api, advertisedLowest, highest }) => ({
        apiKey: api.key,
        minVersion: advertisedLowest,
        maxVersion: highest,
      })),
      supportedFeatures: supportedFeatures
        .filter(({ minVersion }) => apiVersion >= 4 || minVersion > 0)
        .map(({ name, minVersion, maxVersion }) => ({ name, minVersion, maxVersion })),
      finalizedFeaturesEpoch: services.metadata.lastOffset,
      finalizedFeatures: [...services.image.features].map(([name, level]) => ({
        name,
        maxVersionLevel: level,
        minVersionLevel: level,
      })),
    }
  })
