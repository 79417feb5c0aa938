/** Admin calls about the offsets that groups have committed, and how far they are behind. */
import { apis } from '@ottla/protocol'
import { groupByTopic } from '../consumer/list-offsets.ts'
import type { TopicPartition } from '../group/assignor.ts'
import { NO_MEMBER, type PartitionAnswer, type TopicKey } from '../group/group-coordination.ts'
import { isError } from './admin-core.ts'
import { GroupAdmin } from './group-admin.ts'
import {
  type ItemOptions,
  type ItemOutcome,
  type ItemResult,
  inOrder,
  type Outcomes,
  partitionName,
  type Results,
} from './item-results.ts'

export interface GroupOffset extends TopicPartition {
  readonly offset: bigint
  readonly leaderEpoch: number
  readonly metadata: string
}

export interface OffsetToSet extends TopicPartition {
  readonly offset: bigint | number
  readonly metadata?: string
}

export interface TopicIdPartition {
  /** Id of the topic, which another one of the same name does not have. */
  readonly topicId: string
  readonly partition: number
}

export type GroupOffsetById = TopicIdPartition & Omit<GroupOffset, 'topic'>

export interface GroupLag extends TopicPartition {
  readonly committed: bigint
  readonly logEndOffset: bigint
  readonly lag: bigint
}

export class GroupOffsetAdmin extends GroupAdmin {
  /**
   * Committed offsets of a group, of all partitions that have one when none are named. Partitions
   * without one are left out.
   */
  listGroupOffsets<
    Options extends ItemOptions & { readonly partitions?: readonly TopicPartition[] },
  >(
    group: string,
    options: Options = {} as Options,
  ): Promise<Outcomes<Options, TopicPartition, GroupOffset>> {
    return this.listEach(`listGroupOffsets ${group}`, options, () =>
      this.committedOf(group, options.partitions, 'name'),
    )
  }

  /** As `listGroupOffsets`, with ids of topics in place of names; Kafka 4.1 and later. */
  listGroupOffsetsById<
    Options extends ItemOptions & { readonly partitions?: readonly TopicIdPartition[] },
  >(
    group: string,
    options: Options = {} as Options,
  ): Promise<Outcomes<Options, TopicIdPartition, GroupOffsetById>> {
    const partitions = options.partitions?.map(byTopicId)
    const what = `listGroupOffsetsById ${group}`
    return this.listEach<TopicIdPartition, GroupOffsetById, Options>(what, options, async () => {
      const found = await this.committedOf(group, partitions, 'id')
      return found.map(({ topic: topicId, ...rest }) => ({ topicId, ...rest }))
    })
  }

  private async committedOf(
    group: string,
    partitions: readonly TopicPartition[] | undefined,
    by: TopicKey,
  ): Promise<ItemOutcome<TopicPartition, GroupOffset>[]> {
    const found = await this.coordination(group).committedEach(partitions, by)
    return found
      .filter(({ errorCode, offset }) => errorCode !== 0 || offset >= 0)
      .map((one) => {
        const { topic, partition, offset, leaderEpoch, metadata } = one
        const what = `OffsetFetch of group ${group} for ${partitionName(one)}`
        return this.outcome<TopicPartition, GroupOffset>({ topic, partition }, what, one, () => ({
          ...{ topic, partition, offset: BigInt(offset), leaderEpoch, metadata },
        }))
      })
  }

  /** Sets committed offsets. The group must have no members. */
  alterGroupOffsets<Options extends ItemOptions>(
    group: string,
    offsets: readonly OffsetToSet[],
    options: Options = {} as Options,
  ): Promise<Results<Options, TopicPartition>> {
    return this.eachDone(`alterGroupOffsets ${group}`, offsets, options, (list) =>
      this.setOffsets(group, list, 'name'),
    )
  }

