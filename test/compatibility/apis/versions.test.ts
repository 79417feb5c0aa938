/** What both brokers say they speak, key by key and feature by feature. */
import { type ApiVersionsResponse, apis } from '@ottla/protocol'
import { expect, test } from 'vitest'
import { startOttlaProcess } from '../../support/ottla-process.ts'
import { startApacheBroker } from '../support/apache-broker.ts'
import { ApiTranscript } from './api-transcript.ts'

async function asked(bootstrap: string): Promise<ApiVersionsResponse> {
  const transcript = new ApiTranscript(bootstrap)
  try {
    const software = { clientSoftwareName: 'judge', clientSoftwareVersion: '1' }
    return await transcript.send<ApiVersionsResponse>(apis.apiVersions, 4, software)
  } finally {
    transcript.close()
  }
}

test('ottla offers what Apache Kafka offers', { timeout: 120_000 }, async () => {
  await using ottla = await startOttlaProcess()
  await using apache = await startApacheBroker({ heap: '512m' })
  const [ours, theirs] = await Promise.all([asked(ottla.bootstrap), asked(apache.bootstrap)])
  const lines = ({ apiKeys }: ApiVersionsResponse) =>
    apiKeys
      .map(({ apiKey, minVersion, maxVersion }) => `${apiKey}: ${minVersion}-${maxVersion}`)
      .sort()
  expect(lines(ours)).toEqual(lines(theirs))
  const features = (answer: ApiVersionsResponse) => ({
    supported: [...answer.supportedFeatures].sort((a, b) => (a.name < b.name ? -1 : 1)),
    finalized: [...answer.finalizedFeatures].sort((a, b) => (a.name < b.name ? -1 : 1)),
  })
  expect(features(ours)).toEqual(features(theirs))
})
