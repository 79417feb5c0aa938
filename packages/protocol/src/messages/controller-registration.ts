import {
  array,
  bool,
  type Infer,
  int16,
  int32,
  message,
  string,
  uint16,
  uuid,
} from '../schema/schema.ts'

/** ControllerRegistrationRequest (api key 70), versions 0, flexible 0+. */
export const ControllerRegistrationRequest = message({
  name: 'ControllerRegistrationRequest',
  apiKey: 70,
  versions: '0',
  flexible: '0+',
  listeners: ['controller'],
  fields: {
    controllerId: int32('0+'),
    incarnationId: uuid('0+'),
    zkMigrationReady: bool('0+'),
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
  },
})
export interface ControllerRegistrationRequest
  extends Infer<typeof ControllerRegistrationRequest> {}

/** ControllerRegistrationResponse (api key 70), versions 0, flexible 0+. */
export const ControllerRegistrationResponse = message({
  name: 'ControllerRegistrationResponse',
  apiKey: 70,
  versions: '0',
  flexible: '0+',
  fields: {
    throttleTimeMs: int32('0+'),
    errorCode: int16('0+'),
    errorMessage: string('0+', { nullable: '0+' }),
  },
})
export interface ControllerRegistrationResponse
  extends Infer<typeof ControllerRegistrationResponse> {}
