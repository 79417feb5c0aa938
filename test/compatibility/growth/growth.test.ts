/**
 * From ottla's directory to a cluster of three, by the very steps that `ottla graduate` prints,
 * with an application of our client and a Java client running through all of it: the directory
 * opened by Apache Kafka, two nodes joined, partitions moved to three replicas, the first node
 * stopped.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Kafka } from '@ottla/client'
import { expect, test } from 'vitest'
import { ottla } from '../../integration/cli/run-ottla.ts'
import { startOttlaProcess } from '../../support/ottla-process.ts'
import { makeAccess, readAccess } from '../disk/access.ts'
import { contentsOf, load } from '../disk/sample-data.ts'
import { freePort } from '../support/apache-broker.ts'
import { waitUntil } from '../support/judged-broker.ts'
import { contentOf } from '../support/topic-content.ts'
import { ClusterNodes, type Step } from './cluster-nodes.ts'
import { faultsOf, SteadyApplication } from './steady-application.ts'

const TEST_TIMEOUT_MS = 600_000
const PARTITIONS = 3
const TOPIC = 'steady'
const SETTINGS = {
  'offsets.topic.num.partitions': '3',
  'transaction.state.log.num.partitions': '3',
  'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
  'super.users': 'User:ANONYMOUS',
}

const nodesText = async (): Promise<string> => {
  const ports = new Set<number>()
  while (ports.size < 6) ports.add(await freePort())
  const [a, b, c, d, e, f] = [...ports]
  return `127.0.0.1:${a}:${b},127.0.0.1:${c}:${d},127.0.0.1:${e}:${f}`
}

const bootstrapOf = (nodes: string): string[] =>
  nodes.split(',').map((node) => node.split(':').slice(0, 2).join(':'))

/** All partitions have as many replicas in sync. */
async function isInSync(bootstrap: string, count: number): Promise<boolean> {
  await using kafka = new Kafka({ brokers: bootstrap })
  const topics = (await kafka.admin.listTopics()).map(({ name }) => name)
  const described = await kafka.admin.describeTopics(topics)
  return described.every(({ partitions }) => partitions.every(({ isr }) => isr.length === count))
}

async function prepare(dataDir: string) {
  await using broker = await startOttlaProcess({ dataDir, settings: SETTINGS })
  await load(broker.bootstrap)
  await makeAccess(broker.bootstrap, 'someone')
  await using kafka = new Kafka({ brokers: broker.bootstrap })
  // The records are dated years back, and the test lasts until retention looks.
  const topics = (await kafka.admin.listTopics()).filter(({ name }) => !name.startsWith('__'))
  await kafka.admin.incrementalAlterConfigs(
    topics.map(({ name }) => ({
      type: 'topic' as const,
      name,
      configs: [{ name: 'retention.ms', value: '-1' }],
    })),
  )
  await kafka.admin.createTopics([{ topic: TOPIC, partitions: PARTITIONS }])
  return {
    contents: await contentsOf(broker.bootstrap),
    access: await readAccess(broker.bootstrap),
  }
}

/** The application goes on: both clients have had records acknowledged since. */
async function hasProgress(application: SteadyApplication): Promise<void> {
  const [ours, java] = application.progress
  await waitUntil(
    'the application goes on',
    () => application.progress[0] > ours + 30 && application.progress[1] > java + 30,
  )
}

test('one node becomes three under a running application', {
  timeout: TEST_TIMEOUT_MS,
}, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'ottla-growth-'))
  const dataDir = join(folder, 'data')
  try {
    const before = await prepare(dataDir)
    const nodes = await nodesText()
    const [first, ...others] = bootstrapOf(nodes) as [string, ...string[]]
    const plan = await ottla(
      ['graduate', dataDir, '--nodes', nodes, '--write', folder, '-o', 'json'],
      {},
    )
    expect(plan.code, plan.err + plan.out).toBe(0)
    const { steps } = JSON.parse(plan.out) as { steps: Step[] }

    await using cluster = new ClusterNodes(folder)
    await cluster.start('server.properties')
    await waitUntil('the first node serves', () => isInSync(first, 1).catch(() => false))
    const bootstrap = [first, ...others].join(',')
    const options = { bootstrap, topic: TOPIC, partitions: PARTITIONS, folder }
    await using application = await SteadyApplication.start(options)
    await hasProgress(application)

    for (const step of steps) {
      await cluster.run(step)
      await hasProgress(application)
    }
    await waitUntil('three replicas are in sync', () => isInSync(first, 3))
    const left = others.join(',')
    await cluster.processes.get('server.properties')?.stop()
    await hasProgress(application)
    await waitUntil('the other two serve all', () => isInSync(others[0] as string, 2))
    await hasProgress(application)
    await application.stop()

    await using kafka = new Kafka({ brokers: left.split(',') })
    const stored = (await contentOf(kafka, TOPIC)).map(({ partition, offset, value }) => ({
      partition,
      offset: Number(offset),
      value: value ?? '',
    }))
    const { ours, java } = application
    expect(faultsOf({ ours, java }, stored)).toEqual([])
    const after = await contentsOf(others[0] as string)
    for (const [name, contents] of Object.entries(before.contents.partitions)) {
      if (!name.startsWith(TOPIC)) expect(after.partitions[name], name).toEqual(contents)
    }
    expect(after.groups).toEqual(before.contents.groups)
    expect(await readAccess(others[0] as string)).toEqual(before.access)

    // The first node comes back as one of three.
    await cluster.start('node-1.properties')
    await waitUntil('all three are in sync again', () => isInSync(others[0] as string, 3))
    process.stdout.write(`growth: ${stored.length} records while one node became three\n`)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})
