/**
 * The coordinator of a group as specs use kafkajs's: they join by hand, and look at what was
 * committed. Each call is a request of its own to the broker.
 */
import { apis } from '@ottla/protocol'
import type { KafkaCluster } from '../../../packages/kafkajs/src/cluster/kafka-cluster.ts'
import { protocolError } from '../../../packages/kafkajs/src/engine-errors.ts'

const MEMBER_ID_REQUIRED = 79
/** The last version that does not repeat the name of the assigner. */
const SYNC_GROUP_MAX = 4
/** The last versions with names of topics, and one group in a request. */
const OFFSET_COMMIT_MAX = 9
const OFFSET_FETCH_MAX = 7

interface Membership {
  readonly groupId: string
  readonly memberId: string
}
interface Joining {
  readonly groupId: string
  readonly sessionTimeout: number
  readonly rebalanceTimeout?: number
  readonly memberId?: string
  readonly groupProtocols: readonly { readonly name: string; readonly metadata: Buffer }[]
}
interface Syncing extends Membership {
  readonly generationId: number
  readonly groupAssignment: readonly {
    readonly memberId: string
    readonly memberAssignment: Buffer
  }[]
}
interface Partition {
  readonly partition: number
  readonly offset: string
}
interface Committing extends Membership {
  readonly groupGenerationId: number
  readonly topics: readonly { readonly topic: string; readonly partitions: readonly Partition[] }[]
}
interface Fetching {
  readonly groupId: string
  readonly topics: readonly {
    readonly topic: string
    readonly partitions?: readonly { readonly partition: number }[]
  }[]
}

export class GroupCoordinator {
  readonly nodeId: number
  private readonly cluster: KafkaCluster

  constructor(cluster: KafkaCluster, nodeId: number) {
    this.cluster = cluster
    this.nodeId = nodeId
  }

  async joinGroup(joining: Joining): Promise<{ generationId: number; memberId: string }> {
    const { groupId, sessionTimeout, rebalanceTimeout = sessionTimeout, memberId = '' } = joining
    const body = {
      ...{ groupId, memberId, groupInstanceId: null, protocolType: 'consumer', reason: null },
      ...{ sessionTimeoutMs: sessionTimeout, rebalanceTimeoutMs: rebalanceTimeout },
      protocols: joining.groupProtocols,
    }
    const answer = await this.cluster.request(apis.joinGroup, body, { broker: this.nodeId })
    if (answer.errorCode === MEMBER_ID_REQUIRED) {
      return this.joinGroup({ ...joining, memberId: answer.memberId })
    }
    refuse(answer.errorCode)
    return { generationId: answer.generationId, memberId: answer.memberId }
  }

  async syncGroup({ groupId, generationId, memberId, groupAssignment }: Syncing): Promise<void> {
    const assignments = groupAssignment.map((one) => ({
      memberId: one.memberId,
      assignment: one.memberAssignment,
    }))
    const body = { groupId, generationId, memberId, groupInstanceId: null, assignments }
    const protocol = { protocolType: 'consumer', protocolName: null }
    const at = { broker: this.nodeId, versionMax: SYNC_GROUP_MAX }
    refuse((await this.cluster.request(apis.syncGroup, { ...body, ...protocol }, at)).errorCode)
  }

  async leaveGroup({ groupId, memberId }: Membership): Promise<void> {
    const members = [{ memberId, groupInstanceId: null, reason: null }]
    const body = { groupId, memberId, members }
    refuse((await this.cluster.request(apis.leaveGroup, body, { broker: this.nodeId })).errorCode)
  }

  async offsetCommit({ groupId, groupGenerationId, memberId, topics }: Committing): Promise<void> {
    const { topics: answers } = await this.cluster.request(
      apis.offsetCommit,
      {
        ...{ groupId, generationIdOrMemberEpoch: groupGenerationId, memberId },
        groupInstanceId: null,
        topics: topics.map(({ topic, partitions }) => ({
          name: topic,
          partitions: partitions.map(({ partition, offset }) => ({
            partitionIndex: partition,
            committedOffset: Number(offset),
            committedMetadata: null,
          })),
        })),
      },
      { broker: this.nodeId, versionMax: OFFSET_COMMIT_MAX },
    )
    for (const { partitions } of answers) for (const { errorCode } of partitions) refuse(errorCode)
  }

  async offsetFetch({ groupId, topics }: Fetching): Promise<object> {
    const wanted = topics.map(({ topic, partitions = [{ partition: 0 }] }) => ({
      name: topic,
      partitionIndexes: partitions.map(({ partition }) => partition),
    }))
    const body = { groupId, topics: wanted, groups: [], requireStable: false }
    const at = { broker: this.nodeId, versionMax: OFFSET_FETCH_MAX }
    const answer = await this.cluster.request(apis.offsetFetch, body, at)
    const responses = answer.topics.map(({ name, partitions }) => ({
      topic: name,
      partitions: partitions.map((one) => ({
        ...{ partition: one.partitionIndex, offset: String(one.committedOffset) },
        ...{ metadata: one.metadata, errorCode: one.errorCode },
      })),
    }))
    return { throttleTime: answer.throttleTimeMs, errorCode: answer.errorCode, responses }
  }
}

function refuse(errorCode: number): void {
  if (errorCode !== 0) throw protocolError(errorCode)
}
