/** Admin calls about the records of partitions: their offsets by time, and deleting them. */
import { apis } from '@ottla/protocol'
import {
  groupByTopic,
  listOffsetsOnce,
  OFFSET_SPEC,
  type OffsetAnswer,
} from '../consumer/list-offsets.ts'
import type { TopicPartition } from '../group/assignor.ts'
import type { ItemAnswer, ItemOptions, Outcomes } from './item-results.ts'
import { TopicAdmin } from './topic-admin.ts'

/**
 * `earliest`, `latest`, the record with the greatest timestamp, or the first offset not before a
 * time. With tiered storage (KIP-405) also the earliest on the broker's own disk and the latest
 * that has left it; Kafka 3.9 and later.
 */
export type OffsetSpec = keyof typeof OFFSET_SPEC | number | Date

export interface ListedOffset extends TopicPartition {
  /** -1n when no record is that young. */
  readonly offset: bigint
  readonly timestamp: number
  readonly leaderEpoch: number
}

export interface RecordsToDelete extends TopicPartition {
  /** Offset of the first record that stays; `latest` deletes all there are. */
  readonly before: bigint | number | 'latest'
}

export interface LogStart extends TopicPartition {
  readonly logStartOffset: bigint
}

export class RecordAdmin extends TopicAdmin {
  /** Offsets of partitions by time. */
  listOffsets<
    Options extends ItemOptions & {
      readonly isolationLevel?: 'read_uncommitted' | 'read_committed'
    },
  >(
    questions: readonly (TopicPartition & { readonly at: OffsetSpec })[],
    options: Options = {} as Options,
  ): Promise<Outcomes<Options, TopicPartition, ListedOffset>> {
    const isolationLevel = options.isolationLevel === 'read_committed' ? 1 : 0
    const asked = questions.map(({ topic, partition, at }) => ({
      topic,
      partition,
      timestamp: typeof at === 'string' ? OFFSET_SPEC[at] : Number(at),
    }))
    return this.each('listOffsets', asked, options, async (list) => {
      const answers = await this.askLeaders(list, options, (_leader, items) =>
        listOffsetsOnce(this.cluster, items, { isolationLevel }),
      )
      return answers.map(([{ topic, partition }, answer]) =>
        this.outcome<TopicPartition, ListedOffset, OffsetAnswer>(
          { topic, partition },
          `ListOffsets of ${topic}-${partition}`,
          answer,
          ({ offset, timestamp, leaderEpoch }) => ({
            ...{ topic, partition, offset: BigInt(offset), timestamp, leaderEpoch },
          }),
        ),
      )
    })
  }

  /** Deletes all records before the given offsets; resolves with the new log start offsets. */
  deleteRecords<Options extends ItemOptions>(
    targets: readonly RecordsToDelete[],
    options: Options = {} as Options,
  ): Promise<Outcomes<Options, TopicPartition, LogStart>> {
    return this.each('deleteRecords', targets, options, async (list) => {
      const answers = await this.askLeaders(list, options, async (leader, items) => {
        const response = await this.cluster.request(leader, apis.deleteRecords, {
          timeoutMs: this.cluster.context.requestTimeoutMs,
          topics: groupByTopic(items).map(([name, partitions]) => ({
            name,
            partitions: partitions.map(({ partition, before }) => ({
              partitionIndex: partition,
              offset: before === 'latest' ? -1 : Number(before),
            })),
          })),
        })
        return response.topics.flatMap(({ name, partitions }) =>
          partitions.map((p) => ({ ...p, topic: name, partition: p.partitionIndex })),
        )
      })
      return answers.map(([{ topic, partition }, answer]) =>
        this.outcome<TopicPartition, LogStart, { lowWatermark: number } & ItemAnswer>(
          { topic, partition },
          `Deleting records of ${topic}-${partition}`,
          answer,
          ({ lowWatermark }) => ({ topic, partition, logStartOffset: BigInt(lowWatermark) }),
        ),
      )
    })
  }
}
