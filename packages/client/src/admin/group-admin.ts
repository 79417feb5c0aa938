/** Admin calls about consumer groups and their committed offsets. */
import { apis, errorCode } from '@ottla/protocol'
import { KafkaError } from '../errors.ts'
import type { TopicPartition } from '../group/assignor.ts'
import { decodeAssignment } from '../group/consumer-protocol.ts'
import { GroupCoordination } from '../group/group-coordination.ts'
import { type AclOperation, authorizedOperations } from './acl-operations.ts'
import { ConfigAdmin } from './config-admin.ts'
import { asCoordinator } from './every-broker.ts'
import {
  type CoordinatorId,
  type ItemOptions,
  inOrder,
  type Outcomes,
  type Results,
} from './item-results.ts'

export interface GroupName {
  readonly group: string
}

export interface ListedGroup extends CoordinatorId {
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
  /** What whoever asks may do with the group; undefined when that was not asked. */
  readonly authorizedOperations: readonly AclOperation[] | undefined
}

export interface DescribeGroupsOptions extends ItemOptions {
  /** Asks what whoever asks may do with the groups (KIP-430). Default false. */
  readonly includeAuthorizedOperations?: boolean
}

/** By member id, or by group instance id for a static member. */
export interface MemberToRemove {
  readonly memberId?: string
  readonly groupInstanceId?: string | null
}

export class GroupAdmin extends ConfigAdmin {
  protected coordination(group: string): GroupCoordination {
    return new GroupCoordination(this.cluster, this.cluster.pool, group)
  }

  /**
   * Groups of all brokers (ListGroups), of these states and types or of all, by name. With
   * `perItem` followed by an error for each broker whose groups are not known; without it the call
   * throws unless all of them answer.
   */
  async listGroups<
    Options extends ItemOptions & {
      /** `Stable`, `Empty`, ...; Kafka 2.6 and later. Default: all. */
      readonly states?: readonly string[]
      /** `classic`, `consumer`, `share`, `streams`; Kafka 3.8 and later. Default: all. */
      readonly types?: readonly string[]
    },
  >(options: Options = {} as Options): Promise<Outcomes<Options, CoordinatorId, ListedGroup>> {
    const { states = [], types = [] } = options
    const body = { statesFilter: [...states], typesFilter: [...types] }
    const { found, failed } = await this.askEvery('listGroups', options, async (coordinator) => {
      const answer = await this.cluster.request(coordinator, apis.listGroups, body)
      this.check(answer.errorCode, `Listing groups of broker ${coordinator}`)
      return answer.groups.map((group) => ({
        group: group.groupId,
        protocolType: group.protocolType,
        state: group.groupState,
        type: group.groupType.toLowerCase(),
        coordinator,
      }))
    })
    const sorted = [...found].sort((a, b) => (a.group < b.group ? -1 : 1))
    const unknown = failed.map(asCoordinator)
    return this.withFailed<CoordinatorId, ListedGroup, Options>(sorted, unknown, options)
  }

  describeGroups<Options extends DescribeGroupsOptions>(
    groups: readonly string[],
    options: Options = {} as Options,
  ): Promise<Outcomes<Options, GroupName, GroupDescription>> {
    return this.eachAlone(groups.map(asGroup), options, ({ group }) =>
      this.describeGroup(group, options),
    )
  }

  private describeGroup(group: string, options: DescribeGroupsOptions): Promise<GroupDescription> {
    const coordination = this.coordination(group)
    return this.call(`describeGroups ${group}`, options, async () => {
      const { includeAuthorizedOperations = false } = options
      const body = { groups: [group], includeAuthorizedOperations }
      const response = await coordination.request(apis.describeGroups, body)
      const found = response.groups[0]
      const isOther = found?.errorCode === errorCode('GROUP_ID_NOT_FOUND')
      if (!found || isOther) return this.describeConsumerGroup(coordination, options)
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
        authorizedOperations: authorizedOperations(found.authorizedOperations),
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
  private async describeConsumerGroup(
    coordination: GroupCoordination,
    { includeAuthorizedOperations = false }: DescribeGroupsOptions,
  ): Promise<GroupDescription> {
    const { group } = coordination
    const node = await this.cluster.coordinator('group', group)
    const { versions } = await this.cluster.pool.get(node)
    const notFound = errorCode('GROUP_ID_NOT_FOUND')
    if (versions.tryPick(apis.consumerGroupDescribe) === undefined) {
      throw new KafkaError(notFound, `Describing group ${group}`)
    }
    const body = { groupIds: [group], includeAuthorizedOperations }
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
      authorizedOperations: authorizedOperations(found.authorizedOperations),
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

  /** Deletes groups of any type with all that is known of them. They must have no members. */
  async deleteGroups<Options extends ItemOptions>(
    groups: readonly string[],
    options: Options = {} as Options,
  ): Promise<Results<Options, GroupName>> {
    const remove = async ({ group }: GroupName) => {
      const coordination = this.coordination(group)
      await this.call(`deleteGroups ${group}`, options, async () => {
        const { results } = await coordination.request(apis.deleteGroups, { groupsNames: [group] })
        for (const { errorCode: code } of results) coordination.check(code, 'Deleting')
      })
      return { group }
    }
    const keys = groups.map(asGroup)
    const results = await this.eachAlone<GroupName, GroupName, Options>(keys, options, remove)
    return (options.perItem ? results : undefined) as Results<Options, GroupName>
  }

  /** Makes members leave: those named, or all of them. */
  async removeMembers<Options extends ItemOptions & { readonly reason?: string }>(
    group: string,
    members?: readonly MemberToRemove[],
    options: Options = {} as Options,
  ): Promise<Results<Options, MemberToRemove>> {
    const coordination = this.coordination(group)
    const described = members ? undefined : await this.describeGroup(group, options)
    const chosen: readonly MemberToRemove[] =
      members ??
      (described?.members ?? []).map(({ memberId, groupInstanceId }) => ({
        memberId,
        groupInstanceId,
      }))
    return this.eachDone(`removeMembers ${group}`, chosen, options, async (list) => {
      const response = await coordination.request(apis.leaveGroup, {
        groupId: group,
        memberId: list[0]?.memberId ?? '',
        members: list.map(({ memberId, groupInstanceId }) => ({
          memberId: memberId ?? '',
          groupInstanceId: groupInstanceId ?? null,
          reason: options.reason ?? 'removed by an administrator',
        })),
      })
      coordination.check(response.errorCode, 'Removing members')
      // Brokers before Kafka 2.4 take one member and answer for it alone.
      const said = response.members.length > 0 ? response.members : list.map(asRemoved)
      return inOrder(list, said, memberName, memberName).map(([member, answer]) => {
        coordination.heed(answer.errorCode)
        return this.result(member, `Removing ${memberName(member)} of ${group}`, answer)
      })
    })
  }
}

const asGroup = (group: string): GroupName => ({ group })
const asRemoved = (member: MemberToRemove) => ({ ...member, errorCode: 0 })
/** A static member is known by its instance id, and may be named without its member id. */
const memberName = ({ memberId, groupInstanceId }: MemberToRemove): string =>
  groupInstanceId ?? memberId ?? ''
