/** What share consumers publish on `node:diagnostics_channel`, for metrics and traces. */
import { channel } from 'node:diagnostics_channel'
import type { TopicPartition } from '../group/assignor.ts'
import type { ShareCommitResult } from './share-broker.ts'

interface InGroup {
  readonly group: string
  readonly memberId: string
}

/** `ottla:share-consumer:assigned`: the partitions a member reads from now on. */
export interface ShareAssignedEvent extends InGroup {
  readonly partitions: readonly TopicPartition[]
}

/** `ottla:share-consumer:acquired`: records of one partition that one request brought. */
export interface ShareAcquiredEvent extends InGroup, TopicPartition {
  readonly count: number
}

/** `ottla:share-consumer:acknowledged`: what became of the acknowledgements of a partition. */
export interface ShareAcknowledgedEvent extends InGroup, ShareCommitResult {}

const ASSIGNED = channel('ottla:share-consumer:assigned')
const ACQUIRED = channel('ottla:share-consumer:acquired')
const ACKNOWLEDGED = channel('ottla:share-consumer:acknowledged')

export class ShareEvents {
  private readonly group: string
  private readonly memberId: string

  constructor(group: string, memberId: string) {
    this.group = group
    this.memberId = memberId
  }

  assigned(partitions: readonly TopicPartition[]): void {
    if (!ASSIGNED.hasSubscribers) return
    const { group, memberId } = this
    const event: ShareAssignedEvent = { group, memberId, partitions }
    ASSIGNED.publish(event)
  }

  acquired({ topic, partition }: TopicPartition, count: number): void {
    if (!ACQUIRED.hasSubscribers) return
    const { group, memberId } = this
    const event: ShareAcquiredEvent = { group, memberId, topic, partition, count }
    ACQUIRED.publish(event)
  }

  acknowledged(result: ShareCommitResult): void {
    if (!ACKNOWLEDGED.hasSubscribers) return
    const { group, memberId } = this
    const event: ShareAcknowledgedEvent = { group, memberId, ...result }
    ACKNOWLEDGED.publish(event)
  }
}
