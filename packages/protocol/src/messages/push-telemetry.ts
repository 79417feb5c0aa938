import { bool, bytes, type Infer, int8, int16, int32, message, uuid } from '../schema/schema.ts'

/** PushTelemetryRequest (api key 72), versions 0, flexible 0+. */
export const PushTelemetryRequest = message({
  name: 'PushTelemetryRequest',
  apiKey: 72,
  versions: '0',
  flexible: '0+',
  listeners: ['broker'],
  fields: {
    clientInstanceId: uuid('0+'),
    subscriptionId: int32('0+'),
    terminating: bool('0+'),
    compressionType: int8('0+'),
    metrics: bytes('0+'),
  },
})
export interface PushTelemetryRequest extends Infer<typeof PushTelemetryRequest> {}

/** PushTelemetryResponse (api key 72), versions 0, flexible 0+. */
export const PushTelemetryResponse = message({
  name: 'PushTelemetryResponse',
  apiKey: 72,
  versions: '0',
  flexible: '0+',
  fields: { throttleTimeMs: int32('0+'), errorCode: int16('0+') },
})
export interface PushTelemetryResponse extends Infer<typeof PushTelemetryResponse> {}
