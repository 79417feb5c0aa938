/** Admin calls, all of them: `kafka.admin`. Each subject has a file of its own. */
import { apis } from '@ottla/protocol'
import { groupByTopic } from '../consumer/list-offsets.ts'
import type { TopicPartition } from '../group/assignor.ts'
import type { AdminOptions } from './admin-core.ts'
import { ClusterAdmin } from './cluster-admin.ts'
import type { BrokersOptions } from './every-broker.ts'
import type { Outcomes } from './item-results.ts'

export interface ClusterDescription {
  readonly clusterId: string | null
  readonly controller: number
  readonly brokers: readonly {
    readonly id: number
    readonly host: string
    readonly port: number
    readonly rack: string | null
  }[]
}

export interface LogDir {
  readonly broker: number
  /** Undefined when the broker could not be asked, or refused: its directories are not known. */
  readonly path: string | undefined
}

export interface LogDirDescription extends LogDir {
  readonly path: string
  /** -1n when the broker does not say. */
  readonly totalBytes: bigint
  readonly usableBytes: bigint
  readonly partitions: readonly {
    readonly topic: string
    readonly partition: number
    readonly size: bigint
    readonly offsetLag: bigint
    readonly isFuture: boolean
  }[]
}

export class Admin extends ClusterAdmin {
  describeCluster(options: AdminOptions = {}): Promise<ClusterDescription> {
    return this.call('describeCluster', options, async () => {
      const metadata = await this.requestMetadata([])
      return {
        clusterId: metadata.clusterId,
        controller: metadata.controllerId,
        brokers: metadata.brokers.map(({ nodeId, host, port, rack }) => ({
          id: nodeId,
          host,
          port,
          rack,
        })),
      }
    })
  }

  /**
   * Log directories of all brokers, or of those named (DescribeLogDirs), with the size in bytes of
   * every partition, or of those named. A directory that is offline has KAFKA_STORAGE_ERROR as its
   * error. With `perItem` followed by an error for each broker whose directories are not known;
   * without it the call throws unless all directories of all brokers are.
   */
  async describeLogDirs<
    Options extends BrokersOptions & { readonly partitions?: readonly TopicPartition[] },
  >(options: Options = {} as Options): Promise<Outcomes<Options, LogDir, LogDirDescription>> {
    const topics = options.partitions
      ? groupByTopic(options.partitions).map(([topic, items]) => ({
          topic,
          partitions: items.map(({ partition }) => partition),
        }))
      : null
    const asking = this.askEvery('describeLogDirs', options, async (broker) => {
      const response = await this.cluster.request(broker, apis.describeLogDirs, { topics })
      this.check(response.errorCode, `Log directories of broker ${broker}`)
      return response.results.map((answer) => {
        const key = { broker, path: answer.logDir }
        const what = `Log directory ${answer.logDir} of broker ${broker}`
        return this.outcome<LogDir, LogDirDescription>(key, what, answer, () => ({
          ...key,
          totalBytes: BigInt(answer.totalBytes),
          usableBytes: BigInt(answer.usableBytes),
          partitions: answer.topics.flatMap(({ name, partitions }) =>
            partitions.map((p) => ({
              topic: name,
              partition: p.partitionIndex,
              size: BigInt(p.partitionSize),
              offsetLag: BigInt(p.offsetLag),
              isFuture: p.isFutureKey,
            })),
          ),
        }))
      })
    })
    const { found, failed } = await asking
    const unknown = failed.map(({ broker, error }) => ({ broker, path: undefined, error }))
    return this.settle<LogDir, LogDirDescription, Options>([...found, ...unknown], options)
  }
}
