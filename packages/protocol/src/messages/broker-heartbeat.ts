import { array, bool, type Infer, int16, int32, int64, message } from '../schema/schema.ts'

/** BrokerHeartbeatRequest (api key 63), versions 0-2, flexible 0+. */
export const BrokerHeartbeatRequest = message({
  name: 'BrokerHeartbeatRequest',
  apiKey: 63,
  versions: '0-2',
  flexible: '0+',
  listeners: ['controller'],
  fields: {
    brokerId: int32('0+'),
    brokerEpoch: int64('0+', { default: -1 }),
    currentMetadataOffset: int64('0+'),
    wantFence: bool('0+'),
    wantShutDown: bool('0+'),
    offlineLogDirs: array('1+', 'uuid', { tag: 0 }),
    cordonedLogDirs: array('2+', 'uuid', { nullable: '2+', tag: 1, default: null }),
  },
})
export interface BrokerHeartbeatRequest extends Infer<typeof BrokerHeartbeatRequest> {}

/** BrokerHeartbeatResponse (api key 63), versions 0-2, flexible 0+. */
export const BrokerHeartbeatResponse = message({
  name: 'BrokerHeartbeatResponse',
  apiKey: 63,
  versions: '0-2',
  flexible: '0+',
  fields: {
    throttleTimeMs: int32('0+'),
    errorCode: int16('0+'),
    isCaughtUp: bool('0+', { default: false }),
    isFenced: bool('0+', { default: true }),
    shouldShutDown: bool('0+'),
  },
})
export interface BrokerHeartbeatResponse extends Infer<typeof BrokerHeartbeatResponse> {}
