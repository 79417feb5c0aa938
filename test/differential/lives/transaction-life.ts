/** A transactional producer: its batches carry the id and epoch it was given. */
import type { SeededRandom } from '@ottla/base'
import { apis } from '@ottla/protocol'
import type { BatchDetail } from '../memory.ts'
import { Reference } from '../reference.ts'
import {
  type Act,
  between,
  committed,
  type Life,
  type Moment,
  somePartition,
  topicIdOf,
  weighted,
} from './life.ts'

/** Less than what the broker allows at most, more than a seed takes. */
const TRANSACTION_TIMEOUT_MS = 600_000

/** The member is the transactional id; `group` is where it commits offsets. */
export function transactionLife(transactionalId: string, group: string): Life {
  return {
    member: transactionalId,
    group,
    act: (moment) => act(transactionalId, group, moment),
  }
}

function act(transactionalId: string, group: string, { random }: Moment): Act {
  const who = {
    transactionalId,
    producerId: new Reference('producerId', transactionalId),
    producerEpoch: new Reference('producerEpoch', transactionalId),
  }
  return weighted<() => Act>(random, [
    [2, () => init(transactionalId, random)],
    [3, () => addPartitions(who, random)],
    [9, () => produce(transactionalId, random)],
    [1, () => addOffsets(who, group, random)],
    [2, () => commitOffsets(who, group, random)],
    [4, () => end(who, random)],
  ])()
}

interface Who {
  readonly transactionalId: string
  readonly producerId: Reference
  readonly producerEpoch: Reference
}

function init(transactionalId: string, random: SeededRandom): Act {
  const isIdempotentOnly = random.chance(0.1)
  return {
    api: apis.initProducerId as never,
    version: between(random, 0, 5),
    body: {
      transactionalId: isIdempotentOnly ? null : transactionalId,
      transactionTimeoutMs: TRANSACTION_TIMEOUT_MS,
      producerId: -1,
      producerEpoch: -1,
    },
  }
}

function addPartitions(who: Who, random: SeededRandom): Act {
  const { topic, partition } = somePartition(random)
  return {
    api: apis.addPartitionsToTxn as never,
    version: random.integer(4),
    body: {
      v3AndBelowTransactionalId: who.transactionalId,
      v3AndBelowProducerId: who.producerId,
      v3AndBelowProducerEpoch: who.producerEpoch,
      v3AndBelowTopics: [{ name: topic, partitions: [partition] }],
    },
  }
}

function produce(transactionalId: string, random: SeededRandom): Act {
  const { topic, partition } = somePartition(random)
  const detail: BatchDetail = {
    topic,
    partition,
    count: 1 + random.integer(3),
    order: weighted(random, [
      [16, 'due' as const],
      [1, 'again' as const],
      [1, 'gap' as const],
    ]),
    isTransactional: random.chance(0.95),
  }
  return {
    api: apis.produce as never,
    version: between(random, 9, 13),
    body: {
      transactionalId: random.chance(0.95) ? transactionalId : null,
      acks: random.pick([-1, -1, -1, -1, 1, 5]),
      timeoutMs: 10_000,
      topicData: [
        {
          name: topic,
          topicId: topicIdOf(topic),
          partitionData: [
            { index: partition, records: new Reference('batch', transactionalId, { ...detail }) },
          ],
        },
      ],
    },
  }
}

function addOffsets(who: Who, groupId: string, random: SeededRandom): Act {
  return {
    api: apis.addOffsetsToTxn as never,
    version: between(random, 0, 4),
    body: { ...who, groupId },
  }
}

function commitOffsets(who: Who, groupId: string, random: SeededRandom): Act {
  return {
    api: apis.txnOffsetCommit as never,
    version: between(random, 0, 6),
    body: {
      ...who,
      groupId,
      generationIdOrMemberEpoch: -1,
      memberId: '',
      groupInstanceId: null,
      topics: committed(random),
    },
  }
}

function end(who: Who, random: SeededRandom): Act {
  return {
    api: apis.endTxn as never,
    version: between(random, 0, 5),
    body: { ...who, committed: random.chance(0.6) },
  }
}
