/** Admin calls, all of them: `kafka.admin`. Each subject has a file of its own. */
import { apis } from '@ottla/protocol'
import type { AdminOptions } from './admin-core.ts'
import { ClusterAdmin } from './cluster-admin.ts'

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

export interface LogDirDescription {
  readonly broker: number
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

  /** Log directories of all brokers, or of those named, with the size of every partition. */
  describeLogDirs(
    options: AdminOptions & { readonly brokers?: readonly number[] } = {},
  ): Promise<LogDirDescription[]> {
    return this.call('describeLogDirs', options, async () => {
      const { brokers } = await this.requestMetadata([])
      const ids = options.brokers ?? brokers.map(({ nodeId }) => nodeId)
      const answers = await Promise.all(
        ids.map(async (broker) => {
          const body = { topics: null }
          const response = await this.cluster.request(broker, apis.describeLogDirs, body)
          this.check(response.errorCode, `Log directories of broker ${broker}`)
          return response.results.map((result) => ({ ...result, broker }))
        }),
      )
      const results = answers.flat()
      this.checkAll(results, ({ logDir }) => `Log directory ${logDir}`)
      return results.map((result) => ({
        broker: result.broker,
        path: result.logDir,
        totalBytes: BigInt(result.totalBytes),
        usableBytes: BigInt(result.usableBytes),
        partitions: result.topics.flatMap(({ name, partitions }) =>
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
  }
}
