/**
 * The way from one node of Apache Kafka to three, as steps that a person or a test carries out one
 * after another. A file is written where a step names it; a command is one of Apache Kafka's
 * scripts. Clients work through all of it; those that know only the first node should be given the
 * addresses of all three before it is ever stopped.
 *
 * Voters of a single node are a setting. `kraft.version=1` puts them into the log, where
 * controllers can be added (Apache Kafka 4.1 and later).
 */
import { clientAddress, type Node } from './nodes.ts'
import { clusterSettings, type PropertiesContext, propertiesText } from './properties.ts'

/** Apache Kafka's script without its `.sh`, and its arguments. */
export interface ToolCommand {
  readonly tool: string
  readonly args: readonly string[]
  /** Runs on, as a node does; the others end by themselves. */
  readonly isServer?: true
  /** To be repeated until the output has no more of this. */
  readonly repeatWhile?: string
  /** To be repeated until it succeeds: the node must have come up. */
  readonly isRetried?: true
}

export interface GrowthStep {
  readonly title: string
  /** Node whose machine it is done on; any when left out. */
  readonly node?: number
  readonly files?: readonly { readonly name: string; readonly text: string }[]
  readonly commands: readonly ToolCommand[]
}

export interface PartitionToMove {
  readonly topic: string
  readonly partition: number
}

export interface GrowthContext extends PropertiesContext {
  readonly clusterId: string
  readonly nodes: readonly Node[]
  readonly partitions: readonly PartitionToMove[]
  /** Topics with a minimum of replicas in sync of their own. */
  readonly topicsWithMinIsr: readonly string[]
}

const REASSIGNMENT_FILE = 'move-to-three.json'
const propertiesFile = ({ id }: Node) => `node-${id}.properties`

export function growthSteps(context: GrowthContext): GrowthStep[] {
  const { nodes, isQuorumDynamic } = context
  const [first, ...others] = nodes as [Node, ...Node[]]
  const server = ['--bootstrap-server', clientAddress(first)]
  const steps: GrowthStep[] = []
  if (!isQuorumDynamic) {
    const args = [...server, 'upgrade', '--feature', 'kraft.version=1']
    const commands = [{ tool: 'kafka-features', args }]
    steps.push({ title: 'Put the voters into the metadata log', commands })
  }
  for (const node of others) steps.push(...joiningSteps(node, context))
  steps.push(...movingSteps(context, nodes.map(clientAddress).join(',')))
  steps.push({
    title: `Give node ${first.id} the configuration of the cluster, for its next start`,
    node: first.id,
    files: [fileOf(first, context)],
    commands: [],
  })
  return steps
}

const fileOf = (node: Node, context: GrowthContext) => ({
  name: propertiesFile(node),
  text: propertiesText(clusterSettings(node, context.nodes, context)),
})

function joiningSteps(node: Node, context: GrowthContext): GrowthStep[] {
  const { clusterId, nodes } = context
  const config = ['--config', propertiesFile(node)]
  const format = ['format', '--cluster-id', clusterId, ...config, '--no-initial-controllers']
  const [first] = nodes as [Node]
  const addController = [
    '--bootstrap-server',
    clientAddress(first),
    '--command-config',
    propertiesFile(node),
    'add-controller',
  ]
  return [
    {
      title: `Start node ${node.id}`,
      node: node.id,
      files: [fileOf(node, context)],
      commands: [
        { tool: 'kafka-storage', args: format },
        { tool: 'kafka-server-start', args: [propertiesFile(node)], isServer: true },
      ],
    },
    {
      title: `Make the controller of node ${node.id} a voter`,
      node: node.id,
      commands: [{ tool: 'kafka-metadata-quorum', args: addController, isRetried: true }],
    },
  ]
}

function movingSteps(context: GrowthContext, bootstrap: string): GrowthStep[] {
  const server = ['--bootstrap-server', bootstrap]
  const file = ['--reassignment-json-file', REASSIGNMENT_FILE]
  const alter = (...entity: string[]) => ({
    tool: 'kafka-configs',
    args: [...server, '--alter', ...entity, '--add-config', 'min.insync.replicas=2'],
  })
  const topics = context.topicsWithMinIsr.map((topic) =>
    alter('--entity-type', 'topics', '--entity-name', topic),
  )
  return [
    {
      title: 'Give every partition three replicas',
      files: [{ name: REASSIGNMENT_FILE, text: reassignment(context) }],
      commands: [
        { tool: 'kafka-reassign-partitions', args: [...server, ...file, '--execute'] },
        {
          tool: 'kafka-reassign-partitions',
          args: [...server, ...file, '--verify'],
          repeatWhile: 'still in progress',
        },
      ],
    },
    {
      title: 'Acknowledge records when two replicas have them',
      commands: [alter('--entity-type', 'brokers', '--entity-default'), ...topics],
    },
    {
      title: 'Spread the leaders over the nodes',
      commands: [
        {
          tool: 'kafka-leader-election',
          args: [...server, '--election-type', 'preferred', '--all-topic-partitions'],
        },
      ],
    },
  ]
}

/** Leaders, the first replicas, take turns. */
function reassignment({ partitions, nodes }: GrowthContext): string {
  const ids = nodes.map(({ id }) => id)
  const moved = partitions.map(({ topic, partition }, i) => {
    const turn = i % ids.length
    return { topic, partition, replicas: [...ids.slice(turn), ...ids.slice(0, turn)] }
  })
  const lines = moved.map((one) => `  ${JSON.stringify(one)}`)
  return `{"version":1,"partitions":[\n${lines.join(',\n')}\n]}\n`
}
