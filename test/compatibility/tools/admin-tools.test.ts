/** Apache Kafka's administration tools, asked of both brokers at once. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { INSTALL_TIMEOUT_MS } from '../support/peers.ts'
import {
  type Asked,
  type BothBrokers,
  type Mask,
  startBothBrokers,
} from '../support/side-by-side.ts'

let brokers: BothBrokers

const AUTHORIZER = {
  'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
  'super.users': 'User:ANONYMOUS',
}

beforeAll(async () => {
  brokers = await startBothBrokers(AUTHORIZER)
}, INSTALL_TIMEOUT_MS)
afterAll(() => brokers?.stop())

const run = (tool: string, args: string, asked: Asked = {}) =>
  brokers.same(tool, args.split(' '), { withStderr: true, ...asked })
const configs = (args: string, asked?: Asked) => run('kafka.admin.ConfigCommand', args, asked)

describe('kafka-acls', () => {
  const acls = (args: string, asked?: Asked) => run('AclCommand', args, asked)

  test('adds, lists and removes', async () => {
    await acls('--add --allow-principal User:ann --operation Read --topic orders')
    await acls(
      '--add --deny-principal User:bob --deny-host 10.0.0.0/8 --operation All --topic orders',
    )
    await acls(
      '--add --allow-principal User:eve --producer --topic pre --resource-pattern-type prefixed',
    )
    await acls('--add --allow-principal User:eve --consumer --topic orders --group readers')
    await acls('--add --allow-principal User:root --operation Alter --cluster')
    expect(await acls('--list')).toContain('User:bob')
    await acls('--list --topic orders')
    await acls('--list --topic present --resource-pattern-type match')
    await acls('--remove --force --allow-principal User:ann --operation Read --topic orders')
    await acls('--remove --force --topic orders')
    await acls('--list')
  })
})

describe('kafka-configs', () => {
  test('sets quotas of users, clients and addresses', async () => {
    const alter = '--alter --add-config'
    await configs(`${alter} producer_byte_rate=1024 --entity-type users --entity-name ann`)
    await configs(`${alter} request_percentage=50 --entity-type users --entity-default`)
    await configs(
      `${alter} consumer_byte_rate=9 --entity-type users --entity-name ann --entity-type clients --entity-name app`,
    )
    await configs(`${alter} connection_creation_rate=5 --entity-type ips --entity-name 127.0.0.1`)
    await configs('--describe --entity-type users')
    await configs('--describe --entity-type users --entity-name ann')
    await configs('--describe --entity-type ips')
    await configs('--describe --entity-type users --entity-type clients')
    await configs(
      '--alter --delete-config producer_byte_rate --entity-type users --entity-name ann',
    )
    await configs('--describe --entity-type users --entity-name ann')
  })

  test('makes SCRAM users, and shows no secret', async () => {
    const secret = 'SCRAM-SHA-256=[iterations=8192,password=geheim]'
    await configs(`--alter --add-config ${secret} --entity-type users --entity-name scram`)
    const told = await configs('--describe --entity-type users --entity-name scram')
    expect(told).toContain('SCRAM-SHA-256=iterations=8192')
    await configs('--alter --delete-config SCRAM-SHA-256 --entity-type users --entity-name scram')
    await configs('--describe --entity-type users --entity-name scram')
  })
})

test('kafka-client-metrics makes, describes and deletes subscriptions', async () => {
  const metrics = (args: string, asked?: Asked) => run('ClientMetricsCommand', args, asked)
  await metrics('--alter --name sub --metrics org.apache.kafka.producer. --interval 5000')
  await metrics('--describe --name sub')
  await metrics('--list')
  await metrics('--alter --name sub --interval 5', { code: 1 })
  await metrics('--delete --name sub')
  await metrics('--list')
})

test('kafka-features describes, raises and lowers', async () => {
  const epoch: Mask = (text) => text.replace(/Epoch: \d+/g, 'Epoch: N')
  const features = (args: string, asked: Asked = {}) =>
    run('FeatureCommand', args, { mask: epoch, ...asked })
  await features('describe')
  await features('downgrade --feature share.version=1 --dry-run')
  await features('downgrade --feature group.version=0')
  await features('describe')
  await features('upgrade --feature group.version=1')
  await features('upgrade --feature group.version=7', { code: 1 })
  await features('downgrade --metadata 4.0', { code: 1 })
})

test('kafka-metadata-quorum knows one voter that leads', async () => {
  const own: Mask = (text) =>
    text
      .replace(/(ClusterId:\s+)\S+/, '$1ID')
      .replace(/((?:LeaderEpoch|HighWatermark|MaxFollowerLagTimeMs):\s+)\d+/g, '$1N')
      .replace(/CONTROLLER:|PLAINTEXT:/g, 'LISTENER:')
      .replace(/^(1\s+\S+\s+)\d+(\s+0\s+)\d+(\s+)\d+/gm, '$1N$2T$3T')
  await run('MetadataQuorumCommand', 'describe --status', { mask: own })
  await run('MetadataQuorumCommand', 'describe --replication', { mask: own })
})

test('kafka-leader-election finds nothing to elect', async () => {
  await run('TopicCommand', '--create --topic led --partitions 2')
  const elect = (args: string, asked?: Asked) => run('LeaderElectionCommand', args, asked)
  await elect('--election-type preferred --topic led --partition 0')
  await elect('--election-type unclean --topic led --partition 1')
  await elect('--election-type preferred --all-topic-partitions')
  await elect('--election-type preferred --topic led --partition 9', { code: 1 })
})

test('kafka-reassign-partitions leaves partitions where they are', async () => {
  await run('TopicCommand', '--create --topic stays --partitions 2')
  const reassign = (args: string, asked?: Asked) => run('ReassignPartitionsCommand', args, asked)
  await reassign('--list')
})

test('kafka-delegation-tokens are for those who have logged in', async () => {
  const file = { code: 1 }
  await run('DelegationTokenCommand', '--describe --command-config /dev/null', file)
})

test('kafka-cluster tells the id and the endpoints', async () => {
  const id: Mask = (text) => text.replace(/(Cluster ID: )\S+/, '$1ID')
  await run('ClusterTool', 'cluster-id', { mask: id, commandFirst: true })
  await run('ClusterTool', 'unregister --id 9', { commandFirst: true, code: 1 })
})

test('kafka-log-dirs lists sizes', async () => {
  await run('TopicCommand', '--create --topic sized --partitions 2')
  const own: Mask = (text) => text.replace(/"logDir":"[^"]*"/g, '"logDir":"D"')
  await run('LogDirsCommand', '--describe --topic-list sized', { mask: own })
})
