/** What consumers publish on `node:diagnostics_channel`, for metrics and traces. */
import { channel } from 'node:diagnostics_channel'
import type { TopicPartition } from '../group/assignor.ts'
import type { OffsetToCommit } from '../group/group-coordination.ts'
import type { ConsumerBatch } from './consumer-batch.ts'

interface OfConsumer {
  /** Undefined for a consumer without a group. */
  readonly group: string | undefined
}

/**
 * `ottla:consumer:assigned`, `ottla:consumer:revoked` and `ottla:consumer:lost`: partitions that a
 * member takes over, gives up in good order, or finds gone.
 */
export interface ConsumerPartitionsEvent extends OfConsumer {
  readonly partitions: readonly TopicPartition[]
}

/** `ottla:consumer:received`: a batch on its way to the loop or to the handlers. */
export interface ConsumerReceivedEvent extends OfConsumer {
  readonly batch: ConsumerBatch
}

/** `ottla:consumer:committed`: offsets that the group keeps. */
export interface ConsumerCommittedEvent extends OfConsumer {
  readonly offsets: readonly OffsetToCommit[]
}

const ASSIGNED = channel('ottla:consumer:assigned')
const REVOKED = channel('ottla:consumer:revoked')
const LOST = channel('ottla:consumer:lost')
const RECEIVED = channel('ottla:consumer:received')
const COMMITTED = channel('ottla:consumer:committed')

export class ConsumerEvents {
  private readonly group: string | undefined

  constructor(group: string | undefined) {
    this.group = group
  }

  assigned(partitions: readonly TopicPartition[]): void {
    if (ASSIGNED.hasSubscribers) ASSIGNED.publish(this.about(partitions))
  }

  revoked(partitions: readonly TopicPartition[]): void {
    if (REVOKED.hasSubscribers) REVOKED.publish(this.about(partitions))
  }

  lost(partitions: readonly TopicPartition[]): void {
    if (LOST.hasSubscribers) LOST.publish(this.about(partitions))
  }

  received(batch: ConsumerBatch): void {
    if (!RECEIVED.hasSubscribers) return
    const event: ConsumerReceivedEvent = { group: this.group, batch }
    RECEIVED.publish(event)
  }

  committed(offsets: readonly OffsetToCommit[]): void {
    if (!COMMITTED.hasSubscribers) return
    const event: ConsumerCommittedEvent = { group: this.group, offsets }
    COMMITTED.publish(event)
  }

  private about(partitions: readonly TopicPartition[]): ConsumerPartitionsEvent {
    return { group: this.group, partitions }
  }
}
