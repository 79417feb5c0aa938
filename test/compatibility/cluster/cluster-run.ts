/**
 * A cluster under load through a list of faults, and the verdict: every acknowledged record is
 * there once and in order, the groups were given all of them, and the copies made in transactions
 * equal their source. Our own reader says so, and kcat beside it.
 */
import { SeededRandom } from '@ottla/base'
import { Kafka } from '@ottla/client'
import { ApacheCluster } from '../support/apache-cluster.ts'
import { waitUntil } from '../support/judged-broker.ts'
import { runProgram } from '../support/run-program.ts'
import { contentOf } from '../support/topic-content.ts'
import { type Fault, inflict, type Site, waitForReplicas } from './faults.ts'
import { faultsOfCopy, type StoredValue } from './ledger.ts'
import { copiesOf, EVENTS, Load, PARTITIONS, PROTOCOLS } from './load.ts'

const WAIT_MS = 180_000

export interface ClusterRunOptions {
  readonly faults: Iterable<Fault>
  readonly seed: number
  readonly onFault?: (fault: Fault, acknowledged: number, tookMs: number) => void
}

export interface ClusterReport {
  readonly acknowledged: number
  readonly copied: number
  readonly fenced: number
  readonly doubled: number
  /** What broke a promise; empty when all is well. */
  readonly faults: readonly string[]
}

export async function runCluster(options: ClusterRunOptions): Promise<ClusterReport> {
  await using cluster = await ApacheCluster.start()
  await using kafka = new Kafka({
    brokers: cluster.bootstrap,
    requestTimeoutMs: 3_000,
    connectTimeoutMs: 2_000,
    apiTimeoutMs: 60_000,
  })
  await createTopics(kafka)
  const load = new Load(cluster.bootstrap)
  let doubled = 0
  const site: Site = {
    cluster,
    kafka,
    random: new SeededRandom(options.seed),
    doubleWorker: () => {
      load.addWorker(PROTOCOLS[doubled % PROTOCOLS.length] ?? 'classic', 0)
      doubled++
    },
  }
  load.start()
  try {
    await waitForProgress(load)
    await waitForReplicas(site)
    for (const fault of options.faults) {
      const startMs = performance.now()
      await inflict(fault, site)
      await waitForProgress(load)
      options.onFault?.(fault, load.ledger.acknowledged.size, performance.now() - startMs)
    }
    await load.stopProducers()
    const faults = await verdict(load, kafka, cluster.bootstrap)
    load.check()
    const { acknowledged } = load.ledger
    const { copied, fenced } = load
    const copies = copied.classic + copied.consumer
    return { acknowledged: acknowledged.size, copied: copies, fenced, doubled, faults }
  } finally {
    await load.stop()
  }
}

async function createTopics(kafka: Kafka): Promise<void> {
  const names = [EVENTS, ...PROTOCOLS.map(copiesOf)]
  const topics = names.map((topic) => ({ topic, partitions: PARTITIONS, replicationFactor: 3 }))
  await waitUntil(
    'the topics',
    async () => {
      // Until all three nodes have been heard of there is no room for three replicas.
      const { brokers } = await kafka.admin.describeCluster()
      return brokers.length === 3
    },
    WAIT_MS,
  )
  await kafka.admin.createTopics(topics)
}

/** Everything moves on from where it is now: producers, readers, pipelines. */
async function waitForProgress(load: Load): Promise<void> {
  const reached = () => [
    load.ledger.acknowledged.size,
    ...PROTOCOLS.flatMap((protocol) => [load.seen[protocol].size, load.copied[protocol]]),
  ]
  const from = reached()
  await waitUntil(
    'progress of every part',
    () => {
      load.check()
      return reached().every((count, i) => count > (from[i] as number))
    },
    WAIT_MS,
  )
}

async function verdict(load: Load, kafka: Kafka, bootstrap: string): Promise<string[]> {
  const events = await contentOf(kafka, EVENTS)
  const source = events.map(({ partition, value }) => ({ partition, value: value ?? '' }))
  const faults = load.ledger.faultsOf(source)
  for (const protocol of PROTOCOLS) {
    const seen = load.seen[protocol]
    const isAll = () => {
      load.check()
      return load.ledger.missedBy(seen).length === 0
    }
    await waitUntil(`the readers (${protocol}) at the end`, isAll, WAIT_MS).catch(() => {
      const missed = load.ledger.missedBy(seen)
      faults.push(`readers (${protocol}) were not given ${missed.length}: ${missed.slice(0, 5)}`)
    })
    await waitUntil(
      `the pipeline (${protocol}) at the end`,
      async () => {
        load.check()
        const lags = await kafka.admin.lag(`copiers-${protocol}`)
        return lags.length === PARTITIONS && lags.every(({ lag }) => lag === 0n)
      },
      WAIT_MS,
    )
    const topic = copiesOf(protocol)
    const ours = await contentOf(kafka, topic, 'read_committed')
    const mine = ours.map(({ partition, value }) => ({ partition, value: value ?? '' }))
    faults.push(...faultsOfCopy(source, mine, `${topic} as our consumer sees it`))
    const theirs = await readWithKcat(bootstrap, topic)
    faults.push(...faultsOfCopy(source, theirs, `${topic} as kcat sees it`))
  }
  return faults
}

/** All of a topic that is committed, as librdkafka reads it. */
async function readWithKcat(bootstrap: string, topic: string): Promise<StoredValue[]> {
  const args = `-C -t ${topic} -o beginning -e -q -X isolation.level=read_committed`.split(' ')
  const { stdout, stderr, code } = await runProgram('kcat', [
    ...['-b', bootstrap, ...args],
    ...['-f', '%p %s\\n'],
  ])
  if (code !== 0) throw new Error(`kcat ended with ${code}: ${stderr}`)
  const lines = stdout.toString().split('\n').filter(Boolean)
  return lines.map((line) => {
    const [partition, value = ''] = line.split(' ')
    return { partition: Number(partition), value }
  })
}
