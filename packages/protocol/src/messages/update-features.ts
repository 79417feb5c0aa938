import { array, bool, type Infer, int8, int16, int32, message, string } from '../schema/schema.ts'

/** UpdateFeaturesRequest (api key 57), versions 0-2, flexible 0+. */
export const UpdateFeaturesRequest = message({
  name: 'UpdateFeaturesRequest',
  apiKey: 57,
  versions: '0-2',
  flexible: '0+',
  listeners: ['broker', 'controller'],
  fields: {
    timeoutMs: int32('0+', { default: 60000 }),
    featureUpdates: array('0+', {
      feature: string('0+'),
      maxVersionLevel: int16('0+'),
      allowDowngrade: bool('0'),
      upgradeType: int8('1+', { default: 1 }),
    }),
    validateOnly: bool('1+', { default: false }),
  },
})
export interface UpdateFeaturesRequest extends Infer<typeof UpdateFeaturesRequest> {}

/** UpdateFeaturesResponse (api key 57), versions 0-2, flexible 0+. */
export const UpdateFeaturesResponse = message({
  name: 'UpdateFeaturesResponse',
  apiKey: 57,
  versions: '0-2',
  flexible: '0+',
  fields: {
    throttleTimeMs: int32('0+'),
    errorCode: int16('0+'),
    errorMessage: string('0+', { nullable: '0+' }),
    results: array('0-1', {
      feature: string('0+'),
      errorCode: int16('0+'),
      errorMessage: string('0+', { nullable: '0+' }),
    }),
  },
})
export interface UpdateFeaturesResponse extends Infer<typeof UpdateFeaturesResponse> {}
