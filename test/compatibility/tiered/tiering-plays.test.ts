/** What may be set on tiered topics, and what their special offsets are: as Apache Kafka says. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { apis } from '@ottla/protocol'
import { expect, test } from 'vitest'
import { startOttlaProcess } from '../../support/ottla-process.ts'
import { ApiTranscript } from '../apis/api-transcript.ts'
import { startApacheBroker } from '../support/apache-broker.ts'
import { ensureLocalTieredStorage } from '../support/apache-jars.ts'
import { waitUntil } from '../support/judged-broker.ts'

type Configs = Readonly<Record<string, string>>

const ON = { 'remote.storage.enable': 'true' }
const CREATED: readonly Configs[] = [
  ON,
  { ...ON, 'cleanup.policy': 'compact' },
  { ...ON, 'cleanup.policy': 'compact,delete' },
  { ...ON, 'retention.ms': '1000', 'local.retention.ms': '2000' },
  { ...ON, 'retention.ms': '1000', 'local.retention.ms': '-1' },
  { ...ON, 'retention.ms': '1000', 'local.retention.ms': '-2' },
  { ...ON, 'retention.ms': '-1', 'local.retention.ms': '-1' },
  { ...ON, 'retention.bytes': '1000', 'local.retention.bytes': '2000' },
  { ...ON, 'retention.bytes': '1000', 'local.retention.bytes': '-1' },
  { ...ON, 'local.retention.bytes': '2000' },
  { ...ON, 'local.retention.ms': '-3' },
  { ...ON, 'remote.log.copy.disable': 'true' },
  { ...ON, 'remote.log.copy.disable': 'true', 'local.retention.ms': '500' },
  { ...ON, 'remote.log.copy.disable': 'true', 'local.retention.bytes': '500' },
  { ...ON, 'remote.copy.lag.ms': '2000', 'local.retention.ms': '1000' },
  { ...ON, 'remote.copy.lag.bytes': '2000', 'local.retention.bytes': '1000' },
  { ...ON, 'remote.copy.lag.ms': '-1', 'remote.copy.lag.bytes': '-1' },
  { ...ON, 'remote.copy.lag.ms': '-2' },
  { 'remote.storage.enable': 'false', 'remote.log.delete.on.disable': 'true' },
  { 'remote.log.copy.disable': 'true', 'local.retention.ms': '500' },
]

async function create(t: ApiTranscript, name: string, configs: Configs): Promise<void> {
  const topic = {
    name,
    numPartitions: 1,
    replicationFactor: 1,
    assignments: [],
    configs: Object.entries(configs).map(([key, value]) => ({ name: key, value })),
  }
  const body = { topics: [topic], timeoutMs: 30_000, validateOnly: false }
  type Created = {
    topics: { topicId: string; errorCode: number; errorMessage: string | null }[]
  }
  const { topics } = await t.send<Created>(apis.createTopics, 7, body)
  const [answer] = topics
  t.note(`creates with ${JSON.stringify(configs)}`, {
    errorCode: answer?.errorCode,
    errorMessage: answer?.errorMessage,
  })
}

/** null takes a setting away. */
async function alter(
  t: ApiTranscript,
  name: string,
  configs: Readonly<Record<string, string | null>>,
): Promise<void> {
  const changes = Object.entries(configs).map(([key, value]) => ({
    name: key,
    configOperation: value === null ? 1 : 0,
    value,
  }))
  await t.ask(`alters ${name} by ${JSON.stringify(configs)}`, apis.incrementalAlterConfigs, 1, {
    resources: [{ resourceType: 2, resourceName: name, configs: changes }],
    validateOnly: false,
  })
}

async function offsets(t: ApiTranscript, name: string): Promise<void> {
  for (const timestamp of [-1, -2, -3, -4, -5, -6]) {
    const partitions = [{ partitionIndex: 0, currentLeaderEpoch: -1, timestamp }]
    await t.ask(`${timestamp} of ${name}`, apis.listOffsets, 11, {
      replicaId: -1,
      isolationLevel: 0,
      topics: [{ name, partitions }],
      timeoutMs: 30_000,
    })
  }
}

async function play(t: ApiTranscript): Promise<void> {
  for (const [i, configs] of CREATED.entries()) await create(t, `made-${i}`, configs)
  await create(t, 'plain', {})
  await waitUntil('the last topic is there', async () => {
    const partitions = [{ partitionIndex: 0, currentLeaderEpoch: -1, timestamp: -1 }]
    const topics = [{ name: 'plain', partitions }]
    const asked = { replicaId: -1, isolationLevel: 0, topics, timeoutMs: 30_000 }
    type Listed = { topics: { partitions: { errorCode: number }[] }[] }
    const listed = await t.send<Listed>(apis.listOffsets, 11, asked)
    return listed.topics[0]?.partitions[0]?.errorCode === 0
  })
  await offsets(t, 'plain')
  await alter(t, 'plain', ON)
  await alter(t, 'plain', { 'remote.storage.enable': 'false' })
  // The first topic exists where tiered storage is on.
  await offsets(t, 'made-0')
  await alter(t, 'made-0', { 'cleanup.policy': 'compact' })
  await alter(t, 'made-0', { 'local.retention.ms': '-1', 'retention.ms': '5' })
  await alter(t, 'made-0', { 'remote.log.copy.disable': 'true' })
  await alter(t, 'made-0', { 'local.retention.ms': '777' })
  await alter(t, 'made-0', { 'remote.storage.enable': null })
  await alter(t, 'made-0', { 'remote.storage.enable': 'false' })
  await alter(t, 'made-0', {
    'remote.storage.enable': 'false',
    'remote.log.delete.on.disable': 'true',
  })
}

test.each(['off', 'on'])('tiered storage is %s', { timeout: 240_000 }, async (state) => {
  const root = mkdtempSync(join(tmpdir(), 'ottla-tiering-plays-'))
  const enable = { 'remote.log.storage.system.enable': String(state === 'on') }
  const classPath = await ensureLocalTieredStorage()
  const [ours, theirs] = await Promise.all([
    startOttlaProcess({
      settings: { ...enable, 'archive.url': pathToFileURL(join(root, 'ottla')).href },
    }),
    startApacheBroker({
      heap: '512m',
      overrides: {
        ...enable,
        'remote.log.storage.manager.class.name':
          'org.apache.kafka.server.log.remote.storage.LocalTieredStorage',
        'remote.log.storage.manager.class.path': classPath,
        'remote.log.metadata.manager.listener.name': 'PLAINTEXT',
        'rlmm.config.remote.log.metadata.topic.replication.factor': '1',
        'rsm.config.dir': join(root, 'apache'),
      },
    }),
  ])
  const transcripts = [ours, theirs].map(({ bootstrap }) => new ApiTranscript(bootstrap))
  try {
    await Promise.all(transcripts.map(play))
    expect(transcripts[0]?.lines).toEqual(transcripts[1]?.lines)
  } finally {
    for (const transcript of transcripts) transcript.close()
    await Promise.all([ours.stop(), theirs.stop()])
    rmSync(root, { recursive: true, force: true })
  }
})
