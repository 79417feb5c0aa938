/** The same members of both protocols in one group of ottla and of Apache Kafka: equal answers. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startOttlaProcess } from '../../support/ottla-process.ts'
import { startApacheBroker } from '../support/apache-broker.ts'
import { MixedTranscript } from './classic-speaker.ts'
import * as plays from './migration-plays.ts'

const SETTINGS = {
  'group.consumer.assignment.interval.ms': '0',
  'group.initial.rebalance.delay.ms': '0',
  'offsets.topic.num.partitions': '5',
}
const APACHE_ONLY = { 'group.consumer.assignor.offload.enable': 'false' }

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
  const transcripts = brokers.map(({ bootstrap }) => new MixedTranscript(bootstrap))
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
