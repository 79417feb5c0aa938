/** Admin calls about groups of Kafka Streams applications (KIP-1071). */
import { apis, errorCode, type ResponseOf } from '@ottla/protocol'
import { KafkaError } from '../errors.ts'
import { type AclOperation, authorizedOperations } from './acl-operations.ts'
import type { DescribeGroupsOptions, GroupName } from './group-admin.ts'
import type { Outcomes } from './item-results.ts'
import { ShareGroupAdmin } from './share-group-admin.ts'

/** A part of an application that is worked at by partition. */
export interface Subtopology {
  readonly id: string
  /** Topics that others write. */
  readonly sourceTopics: readonly string[]
  /** Internal topics that another subtopology of the application writes. */
  readonly repartitionSourceTopics: readonly string[]
}

/** The work of a subtopology at one partition of each of its topics. */
export interface StreamsTask {
  readonly subtopology: string
  readonly partition: number
}

export interface StreamsMemberDescription {
  readonly memberId: string
  readonly groupInstanceId: string | null
  readonly memberEpoch: number
  readonly rack: string | null
  readonly clientId: string
  readonly host: string
  /** The instance of the application; its threads are members of their own. */
  readonly processId: string
  /** Tasks that read and write records. */
  readonly active: readonly StreamsTask[]
  /** Tasks whose state is kept beside, to take over fast. */
  readonly standby: readonly StreamsTask[]
  /** Tasks whose state is being fetched before they are taken over. */
  readonly warmup: readonly StreamsTask[]
}

export interface StreamsGroupDescription {
  readonly group: string
  /** `Stable`, `Assigning`, `Reconciling`, `NotReady`, `Empty`, `Dead`. */
  readonly state: string
  readonly groupEpoch: number
  readonly assignmentEpoch: number
  readonly coordinator: number
  /** Empty when no member has told the topology yet. */
  readonly subtopologies: readonly Subtopology[]
  readonly members: readonly StreamsMemberDescription[]
  /** What whoever asks may do with the group; undefined when that was not asked. */
  readonly authorizedOperations: readonly AclOperation[] | undefined
}

export class StreamsGroupAdmin extends ShareGroupAdmin {
  /** Streams groups with their topology and members (StreamsGroupDescribe); Kafka 4.1 and later. */
  describeStreamsGroups<Options extends DescribeGroupsOptions>(
    groups: readonly string[],
    options: Options = {} as Options,
  ): Promise<Outcomes<Options, GroupName, StreamsGroupDescription>> {
    const keys = groups.map((group) => ({ group }))
    return this.eachAlone(keys, options, ({ group }) => this.describeStreamsGroup(group, options))
  }

  private describeStreamsGroup(
    group: string,
    options: DescribeGroupsOptions,
  ): Promise<StreamsGroupDescription> {
    const coordination = this.coordination(group)
    return this.call(`describeStreamsGroups ${group}`, options, async () => {
      const { includeAuthorizedOperations = false } = options
      const body = { groupIds: [group], includeAuthorizedOperations }
      const response = await coordination.request(apis.streamsGroupDescribe, body)
      const [found] = response.groups
      if (!found) {
        throw new KafkaError(errorCode('GROUP_ID_NOT_FOUND'), `Describing streams group ${group}`)
      }
      coordination.check(found.errorCode, 'Describing', found.errorMessage)
      const { id } = await this.cluster.coordinator('group', group)
      return {
        group,
        state: found.groupState,
        groupEpoch: found.groupEpoch,
        assignmentEpoch: found.assignmentEpoch,
        coordinator: id,
        subtopologies: (found.topology?.subtopologies ?? []).map((one) => ({
          id: one.subtopologyId,
          sourceTopics: one.sourceTopics,
          repartitionSourceTopics: one.repartitionSourceTopics.map(({ name }) => name),
        })),
        authorizedOperations: authorizedOperations(found.authorizedOperations),
        members: found.members.map(memberOf),
      }
    })
  }
}

type Member = ResponseOf<typeof apis.streamsGroupDescribe>['groups'][number]['members'][number]

const tasksOf = (tasks: Member['assignment']['activeTasks']): StreamsTask[] =>
  tasks.flatMap(({ subtopologyId: subtopology, partitions }) =>
    partitions.map((partition) => ({ subtopology, partition })),
  )

const memberOf = (member: Member): StreamsMemberDescription => ({
  memberId: member.memberId,
  groupInstanceId: member.instanceId,
  memberEpoch: member.memberEpoch,
  rack: member.rackId,
  clientId: member.clientId,
  host: member.clientHost,
  processId: member.processId,
  active: tasksOf(member.assignment.activeTasks),
  standby: tasksOf(member.assignment.standbyTasks),
  warmup: tasksOf(member.assignment.warmupTasks),
})
