/** Produce requests of one batch. */
import { apis, BatchBuilder, errorName } from '@ottla/protocol'
import type { Connection } from './connection.ts'
import type { Sent } from './history.ts'
import { payloadOf } from './payload.ts'
import { partitionOf, recordKeyOf, topicOf } from './topic.ts'

export interface Identity {
  readonly producerId: number
  readonly producerEpoch: number
}

export interface OutgoingBatch {
  readonly key: number
  readonly sends: readonly Sent[]
  readonly bytes: Buffer
}

export function batchOf(
  sends: readonly Sent[],
  fields: Identity & { readonly baseSequence: number; readonly isTransactional?: boolean },
): OutgoingBatch {
  const builder = new BatchBuilder()
  for (const { key, value } of sends) {
    builder.append(Date.now(), recordKeyOf(key, value), payloadOf(key, value))
  }
  return { key: sends[0]?.key ?? 0, sends, bytes: builder.finish(fields) }
}

/** Sends a batch; its records learn their offsets when the broker takes it. */
export async function produce(
  connection: Connection,
  batch: OutgoingBatch,
  options: { readonly version: number; readonly transactionalId?: string },
): Promise<string> {
  const { key, sends, bytes } = batch
  const answer = await connection.ask(apis.produce, options.version, {
    transactionalId: options.transactionalId ?? null,
    acks: -1,
    timeoutMs: 5_000,
    topicData: [
      {
        name: topicOf(key),
        partitionData: [{ index: partitionOf(key), records: Buffer.from(bytes) }],
      },
    ],
  })
  const part = answer.responses[0]?.partitionResponses[0]
  const error = errorName(part?.errorCode ?? -1)
  if (error === 'NONE' && part && part.baseOffset >= 0) {
    for (const [i, sent] of sends.entries()) sent.offset = part.baseOffset + i
  }
  return error
}

export async function initProducer(
  connection: Connection,
  transactionalId: string | null,
  transactionTimeoutMs = 1_500,
): Promise<Identity | undefined> {
  const body = { transactionalId, transactionTimeoutMs }
  const answer = await connection.ask(apis.initProducerId, 4, body)
  const { producerId, producerEpoch } = answer
  return answer.errorCode === 0 ? { producerId, producerEpoch } : undefined
}
