/**
 * The brokers the suite runs against: ottla as users run it, and Apache Kafka on one node, both
 * with the settings that the suite's own scripts give their cluster.
 */
import { createConnection } from 'node:net'
import { type ApacheBroker, startApacheBroker } from '../../compatibility/support/apache-broker.ts'
import { type OttlaProcess, startOttlaProcess } from '../../support/ottla-process.ts'

export const BROKERS = ['ottla', 'apache'] as const
export type BrokerKind = (typeof BROKERS)[number]

const COMMON: Readonly<Record<string, string>> = {
  'num.partitions': '4',
  'offsets.topic.num.partitions': '5',
  // Apache Kafka's default: the suite counts rebalances and expects two joins to make one.
  'group.initial.rebalance.delay.ms': '3000',
  'group.share.min.record.lock.duration.ms': '1000',
  'log.retention.bytes': '1000000000',
  'broker.rack': 'RACK1',
  'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
}

/** Whoever has no ACL is let in, as in the suite's own cluster. */
const APACHE: Readonly<Record<string, string>> = {
  'allow.everyone.if.no.acl.found': 'true',
  'replica.selector.class': 'org.apache.kafka.common.replica.RackAwareReplicaSelector',
}

export type JudgedBroker = OttlaProcess | ApacheBroker

export function startBrokerFor(kind: BrokerKind, scenario: string): Promise<JudgedBroker> {
  const settings = {
    ...COMMON,
    'auto.create.topics.enable': String(scenario !== 'noautocreate'),
  }
  if (kind === 'ottla') return startOttlaProcess({ settings })
  return startApacheBroker({ heap: '1g', overrides: { ...settings, ...APACHE } })
}

/** Whether it still takes connections. */
export function isAlive(broker: JudgedBroker): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(broker.port, '127.0.0.1')
    const done = (isOpen: boolean) => () => {
      socket.destroy()
      resolve(isOpen)
    }
    socket.once('connect', done(true))
    socket.once('error', done(false))
  })
}
