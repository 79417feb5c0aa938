import { array, bool, type Infer, int16, int32, message, uuid } from '../schema/schema.ts'

/** GetTelemetrySubscriptionsRequest (api key 71), versions 0, flexible 0+. */
export const GetTelemetrySubscriptionsRequest = message({
  name: 'GetTelemetrySubscriptionsRequest',
  apiKey: 71,
  versions: '0',
  flexible: '0+',
  listeners: ['broker'],
  fields: { clientInstanceId: uuid('0+') },
})
export interface GetTelemetrySubscriptionsRequest
  extends Infer<typeof GetTelemetrySubscriptionsRequest> {}

/** GetTelemetrySubscriptionsResponse (api key 71), versions 0, flexible 0+. */
export const GetTelemetrySubscriptionsResponse = message({
  name: 'GetTelemetrySubscriptionsResponse',
  apiKey: 71,
  versions: '0',
  flexible: '0+',
  fields: {
    throttleTimeMs: int32('0+'),
    errorCode: int16('0+'),
    clientInstanceId: uuid('0+'),
    subscriptionId: int32('0+'),
    acceptedCompressionTypes: array('0+', 'int8'),
    pushIntervalMs: int32('0+'),
    telemetryMaxBytes: int32('0+'),
    deltaTemporality: bool('0+'),
    requestedMetrics: array('0+', 'string'),
  },
})
export interface GetTelemetrySubscriptionsResponse
  extends Infer<typeof GetTelemetrySubscriptionsResponse> {}
