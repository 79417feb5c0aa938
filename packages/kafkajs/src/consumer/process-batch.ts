/** One batch through the application's handler, `eachMessage` or `eachBatch`. */
import { realClock } from '@ottla/base'
import type { ConsumerBatch } from './consumer-batch.ts'
import type { Runner } from './runner.ts'

/** `isStale`: a seek or a rebalance came in between, what is in hand does not count any more. */
export async function processBatch(
  runner: Runner,
  batch: ConsumerBatch,
  isStale: () => boolean,
): Promise<void> {
  const { topic, partition, highWatermark } = batch
  const payload = {
    ...{ topic, partition, highWatermark },
    offsetLag: batch.offsetLag(),
    offsetLagLow: batch.offsetLagLow(),
    batchSize: batch.messages.length,
    firstOffset: batch.firstOffset(),
    lastOffset: batch.lastOffset(),
  }
  const startMs = realClock.now()
  runner.emitBatch('START_BATCH_PROCESS', payload)
  if (runner.config.eachMessage) await eachMessage(runner, batch, isStale)
  else if (runner.config.eachBatch) await eachBatch(runner, batch, isStale)
  else resolve(runner, batch, batch.nextOffset)
  runner.emitBatch('END_BATCH_PROCESS', { ...payload, duration: realClock.now() - startMs })
  await runner.autoCommit()
}

function resolve(runner: Runner, batch: ConsumerBatch, next: bigint): void {
  runner.session.offsets.resolve(batch.topic, batch.partition, next)
}

function pausing(runner: Runner, { topic, partition }: ConsumerBatch): () => () => void {
  const target = [{ topic, partitions: [partition] }]
  return () => {
    runner.session.pause(target)
    return () => runner.session.resume(target)
  }
}

async function eachMessage(
  runner: Runner,
  batch: ConsumerBatch,
  isStale: () => boolean,
): Promise<void> {
  const { topic, partition, messages } = batch
  const { session } = runner
  const handler = runner.config.eachMessage as NonNullable<typeof runner.config.eachMessage>
  const heartbeat = () => runner.heartbeat()
  const pause = pausing(runner, batch)
  const last = messages.at(-1)
  for (const message of messages) {
    if (!runner.isRunning || isStale()) return
    try {
      await handler({ topic, partition, message, heartbeat, pause })
    } catch (error) {
      runner.logHandlerError('eachMessage', { topic, partition, offset: message.offset }, error)
      // What came before it is done with.
      await runner.autoCommit()
      throw error
    }
    if (isStale()) return
    resolve(runner, batch, message === last ? batch.nextOffset : BigInt(message.offset) + 1n)
    if (session.isRebalancing) await heartbeat()
    const commit = runner.autoCommitIfNecessary()
    if (commit) await commit
    if (session.control.isPaused(topic, partition)) return
  }
}

async function eachBatch(
  runner: Runner,
  batch: ConsumerBatch,
  isStale: () => boolean,
): Promise<void> {
  const { topic, partition } = batch
  const { session, config } = runner
  const handler = config.eachBatch as NonNullable<typeof config.eachBatch>
  const lastMessage = batch.messages.at(-1)
  try {
    await handler({
      batch,
      resolveOffset: (offset) => {
        if (isStale()) return
        // Behind the last message lie only records that are never shown.
        const isLast = lastMessage !== undefined && BigInt(offset) === BigInt(lastMessage.offset)
        resolve(runner, batch, isLast ? batch.nextOffset : BigInt(offset) + 1n)
      },
      heartbeat: () => runner.heartbeat(),
      pause: pausing(runner, batch),
      commitOffsetsIfNecessary: async (offsets) => {
        await (offsets ? runner.commit(offsets) : runner.commitIfNecessary())
      },
      uncommittedOffsets: () => session.offsets.uncommitted(),
      isRunning: () => runner.isRunning,
      isStale,
    })
  } catch (error) {
    runner.logHandlerError('eachBatch', { topic, partition, offset: batch.firstOffset() }, error)
    await runner.autoCommit()
    throw error
  }
  if (config.eachBatchAutoResolve !== false && !isStale()) {
    resolve(runner, batch, batch.nextOffset)
  }
}
