/** The same requests of streams groups to ottla and to Apache Kafka: all answers must be equal. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startOttlaProcess } from '../../support/ottla-process.ts'
import { startApacheBroker } from '../support/apache-broker.ts'
import * as plays from './plays.ts'
import { StreamsTranscript } from './streams-transcript.ts'

const SETTINGS = {
  'group.streams.max.size': '6',
  'group.streams.initial.rebalance.delay.ms': '0',
  'group.streams.assignment.interval.ms': '0',
  'offsets.topic.num.partitions': '5',
}
/** Apache Kafka computes assignments on another thread by default; here at once, as ottla does. */
const APACHE_ONLY = {
  'group.streams.assignor.offload.enable': 'false',
  'group.consumer.assignment.interval.ms': '0',
  'group.consumer.assignor.offload.enable': 'false',
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
  const transcripts = brokers.map(({ bootstrap }) => new StreamsTranscript(bootstrap))
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
