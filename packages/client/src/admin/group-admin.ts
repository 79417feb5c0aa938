/** Admin calls about consumer groups and their committed offsets. */
import { apis, errorCode } from '@ottla/protocol'
import { groupByTopic } from '../consumer/list-offsets.ts'
import { KafkaError } from '../errors.ts'
import type { TopicPartition } from '../group/assignor.ts'
import { decodeAssignment } from '../group/consumer-protocol.ts'
import { GroupCoordination, NO_MEMBER } from '../group/group-coordination.ts'
import type { AdminOptions } from './admin-core.ts'
import { ConfigAdmin } from './config-admin.ts'

export interface ListedGroup {
  readonly group: string
  /** `consumer` for groups of consumers under the classic protocol; empty for offsets alone. */
  readonly protocolType: string
  /** `Stable`, `Empty`, ...; empty when the broker is too old to say. */
  readonly state: string
  /** `classic`, `consumer`, `share`, ...; empty when the broker is too old to say. */
  readonly type: string
}

export interface MemberDescription {
  readonly memberId: string
  readonly groupInstanceId: string | null
  readonly clientId: string
  readonly host: string
  readonly partitions: readonly TopicPartition[]
}

export interface GroupDescription {
  readonly group: string
  readonly state: string
  readonly type: 'classic' | 'consumer'
  readonly protocolType: string
  /** Name of the assignor. */
  readonly assignor: string
  readonly coordinator: number
  readonly members: readonly MemberDescription[]
}

export interface GroupOffset extends TopicPartition {
  readonly offset: bigint
  readonly leaderEpoch: number
  readonly metadata: string
}

export interface GroupLag extends TopicPartition {
  readonly committed: bigint
  readonly logEndOffset: bigint
  readonly lag: bigint
}

export class GroupAdmin extends ConfigAdmin {
  protected coordination(group: string): GroupCoordination {
    return new GroupCoordination(this.cluster, this.cluster.pool, group)
  }

  listGroups(
    options: AdminOptions & {
      readonly states?: readonly string[]
      readonly types?: readonly string[]
    } = {},
  ): Promise<ListedGroup[]> {
    return this.call('listGroups', options, async () => {
      const { brokers } = await this.requestMetadata([])
      const answers = await Promise.all(
        brokers.map(({ nodeId }) =>
          this.cluster.request(nodeId, apis.listGroups, {
            statesFilter: [...(options.states ?? [])],
            typesFilter: [...(options.types ?? [])],
          }),
        ),
      )
      for (const answer of answers) this.check(answer.errorCode, 'Listing groups')
      return answers
        .flatMap(({ groups }) => groups)
        .map((group) => ({
          group: group.groupId,
          protocolType: group.protocolType,
          state: group.groupState,
          type: group.groupType.toLowerCase(),
        }))
        .sort((a, b) => (a.group < b.group ? -1 : 1))
    })
  }

  describeGroups(
    groups: readonly string[],
    options: AdminOptions = {},
  ): Promise<GroupDescription[]> {
    return Promise.all(groups.map((group) => this.describeGroup(group, options)))
  }

  private describeGroup(group: string, options: AdminOptions): Promise<GroupDescription> {
    const coordination = this.coordination(group)
    return this.call(`describeGroups ${group}`, options, async () => {
      const body = { groups: [group], includeAuthorizedOperations: false }
      const response = await coordination.request(apis.describeGroups, body)
      const found = response.groups[0]
      const isOther = found?.errorCode === errorCode('GROUP_ID_NOT_FOUND')
      if (!found || isOther) return this.describeConsumerGroup(coordination)
      coordination.check(found.errorCode, 'Describing', found.errorMessage)
      const { id } = await this.cluster.coordinator('group', group)
      const isConsumer = found.protocolType === 'consumer'
      return {
        group,
        state: found.groupState,
        type: 'classic' as const,
        protocolType: found.protocolType,
        assignor: found.protocolData,
        coordinator: id,
        members: found.members.map((member) => ({
          memberId: member.memberId,
          groupInstanceId: member.groupInstanceId,
          clientId: member.clientId,
          host: member.clientHost,
          partitions: isConsumer ? decodeAssignment(member.memberAssignment) : [],
        })),
      }
    })
  }

