/** The loop of `Producer.transform`: a transaction for each batch, until something ends it. */
import { delay } from '@ottla/base'
import type { ClientContext } from '../cluster/client-context.ts'
import { backoffMs } from '../cluster/retry.ts'
import type { Consumer, IterationOptions } from '../consumer/consumer.ts'
import type { ConsumerBatch } from '../consumer/consumer-batch.ts'
import type { Subscribable } from '../consumer/subscribed-topics.ts'
import type { ConsumedRecord } from '../consumer/subscription.ts'
import { CommitFailedError, FencedError } from '../errors.ts'
import type { Producer } from './producer.ts'
import type { Transaction } from './transaction.ts'

export interface Transformation<S extends Subscribable> {
  readonly consumer: Consumer
  readonly topics: S | readonly S[]
  readonly work: (batch: ConsumerBatch<ConsumedRecord<S>>, tx: Transaction) => Promise<void> | void
  readonly options: IterationOptions
}

/** An error of the caller's own function, which is not to be tried again. */
class WorkFailed extends Error {}

export async function transformBatches<S extends Subscribable>(
  producer: Producer,
  transformation: Transformation<S>,
  context: ClientContext,
): Promise<void> {
  const { consumer, topics, options } = transformation
  for await (const batch of consumer.subscribe(topics, options)) {
    await transformBatch(producer, transformation, batch, context)
  }
}

async function transformBatch<S extends Subscribable>(
  producer: Producer,
  { consumer, work, options }: Transformation<S>,
  batch: ConsumerBatch<ConsumedRecord<S>>,
  context: ClientContext,
): Promise<void> {
  const dueMs = context.clock.monotonicMs() + context.apiTimeoutMs
  for (let attempt = 0; ; attempt++) {
    try {
      await producer.transaction(async (tx) => {
        try {
          await work(batch, tx)
        } catch (error) {
          // What broke the transaction is not the fault of the function that met it.
          throw tx.fault ?? new WorkFailed('', { cause: error })
        }
        await tx.commitOffsets(consumer, [batch])
      })
      return
    } catch (error) {
      if (error instanceof WorkFailed) throw error.cause
      if (error instanceof FencedError) throw error
      const { topic, partition } = batch
      if (error instanceof CommitFailedError) {
        context.logger.warn('a batch goes to another member', { topic, partition, error })
        rewind(consumer, batch)
        return
      }
      const pauseMs = backoffMs(context.retryBackoff, attempt, context.random)
      if (options.signal?.aborted || context.clock.monotonicMs() + pauseMs >= dueMs) throw error
      context.logger.warn('a batch is transformed again', { topic, partition, error })
      await delay(context.clock, pauseMs)
    }
  }
}

/** Should the partition stay after all, its records are read again. */
function rewind(consumer: Consumer, batch: ConsumerBatch): void {
  const isHeld = consumer.assignment.some(
    ({ topic, partition }) => topic === batch.topic && partition === batch.partition,
  )
  if (isHeld) consumer.seek(batch, batch.firstOffset)
}
