import {
  array,
  bool,
  type Infer,
  int16,
  int32,
  int64,
  message,
  string,
  uint16,
  uuid,
} from '../schema/schema.ts'

/** BrokerRegistrationRequest (api key 62), versions 0-4, flexible 0+. */
export const BrokerRegistrationRequest = message({
  name: 'BrokerRegistrationRequest',
  apiKey: 62,
  versions: '0-4',
  flexible: '0+',
  listeners: ['controller'],
  fields: {
    brokerId: int32('0+'),
    clusterId: string('0+'),
    incarnationId: uuid('0+'),
    listeners: array('0+', {
      name: string('0+'),
      host: string('0+'),
      port: uint16('0+'),
      securityProtocol: int16('0+'),
    }),
    features: array('0+', {
      name: string('0+'),
      minSupportedVersion: int16('0+'),
      maxSupportedVersion: int16('0+'),
    }),
    rack: string('0+', { nullable: '0+' }),
    isMigratingZkBroker: bool('1+', { default: false }),
    logDirs: array('2+', 'uuid'),
    previousBrokerEpoch: int64('3+', { default: -1 }),
  },
})
export interface BrokerRegistrationRequest extends Infer<typeof BrokerRegistrationRequest> {}

/** BrokerRegistrationResponse (api key 62), versions 0-4, flexible 0+. */
export const BrokerRegistrationResponse = message({
  name: 'BrokerRegistrationResponse',
  apiKey: 62,
  versions: '0-4',
  flexible: '0+',
  fields: {
    throttleTimeMs: int32('0+'),
    errorCode: int16('0+'),
    brokerEpoch: int64('0+', { default: -1 }),
  },
})
export interface BrokerRegistrationResponse extends Infer<typeof BrokerRegistrationResponse> {}
