/** The same requests of share groups to ottla and to Apache Kafka: all answers must be the same. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startOttlaProcess } from '../../support/ottla-process.ts'
import { startApacheBroker } from '../support/apache-broker.ts'
import * as plays from './plays.ts'
import { ShareTranscript } from './share-transcript.ts'

const SETTINGS = {
  'group.share.min.record.lock.duration.ms': '1000',
  'group.share.record.lock.duration.ms': '5000',
  'offsets.topic.num.partitions': '5',
}
/** Apache Kafka assigns later and on another thread by default; here at once, as ottla does. */
const APACHE_ONLY = {
  'group.share.assignment.interval.ms': '0',
  'group.share.assignor.offload.enable': 'false',
}

interface Broker {
  readonly bootstrap: string
  stop(): Promise<void>
}

let brokers: Broker[] = []

beforeAll(async () => {
  brokers = await Promise.all([
    startOttlaProcess({ settings: SETTINGS }),
    startApacheBroker({ heap: '512m', overrides: { ...SETTINGS, ...APACHE_ONLY } }),
  ])
})
afterAll(() => Promise.all(brokers.map((broker) => broker.stop())))

test.for(Object.entries(plays))('plays %s', { timeout: 120_000 }, async ([, play]) => {
  const transcripts = brokers.map(({ bootstrap }) => new ShareTranscript(bootstrap))
  try {
    await Promise.all(
      transcripts.map(async (transcript) => {
        await transcript.findCoordinators()
        await play(transcript)
      }),
    )
  } finally {
    for (const transcript of transcripts) transcript.close()
  }
  const [ours, theirs] = transcripts.map(({ lines }) => lines)
  expect(ours).toEqual(theirs)
})
