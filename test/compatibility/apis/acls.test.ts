/** Requests about ACLs to brokers that keep them: both must answer the same. */
import { expect, test } from 'vitest'
import { startOttlaProcess } from '../../support/ottla-process.ts'
import { startApacheBroker } from '../support/apache-broker.ts'
import { acls } from './acl-plays.ts'
import { ApiTranscript } from './api-transcript.ts'

const SETTINGS = {
  'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
  'super.users': 'User:ANONYMOUS',
}

test('plays acls with an authorizer', { timeout: 120_000 }, async () => {
  await using ottla = await startOttlaProcess({ settings: SETTINGS })
  await using apache = await startApacheBroker({ heap: '512m', overrides: SETTINGS })
  const transcripts = [ottla, apache].map(({ bootstrap }) => new ApiTranscript(bootstrap))
  try {
    await Promise.all(transcripts.map((transcript) => acls(transcript)))
  } finally {
    for (const transcript of transcripts) transcript.close()
  }
  const [ours, theirs] = transcripts.map(({ lines }) => lines)
  expect(ours).toEqual(theirs)
  expect(ottla.log()).toContain('not enforced')
})
