/**
 * Three nodes of Apache Kafka on this machine, each of them broker and controller, with every
 * topic on all three. Clients reach each node through a proxy of its own (`wire-proxy.ts`), nodes
 * reach each other directly:
 *
 *   client --- proxy 1 --- CLIENTS  listener of node 1 --+
 *   client --- proxy 2 --- CLIENTS  listener of node 2 --+-- INTERNAL, CONTROLLER: between nodes
 *   client --- proxy 3 --- CLIENTS  listener of node 3 --+
 *
 * So a node can be killed, be stopped (SIGSTOP: to the others it is gone, and when it comes back it
 * believes for a while to lead what others lead by now), be cut off from clients only, and come
 * back under another address. Times are short: who is silent for three seconds is out.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { WireProxy } from '../../support/wire-proxy.ts'
import { type ApacheBroker, freePort, newClusterId, startApacheBroker } from './apache-broker.ts'

export const NODE_IDS = [1, 2, 3] as const
export type NodeId = (typeof NODE_IDS)[number]

export type NodeSettings = (id: NodeId) => Readonly<Record<string, string>>

const HEAP = '320m'

const SETTINGS: Readonly<Record<string, string>> = {
  'listener.security.protocol.map': 'CLIENTS:PLAINTEXT,INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT',
  'inter.broker.listener.name': 'INTERNAL',
  'default.replication.factor': '3',
  'min.insync.replicas': '2',
  'offsets.topic.replication.factor': '3',
  'offsets.topic.num.partitions': '3',
  'transaction.state.log.replication.factor': '3',
  'transaction.state.log.min.isr': '2',
  'transaction.state.log.num.partitions': '3',
  'share.coordinator.state.topic.replication.factor': '3',
  'share.coordinator.state.topic.min.isr': '2',
  'share.coordinator.state.topic.num.partitions': '3',
  'broker.heartbeat.interval.ms': '500',
  'broker.session.timeout.ms': '3000',
  'replica.lag.time.max.ms': '3000',
  'replica.socket.timeout.ms': '3000',
  'controller.quorum.election.timeout.ms': '500',
  'controller.quorum.fetch.timeout.ms': '1500',
  'group.initial.rebalance.delay.ms': '0',
  'group.min.session.timeout.ms': '1000',
  'group.consumer.min.session.timeout.ms': '1000',
  'group.consumer.session.timeout.ms': '10000',
  'group.consumer.min.heartbeat.interval.ms': '100',
  'group.consumer.heartbeat.interval.ms': '500',
  'transaction.abort.timed.out.transaction.cleanup.interval.ms': '500',
  'auto.leader.rebalance.enable': 'false',
  'log.flush.start.offset.checkpoint.interval.ms': '5000',
  'num.network.threads': '2',
  'num.io.threads': '4',
  'background.threads': '2',
  'log.cleaner.dedupe.buffer.size': '8388608',
}

interface Ports {
  readonly clients: number
  readonly internal: number
  readonly controller: number
}

export class ApacheCluster implements AsyncDisposable {
  private readonly folder: string
  private readonly ports: ReadonlyMap<NodeId, Ports>
  private readonly proxies = new Map<NodeId, WireProxy>()
  private readonly nodes = new Map<NodeId, ApacheBroker>()
  private readonly settingsOf: NodeSettings

  private readonly clusterId = newClusterId()

  private constructor(folder: string, ports: ReadonlyMap<NodeId, Ports>, settingsOf: NodeSettings) {
    this.folder = folder
    this.ports = ports
    this.settingsOf = settingsOf
  }

  /** Settings of each node beside the usual ones. */
  static async start(settingsOf: NodeSettings = () => ({})): Promise<ApacheCluster> {
    const folder = await mkdtemp(join(tmpdir(), 'ottla-apache-cluster-'))
    const free = await freePorts(NODE_IDS.length * 3)
    const ports = new Map(
      NODE_IDS.map((id, i) => {
        const [clients = 0, internal = 0, controller = 0] = free.slice(i * 3)
        return [id, { clients, internal, controller }]
      }),
    )
    const cluster = new ApacheCluster(folder, ports, settingsOf)
    try {
      for (const id of NODE_IDS) {
        cluster.proxies.set(id, await WireProxy.start(cluster.portsOf(id).clients))
      }
      await Promise.all(NODE_IDS.map((id) => cluster.startNode(id)))
    } catch (error) {
      await cluster.stop()
      throw error
    }
    return cluster
  }

  /** All three addresses, as clients see them. */
  get bootstrap(): string {
    return NODE_IDS.map((id) => this.proxy(id).address).join(',')
  }

  proxy(id: NodeId): WireProxy {
    return this.proxies.get(id) as WireProxy
  }

  private portsOf(id: NodeId): Ports {
    return this.ports.get(id) as Ports
  }

  private node(id: NodeId): ApacheBroker {
    const node = this.nodes.get(id)
    if (!node) throw new Error(`node ${id} does not run: start it first`)
    return node
  }

  /** Starts a node, or starts it again on its data; resolves when it answers. */
  async startNode(id: NodeId): Promise<void> {
    const { clients, internal, controller } = this.portsOf(id)
    const voters = NODE_IDS.map((n) => `${n}@127.0.0.1:${this.portsOf(n).controller}`)
    const node = await startApacheBroker({
      dataDir: join(this.folder, `${id}`),
      port: clients,
      heap: HEAP,
      clusterId: this.clusterId,
      overrides: {
        ...SETTINGS,
        ...this.settingsOf(id),
        'node.id': `${id}`,
        'controller.quorum.voters': voters.join(','),
        listeners:
          `CLIENTS://127.0.0.1:${clients},INTERNAL://127.0.0.1:${internal},` +
          `CONTROLLER://127.0.0.1:${controller}`,
        'advertised.listeners': `CLIENTS://127.0.0.1:${this.proxy(id).port},INTERNAL://127.0.0.1:${internal}`,
      },
    })
    this.nodes.set(id, node)
  }

  /** SIGKILL; the data stays. */
  async kill9(id: NodeId): Promise<void> {
    const node = this.node(id)
    this.nodes.delete(id)
    await node.kill9()
  }

  /** SIGSTOP: silent to everybody until `resume`. */
  suspend(id: NodeId): void {
    process.kill(this.node(id).pid, 'SIGSTOP')
  }

  resume(id: NodeId): void {
    process.kill(this.node(id).pid, 'SIGCONT')
  }

  /** From its next start on the node tells clients another address; nobody listens at the old. */
  async moveAddress(id: NodeId): Promise<void> {
    await this.proxy(id).stop()
    this.proxies.set(id, await WireProxy.start(this.portsOf(id).clients))
  }

  /** What the node printed since it was started. */
  output(id: NodeId): string {
    return this.nodes.get(id)?.output() ?? ''
  }

  async stop(): Promise<void> {
    await Promise.all([...this.nodes.values()].map((node) => node.kill9()))
    await Promise.all([...this.proxies.values()].map((proxy) => proxy.stop()))
    await rm(this.folder, { recursive: true, force: true })
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }
}

/** Different ones: each is found while those before it are known. */
async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>()
  while (ports.size < count) ports.add(await freePort())
  return [...ports]
}
