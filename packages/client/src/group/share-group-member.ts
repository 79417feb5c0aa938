/**
 * One member of a share group (KIP-932). Partitions are not owned but read together with others, so
 * what the coordinator assigns is taken over as it comes, and nobody has to be told.
 */
import { apis, type ErrorName } from '@ottla/protocol'
import type { Cluster } from '../cluster/cluster.ts'
import type { TopicPartition } from './assignor.ts'
import {
  EpochMember,
  type EpochMemberEvents,
  type HeartbeatAnswer,
  type HeartbeatContent,
} from './epoch-member.ts'
import type { GroupCoordination } from './group-coordination.ts'

const LEAVES = -1

export interface ShareMemberEvents extends EpochMemberEvents {
  /** All partitions to read from now on. */
  readonly onAssignment: (partitions: readonly TopicPartition[]) => void
}

export class ShareGroupMember extends EpochMember {
  private readonly shareEvents: ShareMemberEvents
  private readonly rack: string
  private hasPartitions = false

  constructor(
    cluster: Cluster,
    coordination: GroupCoordination,
    parts: {
      readonly events: ShareMemberEvents
      readonly maxPollIntervalMs: number
      readonly rack: string
    },
  ) {
    super(cluster, coordination, parts)
    this.shareEvents = parts.events
    this.rack = parts.rack
  }

  get id(): string {
    return this.memberId
  }

  protected override async reconcile(): Promise<void> {
    const { target } = this
    if (!target || !this.isMember || this.isClosed) return
    const wanted = await this.resolve(target)
    if (!wanted || this.target !== target) return
    this.target = undefined
    this.hasPartitions = wanted.length > 0
    const { coordination, epoch, cluster } = this
    cluster.context.logger.info('assignment taken over', {
      group: coordination.group,
      epoch,
      partitions: wanted.length,
    })
    this.shareEvents.onAssignment(wanted)
  }

  protected override loseAll(): void {
    if (!this.hasPartitions) return
    this.hasPartitions = false
    this.shareEvents.onAssignment([])
  }

  protected override async giveUpAll(): Promise<void> {
    this.hasPartitions = false
  }

  protected override async send(content: HeartbeatContent): Promise<HeartbeatAnswer> {
    const { coordination, rack } = this
    const response = await coordination.request(apis.shareGroupHeartbeat, {
      groupId: coordination.group,
      memberId: this.memberId,
      memberEpoch: this.epoch,
      rackId: content.isFirst && rack !== '' ? rack : null,
      subscribedTopicNames: content.saysTopics ? [...this.shareEvents.topics()] : null,
    })
    coordination.check(response.errorCode, 'ShareGroupHeartbeat', response.errorMessage)
    return response
  }

  protected override async sayGoodbye(): Promise<void> {
    const { coordination, memberId } = this
    const body = { groupId: coordination.group, memberId, memberEpoch: LEAVES }
    const response = await coordination.request(apis.shareGroupHeartbeat, body)
    coordination.check(response.errorCode, 'Leaving')
  }

  protected override handleGroupError(name: ErrorName): boolean {
    if (name !== 'UNKNOWN_MEMBER_ID' && name !== 'FENCED_MEMBER_EPOCH') return false
    this.lose()
    return true
  }
}
