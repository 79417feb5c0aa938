/** Admin calls about share groups (KIP-932) and how far they have come. */
import { apis, errorCode } from '@ottla/protocol'
import { groupByTopic } from '../consumer/list-offsets.ts'
import { KafkaError } from '../errors.ts'
import type { TopicPartition } from '../group/assignor.ts'
import { type AclOperation, authorizedOperations } from './acl-operations.ts'
import type { AdminOptions } from './admin-core.ts'
import type { DescribeGroupsOptions, GroupName } from './group-admin.ts'
import type { ItemResult, Outcomes } from './item-results.ts'
import { SecurityAdmin } from './security-admin.ts'

export interface ShareMemberDescription {
  readonly memberId: string
  readonly memberEpoch: number
  readonly rack: string | null
  readonly clientId: string
  readonly host: string
  readonly topics: readonly string[]
  readonly partitions: readonly TopicPartition[]
}

export interface ShareGroupDescription {
  readonly group: string
  /** `Stable`, `Empty`, `Dead`. */
  readonly state: string
  readonly groupEpoch: number
  readonly assignmentEpoch: number
  /** Name of the assignor. */
  readonly assignor: string
  readonly coordinator: number
  readonly members: readonly ShareMemberDescription[]
  /** What whoever asks may do with the group; undefined when that was not asked. */
  readonly authorizedOperations: readonly AclOperation[] | undefined
}

export interface ShareGroupOffset extends TopicPartition {
  /** Everything before is done; undefined when the group has not begun to read the partition. */
  readonly startOffset: bigint | undefined
  readonly leaderEpoch: number
  /** Records that are not done; undefined when unknown, or the broker is older than Kafka 4.2. */
  readonly lag: bigint | undefined
}

const NO_SUCH_GROUP = 'GROUP_ID_NOT_FOUND'

export class ShareGroupAdmin extends SecurityAdmin {
  describeShareGroups<Options extends DescribeGroupsOptions>(
    groups: readonly string[],
    options: Options = {} as Options,
  ): Promise<Outcomes<Options, GroupName, ShareGroupDescription>> {
    const keys = groups.map((group) => ({ group }))
    return this.eachAlone(keys, options, ({ group }) => this.describeShareGroup(group, options))
  }

  private describeShareGroup(
    group: string,
    options: DescribeGroupsOptions,
  ): Promise<ShareGroupDescription> {
    const coordination = this.coordination(group)
    return this.call(`describeShareGroups ${group}`, options, async () => {
      const { includeAuthorizedOperations = false } = options
      const body = { groupIds: [group], includeAuthorizedOperations }
      const response = await coordination.request(apis.shareGroupDescribe, body)
      const [found] = response.groups
      if (!found) throw new KafkaError(errorCode(NO_SUCH_GROUP), `Describing share group ${group}`)
      coordination.check(found.errorCode, 'Describing', found.errorMessage)
      const { id } = await this.cluster.coordinator('group', group)
      return {
        group,
        state: found.groupState,
        groupEpoch: found.groupEpoch,
        assignmentEpoch: found.assignmentEpoch,
        assignor: found.assignorName,
        coordinator: id,
        authorizedOperations: authorizedOperations(found.authorizedOperations),
        members: found.members.map((member) => ({
          memberId: member.memberId,
          memberEpoch: member.memberEpoch,
          rack: member.rackId,
          clientId: member.clientId,
          host: member.clientHost,
          topics: member.subscribedTopicNames,
          partitions: member.assignment.topicPartitions.flatMap(({ topicName, partitions }) =>
            partitions.map((partition) => ({ topic: topicName, partition })),
          ),
        })),
      }
    })
  }

  /** How far a share group has come, in all partitions it has begun when none are named. */
  listShareGroupOffsets(
    group: string,
    options: AdminOptions & { readonly partitions?: readonly TopicPartition[] } = {},
  ): Promise<ItemResult<ShareGroupOffset>[]> {
    const coordination = this.coordination(group)
    const topics = options.partitions
      ? groupByTopic(options.partitions).map(([topicName, items]) => ({
          topicName,
          partitions: items.map(({ partition }) => partition),
        }))
      : null
    return this.call(`listShareGroupOffsets ${group}`, options, async () => {
      const body = { groups: [{ groupId: group, topics }] }
      const response = await coordination.request(apis.describeShareGroupOffsets, body)
      const [found] = response.groups
      if (!found) throw new KafkaError(errorCode(NO_SUCH_GROUP), `Offsets of share group ${group}`)
      coordination.check(found.errorCode, 'Offsets', found.errorMessage)
      return found.topics.flatMap(({ topicName: topic, partitions }) =>
        partitions.map((p) => {
          const offset = {
            topic,
            partition: p.partitionIndex,
            startOffset: p.startOffset < 0 ? undefined : BigInt(p.startOffset),
            leaderEpoch: p.leaderEpoch,
            lag: p.lag < 0 ? undefined : BigInt(p.lag),
          }
          return this.result(offset, `Offset of ${topic}-${p.partitionIndex}`, p)
        }),
      )
    })
  }

  /** Makes a share group go on from other offsets. It must have no members. */
  alterShareGroupOffsets(
    group: string,
    offsets: readonly (TopicPartition & { readonly startOffset: bigint | number })[],
    options: AdminOptions = {},
  ): Promise<ItemResult<TopicPartition>[]> {
    const coordination = this.coordination(group)
    const body = {
      groupId: group,
      topics: groupByTopic(offsets).map(([topicName, items]) => ({
        topicName,
        partitions: items.map(({ partition, startOffset }) => ({
          partitionIndex: partition,
          startOffset: Number(startOffset),
        })),
      })),
    }
    return this.call(`alterShareGroupOffsets ${group}`, options, async () => {
      const response = await coordination.request(apis.alterShareGroupOffsets, body)
      coordination.check(response.errorCode, 'Altering offsets', response.errorMessage)
      return response.responses.flatMap(({ topicName: topic, partitions }) =>
        partitions.map((answer) => {
          const { partitionIndex: partition } = answer
          const what = `Altering the offset of ${topic}-${partition}`
          return this.result({ topic, partition }, what, answer)
        }),
      )
    })
  }

  /** Forgets how far a share group has come in topics. It must have no members. */
  deleteShareGroupOffsets(
    group: string,
    topics: readonly string[],
    options: AdminOptions = {},
  ): Promise<ItemResult<{ readonly topic: string }>[]> {
    const coordination = this.coordination(group)
    const body = { groupId: group, topics: topics.map((topicName) => ({ topicName })) }
    return this.call(`deleteShareGroupOffsets ${group}`, options, async () => {
      const response = await coordination.request(apis.deleteShareGroupOffsets, body)
      coordination.check(response.errorCode, 'Deleting offsets', response.errorMessage)
      return response.responses.map((answer) => {
        const { topicName: topic } = answer
        return this.result({ topic }, `Deleting offsets of ${topic}`, answer)
      })
    })
  }
}
