/**
 * A live member: somebody with a place in a group (or a transactional id) who goes on from what it
 * was told. What it does next is chosen by chance, mostly what a client would do.
 */
import type { SeededRandom } from '@ottla/base'
import type { Api } from '@ottla/protocol'
import { TOPICS } from '../domain.ts'
import type { MemberMemory } from '../member-memory.ts'
import { Reference } from '../reference.ts'

/** A request with references in it. */
export interface Act {
  readonly api: Api
  readonly version: number
  readonly body: Readonly<Record<string, unknown>>
}

export interface Moment {
  readonly random: SeededRandom
  /** What the member knows, by what it was told. */
  readonly known: MemberMemory
}

export interface Life {
  readonly member: string
  readonly group: string
  readonly act: (moment: Moment) => Act
}

/** Nothing happens by the clock while a seed runs. */
export const LONG_MS = 600_000

/** One of several by weight. */
export function weighted<T>(random: SeededRandom, choices: readonly (readonly [number, T])[]): T {
  const sum = choices.reduce((total, [weight]) => total + weight, 0)
  let at = random.float() * sum
  for (const [weight, choice] of choices) {
    at -= weight
    if (at < 0) return choice
  }
  return (choices.at(-1) as readonly [number, T])[1]
}

export const someTopics = (random: SeededRandom): string[] => {
  const topics = TOPICS.filter(() => random.chance(0.6))
  if (random.chance(0.1)) topics.push('dif-missing' as never)
  return topics.length > 0 ? topics : [random.pick(TOPICS)]
}

export const between = (random: SeededRandom, lowest: number, highest: number): number =>
  lowest + random.integer(highest - lowest + 1)

export const memberId = (member: string, otherwise?: string): Reference =>
  new Reference('memberId', member, otherwise === undefined ? {} : { otherwise })

export const memberEpoch = (member: string): Reference => new Reference('memberEpoch', member)

export const topicIdOf = (topic: string): Reference => new Reference('topicId', topic)

/** A partition of a topic of the test, as they are made at first. */
export function somePartition(random: SeededRandom): { topic: string; partition: number } {
  const at = random.integer(TOPICS.length)
  return { topic: TOPICS[at] as string, partition: random.integer(at + 1) }
}

/** Committed offsets of one partition, by name and id: the version takes what it knows. */
export function committed(random: SeededRandom): object[] {
  const { topic, partition } = somePartition(random)
  return [
    {
      name: topic,
      topicId: topicIdOf(topic),
      partitions: [
        {
          partitionIndex: partition,
          committedOffset: random.integer(20),
          committedLeaderEpoch: -1,
          committedMetadata: '',
        },
      ],
    },
  ]
}
