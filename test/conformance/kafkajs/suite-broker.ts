/** The broker that the specs run against, with the listeners, users and settings they expect. */
import { startSecureBroker } from '../../compatibility/support/secure-broker.ts'
import { startTestBroker } from '../../integration/support/broker.ts'
import type { Lane } from './results.ts'

const SETTINGS = {
  'auto.create.topics.enable': 'true',
  'num.partitions': '2',
  'offsets.topic.replication.factor': '1',
  'offsets.topic.num.partitions': '5',
  'transaction.state.log.replication.factor': '1',
  'transaction.state.log.min.isr': '1',
  'transaction.state.log.num.partitions': '5',
  'group.initial.rebalance.delay.ms': '0',
  'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
  'allow.everyone.if.no.acl.found': 'true',
  'super.users': 'User:ANONYMOUS',
}

export interface SuiteBroker {
  /** `host:port` of the plain listener. */
  readonly plain: string
  /** What ottla's broker does not have yet: TLS, and logins over TLS. */
  readonly secure?: { readonly tls: string; readonly sasl: string; readonly ca: string }
  stop(): Promise<void>
}

export async function startSuiteBroker(lane: Lane): Promise<SuiteBroker> {
  if (lane === 'ottla') {
    const { bootstrap, stop } = await startTestBroker(SETTINGS)
    return { plain: bootstrap, stop }
  }
  const { addresses, ca, stop } = await startSecureBroker({
    plainUsers: { test: 'testtest', bob: 'bobbob', alice: 'alicealice' },
    scramUsers: [
      { name: 'testscram', mechanism: 'SCRAM-SHA-256', password: 'testtestscram=256' },
      { name: 'testscram', mechanism: 'SCRAM-SHA-512', password: 'testtestscram=512' },
    ],
    settings: SETTINGS,
  })
  return {
    plain: addresses.PLAINTEXT,
    secure: { tls: addresses.SSL, sasl: addresses.SASL_SSL, ca },
    stop,
  }
}
