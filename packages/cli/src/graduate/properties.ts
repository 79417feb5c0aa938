/**
 * Configuration with which Apache Kafka opens the directory. Settings that ottla was started with
 * have the same names there and can be added.
 */
import { clientAddress, controllerAddress, type Node } from './nodes.ts'

export interface PropertiesContext {
  /** Voters are in the log (KIP-853), not a setting. */
  readonly isQuorumDynamic: boolean
  /** ACLs need somebody who enforces them. */
  readonly hasAcls: boolean
}

type Settings = readonly (readonly [name: string, value: string])[]

/** One node in combined mode, on the directory as it is. */
export function oneNodeSettings(node: Node, context: PropertiesContext): Settings {
  const voters = `${node.id}@${controllerAddress(node)}`
  const bootstrap = ['controller.quorum.bootstrap.servers', controllerAddress(node)] as const
  return [
    ...ownSettings(node),
    ...(context.isQuorumDynamic ? [] : [['controller.quorum.voters', voters] as const]),
    // With both, the node finds its quorum before and after its voters went into the log.
    bootstrap,
    ...replicas(1, 1),
    ...authorizer(context),
  ]
}

/** Each of the three nodes, when the voters are in the log. */
export function clusterSettings(
  node: Node,
  nodes: readonly Node[],
  context: PropertiesContext,
): Settings {
  return [
    ...ownSettings(node),
    ['controller.quorum.bootstrap.servers', nodes.map(controllerAddress).join(',')],
    ...replicas(3, 2),
    ['default.replication.factor', '3'],
    ...authorizer(context),
  ]
}

const ownSettings = (node: Node): Settings => [
  ['process.roles', 'broker,controller'],
  ['node.id', String(node.id)],
  ['listeners', `PLAINTEXT://${clientAddress(node)},CONTROLLER://${controllerAddress(node)}`],
  [
    'advertised.listeners',
    `PLAINTEXT://${clientAddress(node)},CONTROLLER://${controllerAddress(node)}`,
  ],
  ['listener.security.protocol.map', 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT'],
  ['inter.broker.listener.name', 'PLAINTEXT'],
  ['controller.listener.names', 'CONTROLLER'],
  ['log.dirs', node.logDirs.join(',')],
]

/** Of internal topics that are made later; those that exist keep theirs. */
const replicas = (factor: number, minIsr: number): Settings => [
  ['offsets.topic.replication.factor', String(factor)],
  ['transaction.state.log.replication.factor', String(factor)],
  ['transaction.state.log.min.isr', String(minIsr)],
  ['share.coordinator.state.topic.replication.factor', String(factor)],
  ['share.coordinator.state.topic.min.isr', String(minIsr)],
]

const authorizer = ({ hasAcls }: PropertiesContext): Settings =>
  hasAcls
    ? [
        ['authorizer.class.name', 'org.apache.kafka.metadata.authorizer.StandardAuthorizer'],
        ['super.users', 'User:ANONYMOUS'],
      ]
    : []

export const propertiesText = (settings: Settings): string =>
  settings.map(([name, value]) => `${name}=${value}\n`).join('')
