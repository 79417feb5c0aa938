import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { INSTALL_TIMEOUT_MS } from '../support/peers.ts'
import { type BothBrokers, startBothBrokers } from '../support/side-by-side.ts'

let brokers: BothBrokers

beforeAll(async () => {
  brokers = await startBothBrokers()
}, INSTALL_TIMEOUT_MS)
afterAll(() => brokers?.stop())

const topics = (args: string, code = 0) =>
  brokers.same('TopicCommand', args.split(' '), { code, withStderr: true })
const configs = (args: string, code = 0) =>
  brokers.same('kafka.admin.ConfigCommand', args.split(' '), { code, withStderr: true })

describe('kafka-topics', () => {
  test('creates, lists and describes', async () => {
    await topics('--create --topic plain')
    await topics('--create --topic three --partitions 3 --config retention.ms=5000')
    await topics('--create --topic dotted.name --replication-factor 1')
    expect(await topics('--list')).toContain('three')
    await topics('--describe --topic three')
    await topics('--describe --topic plain')
    await topics('--describe --topics-with-overrides')
    await topics('--describe --topic missing', 1)
  })

  test('is told why a topic cannot be created', async () => {
    await topics('--create --topic twice')
    await topics('--create --topic twice', 1)
    await topics('--create --topic twice --if-not-exists')
    await topics('--create --topic wide --replication-factor 3', 1)
    await topics('--create --topic bad --config retention.ms=soon', 1)
    await topics('--create --topic bad --config no.such.setting=1', 1)
    await topics('--create --topic none --partitions 0', 1)
    await topics('--create --topic un/clean', 1)
    await topics('--create --topic assigned --replica-assignment 1,1')
    await topics('--create --topic misassigned --replica-assignment 7', 1)
  })

  test('adds partitions, and never removes one', async () => {
    await topics('--create --topic grows --partitions 2')
    await topics('--alter --topic grows --partitions 4')
    await topics('--describe --topic grows')
    await topics('--alter --topic grows --partitions 3', 1)
    await topics('--alter --topic grows --partitions 4', 1)
    await topics('--alter --topic missing --partitions 4', 1)
  })

  test('deletes', async () => {
    await topics('--create --topic goes')
    await topics('--delete --topic goes')
    await topics('--delete --topic goes', 1)
    await topics('--delete --topic goes --if-exists')
    expect(await topics('--list --exclude-internal')).not.toContain('goes')
  })
})

describe('kafka-configs', () => {
  test('sets, appends, removes and describes settings of a topic', async () => {
    await topics('--create --topic tuned')
    const on = '--entity-type topics --entity-name tuned'
    await configs(`${on} --describe`)
    await configs(`${on} --alter --add-config retention.ms=1000,segment.bytes=2097152`)
    await configs(`${on} --describe`)
    await configs(`${on} --alter --add-config cleanup.policy=[compact,delete]`)
    await configs(`${on} --alter --delete-config retention.ms`)
    await configs(`${on} --describe`)
    await configs(`${on} --alter --delete-config retention.ms`)
  })

  test('describes every setting of a topic with its default and where it comes from', async () => {
    await topics('--create --topic all')
    await configs('--entity-type topics --entity-name all --describe --all')
  })

  test('is told why a setting is refused', async () => {
    await topics('--create --topic strict')
    const on = '--entity-type topics --entity-name strict'
    await configs(`${on} --alter --add-config retention.ms=soon`, 1)
    await configs(`${on} --alter --add-config cleanup.policy=shred`, 1)
    await configs(`${on} --alter --add-config segment.bytes=1`, 1)
    await configs(`${on} --alter --add-config no.such.setting=1`, 1)
    await configs(
      '--entity-type topics --entity-name missing --alter --add-config retention.ms=1',
      1,
    )
  })

  test('sets and describes dynamic settings of the broker and of all brokers', async () => {
    const one = '--entity-type brokers --entity-name 1'
    await configs(`${one} --alter --add-config log.retention.ms=90000`)
    await configs(`${one} --describe`)
    await configs(`${one} --alter --delete-config log.retention.ms`)
    const all = '--entity-type brokers --entity-default'
    await configs(`${all} --alter --add-config message.max.bytes=2000000`)
    await configs(`${all} --describe`)
    await topics('--create --topic inherits')
    await configs('--entity-type topics --entity-name inherits --describe --all')
    await configs(`${all} --alter --delete-config message.max.bytes`)
    await configs(`${one} --alter --add-config broker.id=5`, 1)
    await configs(`${one} --alter --add-config num.partitions=5`, 1)
  })
})

describe('kafka-cluster and its like', () => {
  test('kafka-cluster tells the cluster id', async () => {
    const out = await brokers.both('ClusterTool', [])
    expect(out).toHaveLength(2)
    const { runTool } = await import('../support/apache-tools.ts')
    const bootstrap = ['--bootstrap-server', brokers.ottla.bootstrap]
    const id = await runTool('ClusterTool', ['cluster-id', ...bootstrap])
    expect(id.stdout).toMatch(/^Cluster ID: [\w-]{22}\n$/)
    const endpoints = await runTool('ClusterTool', ['list-endpoints', ...bootstrap])
    expect(endpoints.stdout).toContain('127.0.0.1')
  })

  test('kafka-broker-api-versions finds every API usable', async () => {
    const [ours] = await brokers.both('BrokerApiVersionsCommand', [])
    expect(ours?.code, ours?.stderr).toBe(0)
    for (const api of ['Produce(0)', 'Fetch(1)', 'JoinGroup(11)', 'DescribeTopicPartitions(75)']) {
      const line = ours?.stdout.split('\n').find((text) => text.includes(`${api}:`))
      expect(line, api).toMatch(/\[usable: \d+\]/)
    }
  })

  test('kafka-features describes the same levels', async () => {
    const found = await brokers.both('FeatureCommand', ['describe'])
    for (const { stdout, code, stderr } of found) {
      expect(code, stderr).toBe(0)
      expect(stdout).toMatch(/Feature: metadata\.version/)
    }
  })
})
