import { array, bool, type Infer, int16, int32, int64, message, string } from '../schema/schema.ts'

/** ApiVersionsRequest (api key 18), versions 0-5, flexible 3+. */
export const ApiVersionsRequest = message({
  name: 'ApiVersionsRequest',
  apiKey: 18,
  versions: '0-5',
  flexible: '3+',
  listeners: ['broker', 'controller'],
  fields: {
    clientSoftwareName: string('3+'),
    clientSoftwareVersion: string('3+'),
    clusterId: string('5+', { nullable: '5+', default: null }),
    nodeId: int32('5+', { default: -1 }),
  },
})
export interface ApiVersionsRequest extends Infer<typeof ApiVersionsRequest> {}

/** ApiVersionsResponse (api key 18), versions 0-5, flexible 3+. */
export const ApiVersionsResponse = message({
  name: 'ApiVersionsResponse',
  apiKey: 18,
  versions: '0-5',
  flexible: '3+',
  fields: {
    errorCode: int16('0+'),
    apiKeys: array('0+', { apiKey: int16('0+'), minVersion: int16('0+'), maxVersion: int16('0+') }),
    throttleTimeMs: int32('1+'),
    supportedFeatures: array(
      '3+',
      { name: string('3+'), minVersion: int16('3+'), maxVersion: int16('3+') },
      { tag: 0 },
    ),
    finalizedFeaturesEpoch: int64('3+', { tag: 1, default: -1 }),
    finalizedFeatures: array(
      '3+',
      { name: string('3+'), maxVersionLevel: int16('3+'), minVersionLevel: int16('3+') },
      { tag: 2 },
    ),
    zkMigrationReady: bool('3+', { tag: 3, default: false }),
  },
})
export interface ApiVersionsResponse extends Infer<typeof ApiVersionsResponse> {}