  /** As `alterGroupOffsets`, with ids of topics in place of names; Kafka 4.1 and later. */
  alterGroupOffsetsById<Options extends ItemOptions>(
    group: string,
    offsets: readonly (TopicIdPartition & Omit<OffsetToSet, 'topic'>)[],
    options: Options = {} as Options,
  ): Promise<Results<Options, TopicIdPartition>> {
    return this.eachDone(`alterGroupOffsetsById ${group}`, offsets, options, async (list) => {
      const wanted = list.map((offset) => ({ ...offset, topic: offset.topicId }))
      const results = await this.setOffsets(group, wanted, 'id')
      return results.map(({ topic: topicId, ...rest }) => ({ topicId, ...rest }))
    })
  }

  private async setOffsets(
    group: string,
    offsets: readonly OffsetToSet[],
    by: TopicKey,
  ): Promise<ItemResult<TopicPartition>[]> {
    const toCommit = offsets.map((o) => ({ ...o, offset: Number(o.offset), leaderEpoch: -1 }))
    const answers = await this.coordination(group).commitEach(toCommit, NO_MEMBER, by)
    return this.resultsOf(offsets, answers, `OffsetCommit of group ${group} for`)
  }

  /** Forgets committed offsets of topics that the group is not subscribed to at the moment. */
  deleteGroupOffsets<Options extends ItemOptions>(
    group: string,
    partitions: readonly TopicPartition[],
    options: Options = {} as Options,
  ): Promise<Results<Options, TopicPartition>> {
    const coordination = this.coordination(group)
    return this.eachDone(`deleteGroupOffsets ${group}`, partitions, options, async (list) => {
      const response = await coordination.request(apis.offsetDelete, {
        groupId: group,
        topics: groupByTopic(list).map(([name, items]) => ({
          name,
          partitions: items.map(({ partition }) => ({ partitionIndex: partition })),
        })),
      })
      coordination.check(response.errorCode, 'Deleting offsets')
      const answers = response.topics.flatMap(({ name, partitions: found }) =>
        found.map((p) => ({ topic: name, partition: p.partitionIndex, errorCode: p.errorCode })),
      )
      return this.resultsOf(list, answers, `Deleting the offset of group ${group} for`)
    })
  }

  private resultsOf(
    asked: readonly TopicPartition[],
    answers: readonly PartitionAnswer[],
    what: string,
  ): ItemResult<TopicPartition>[] {
    return inOrder(asked, answers, partitionName, partitionName).map(([item, answer]) => {
      const { topic, partition } = item
      return this.result({ topic, partition }, `${what} ${partitionName(item)}`, answer)
    })
  }

  /**
   * How far a group is behind, for every partition it has committed an offset of. Partitions that
   * have gone since are left out, or with `perItem` have UNKNOWN_TOPIC_OR_PARTITION as their error.
   */
  async lag<Options extends ItemOptions>(
    group: string,
    options: Options = {} as Options,
  ): Promise<Outcomes<Options, TopicPartition, GroupLag>> {
    const committed = await this.listGroupOffsets(group, { ...options, perItem: false })
    const questions = committed.map(({ topic, partition }) => ({ topic, partition }))
    return this.listEach(`lag ${group}`, options, async () => {
      const ends = await this.listOffsets(
        questions.map((question) => ({ ...question, at: 'latest' as const })),
        { ...options, perItem: true },
      )
      const lags = ends.map((end, index): ItemOutcome<TopicPartition, GroupLag> => {
        const { topic, partition } = end
        if (end.error) return { topic, partition, error: end.error }
        const { offset } = committed[index] as GroupOffset
        const lag = end.offset > offset ? end.offset - offset : 0n
        const { offset: logEndOffset } = end
        return { topic, partition, committed: offset, logEndOffset, lag, error: undefined }
      })
      return options.perItem ? lags : lags.filter(({ error }) => !isGone(error))
    })
  }
}

const byTopicId = ({ topicId, partition }: TopicIdPartition): TopicPartition => ({
  topic: topicId,
  partition,
})

const isGone = (error: unknown): boolean => isError(error, 'UNKNOWN_TOPIC_OR_PARTITION')