  /** Groups of the new protocol (KIP-848) have a description of their own. */
  private async describeConsumerGroup(coordination: GroupCoordination): Promise<GroupDescription> {
    const { group } = coordination
    const node = await this.cluster.coordinator('group', group)
    const { versions } = await this.cluster.pool.get(node)
    const notFound = errorCode('GROUP_ID_NOT_FOUND')
    if (versions.tryPick(apis.consumerGroupDescribe) === undefined) {
      throw new KafkaError(notFound, `Describing group ${group}`)
    }
    const body = { groupIds: [group], includeAuthorizedOperations: false }
    const response = await coordination.request(apis.consumerGroupDescribe, body)
    const found = response.groups[0]
    if (!found) throw new KafkaError(notFound, `Describing group ${group}`)
    coordination.check(found.errorCode, 'Describing', found.errorMessage)
    return {
      group,
      state: found.groupState,
      type: 'consumer',
      protocolType: 'consumer',
      assignor: found.assignorName,
      coordinator: node.id,
      members: found.members.map((member) => ({
        memberId: member.memberId,
        groupInstanceId: member.instanceId,
        clientId: member.clientId,
        host: member.clientHost,
        partitions: member.assignment.topicPartitions.flatMap(({ topicName, partitions }) =>
          partitions.map((partition) => ({ topic: topicName, partition })),
        ),
      })),
    }
  }

  async deleteGroups(groups: readonly string[], options: AdminOptions = {}): Promise<void> {
    for (const group of groups) {
      const coordination = this.coordination(group)
      await this.call(`deleteGroups ${group}`, options, async () => {
        const { results } = await coordination.request(apis.deleteGroups, { groupsNames: [group] })
        for (const { errorCode: code } of results) coordination.check(code, 'Deleting')
      })
    }
  }

  /** Committed offsets of a group, of all partitions that have one when none are named. */
  listGroupOffsets(
    group: string,
    options: AdminOptions & { readonly partitions?: readonly TopicPartition[] } = {},
  ): Promise<GroupOffset[]> {
    const coordination = this.coordination(group)
    return this.call(`listGroupOffsets ${group}`, options, async () => {
      const committed = await coordination.committed(options.partitions)
      return committed.map((found) => ({ ...found, offset: BigInt(found.offset) }))
    })
  }

  /** Sets committed offsets. The group must have no members. */
  alterGroupOffsets(
    group: string,
    offsets: readonly (TopicPartition & {
      readonly offset: bigint | number
      readonly metadata?: string
    })[],
    options: AdminOptions = {},
  ): Promise<void> {
    const coordination = this.coordination(group)
    const toCommit = offsets.map((o) => ({ ...o, offset: Number(o.offset), leaderEpoch: -1 }))
    return this.call(`alterGroupOffsets ${group}`, options, () =>
      coordination.commit(toCommit, NO_MEMBER),
    )
  }

  /** Forgets committed offsets of topics that the group is not subscribed to at the moment. */
  deleteGroupOffsets(
    group: string,
    partitions: readonly TopicPartition[],
    options: AdminOptions = {},
  ): Promise<void> {
    const coordination = this.coordination(group)
    const body = {
      groupId: group,
      topics: groupByTopic(partitions).map(([name, items]) => ({
        name,
        partitions: items.map(({ partition }) => ({ partitionIndex: partition })),
      })),
    }
    return this.call(`deleteGroupOffsets ${group}`, options, async () => {
      const response = await coordination.request(apis.offsetDelete, body)
      coordination.check(response.errorCode, 'Deleting offsets')
      for (const topic of response.topics) {
        for (const { errorCode: code } of topic.partitions) {
          coordination.check(code, `Deleting offsets of ${topic.name}`)
        }
      }
    })
  }

  /** Makes members leave: those named by member id or group instance id, or all of them. */
  async removeMembers(
    group: string,
    members?: readonly { readonly memberId?: string; readonly groupInstanceId?: string }[],
    options: AdminOptions & { readonly reason?: string } = {},
  ): Promise<void> {
    const coordination = this.coordination(group)
    const chosen = members ?? (await this.describeGroup(group, options)).members
    const body = {
      groupId: group,
      memberId: chosen[0]?.memberId ?? '',
      members: chosen.map(({ memberId, groupInstanceId }) => ({
        memberId: memberId ?? '',
        groupInstanceId: groupInstanceId ?? null,
        reason: options.reason ?? 'removed by an administrator',
      })),
    }
    await this.call(`removeMembers ${group}`, options, async () => {
      const response = await coordination.request(apis.leaveGroup, body)
      coordination.check(response.errorCode, 'Removing members')
      for (const { errorCode: code } of response.members) {
        coordination.check(code, 'Removing a member')
      }
    })
  }

  /** How far a group is behind, for every partition it has committed an offset of. */
  async lag(group: string, options: AdminOptions = {}): Promise<GroupLag[]> {
    const committed = await this.listGroupOffsets(group, options)
    const ends = await this.listOffsets(
      committed.map(({ topic, partition }) => ({ topic, partition, at: 'latest' as const })),
      options,
    )
    const endOf = new Map(ends.map((end) => [`${end.topic}:${end.partition}`, end.offset]))
    return committed.map(({ topic, partition, offset }) => {
      const logEndOffset = endOf.get(`${topic}:${partition}`) ?? offset
      const lag = logEndOffset > offset ? logEndOffset - offset : 0n
      return { topic, partition, committed: offset, logEndOffset, lag }
    })
  }
}
