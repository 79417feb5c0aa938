/** The same requests of every kind to ottla and to Apache Kafka: all answers must be the same. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startOttlaProcess } from '../../support/ottla-process.ts'
import { startApacheBroker } from '../support/apache-broker.ts'
import { acls } from './acl-plays.ts'
import { ApiTranscript } from './api-transcript.ts'
import * as clusterPlays from './cluster-plays.ts'
import * as telemetryPlays from './telemetry-plays.ts'
import * as userPlays from './user-plays.ts'

interface Broker {
  readonly bootstrap: string
  stop(): Promise<void>
}

let brokers: Broker[] = []

beforeAll(async () => {
  brokers = await Promise.all([startOttlaProcess(), startApacheBroker({ heap: '512m' })])
})
afterAll(() => Promise.all(brokers.map((broker) => broker.stop())))

// The first play needs brokers of which nobody has asked anything.
const { groupsAtFirst, ...cluster } = clusterPlays
const plays = { groupsAtFirst, acls, ...userPlays, ...telemetryPlays, ...cluster }

test.for(Object.entries(plays))('plays %s', { timeout: 120_000 }, async ([, play]) => {
  const transcripts = brokers.map(({ bootstrap }) => new ApiTranscript(bootstrap))
  try {
    await Promise.all(transcripts.map((transcript) => play(transcript)))
  } finally {
    for (const transcript of transcripts) transcript.close()
  }
  const [ours, theirs] = transcripts.map(({ lines }) => lines)
  expect(ours).toEqual(theirs)
})
