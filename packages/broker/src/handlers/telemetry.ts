/**
 * GetTelemetrySubscriptions (key 71), version 0, and PushTelemetry (key 72), version 0.
 *
 * Behaviour: tells a client which metrics it shall push and how often, from the CLIENT_METRICS
 * resources that match it, and takes what it pushes: at most `telemetry.max.bytes`, packed and
 * unpacked. Both are offered in ApiVersions only when there is somebody to give the metrics to.
 * Differences: Apache Kafka offers them when a Java plugin takes the metrics; here
 * `client.telemetry.otlp.endpoint` does, and metrics go to a collector of OpenTelemetry.
 */
import { ZERO_UUID } from '@ottla/base'
import {
  apis,
  CorruptCompressionError,
  DecompressedTooLargeError,
  decompress,
  errorCode,
  loadCodec,
} from '@ottla/protocol'
import type { BrokerServices } from '../broker-services.ts'
import { handler } from '../handler.ts'

/** zstd, lz4, gzip, snappy: the best first, since a client takes the first it has. */
const COMPRESSION_TYPES = [4, 3, 1, 2]

const isAdvertised = ({ telemetry }: BrokerServices) => telemetry.isCollecting

export const getTelemetrySubscriptions = handler(
  apis.getTelemetrySubscriptions,
  { lowest: 0, highest: 0, isAdvertised },
  ({ telemetry }, { connection, clientId }, { clientInstanceId }) => {
    const attributes = telemetry.attributesOf(connection, clientId)
    const instance = telemetry.clients.get(clientInstanceId, attributes, telemetry.now())
    if (typeof instance === 'string') {
      return {
        throttleTimeMs: 0,
        errorCode: errorCode(instance),
        clientInstanceId: ZERO_UUID,
        subscriptionId: 0,
        acceptedCompressionTypes: [],
        pushIntervalMs: 0,
        telemetryMaxBytes: 0,
        deltaTemporality: false,
        requestedMetrics: [],
      }
    }
    telemetry.bind(connection, instance.id)
    return {
      throttleTimeMs: 0,
      errorCode: 0,
      clientInstanceId: instance.id,
      subscriptionId: instance.subscriptionId,
      acceptedCompressionTypes: COMPRESSION_TYPES,
      pushIntervalMs: instance.intervalMs,
      telemetryMaxBytes: telemetry.pushBytesMax,
      deltaTemporality: true,
      requestedMetrics: instance.metrics,
    }
  },
)

export const pushTelemetry = handler(
  apis.pushTelemetry,
  { lowest: 0, highest: 0, isAdvertised },
  async ({ telemetry }, { connection, clientId }, request) => {
    const { clientInstanceId: id, compressionType, metrics } = request
    const attributes = telemetry.attributesOf(connection, clientId)
    const push = {
      id,
      subscriptionId: request.subscriptionId,
      isTerminating: request.terminating,
      compressionType,
      size: metrics.length,
    }
    const error = telemetry.clients.push(push, attributes, telemetry.now())
    if (error !== 'NONE') return { throttleTimeMs: 0, errorCode: errorCode(error) }
    telemetry.bind(connection, id)
    if (metrics.length > 0) {
      try {
        await loadCodec(compressionType)
        const sizeMax = telemetry.pushBytesMax
        telemetry.collect(decompress(compressionType, metrics, { sizeMax }))
      } catch (failure) {
        if (!isUnreadable(failure)) throw failure
        telemetry.clients.unreadable(id)
        return { throttleTimeMs: 0, errorCode: errorCode('INVALID_RECORD') }
      }
    }
    return { throttleTimeMs: 0, errorCode: 0 }
  },
)

const isUnreadable = (failure: unknown): boolean =>
  failure instanceof CorruptCompressionError || failure instanceof DecompressedTooLargeError
