/** What the processes of one run share: the history, the broker, and chance from one seed. */
import { SeededRandom } from '@ottla/base'
import { apis, errorName } from '@ottla/protocol'
import { Connection, UnknownOutcomeError } from './connection.ts'
import { History } from './history.ts'
import { ALL_KEYS, COMPACTED_KEYS, COMPACTED_TOPIC, KEYS, TOPIC } from './topic.ts'
import type { Victim } from './victim.ts'

/** So that a run of seconds rolls many segments. */
const SEGMENTS = { 'segment.ms': '500' }
/** Cleaned again and again, and markers that decide nothing any more go within the run. */
const COMPACTED = {
  'segment.ms': '150',
  'cleanup.policy': 'compact',
  'min.cleanable.dirty.ratio': '0.01',
  'min.compaction.lag.ms': '0',
  'delete.retention.ms': '100',
}

export class World {
  readonly history = new History(() => performance.now())
  readonly victim: Victim
  /** No operation begins any more. */
  isOver = false
  private readonly seed: number
  private readonly connections = new Set<Connection>()
  private readonly nextValues = new Map<number, number>()
  private nextOffset = 0

  constructor(victim: Victim, seed: number) {
    this.victim = victim
    this.seed = seed
    victim.onCut = () => {
      for (const connection of this.connections) connection.close()
      this.connections.clear()
    }
  }

  /** Chance of one process, which nobody else's steps disturb. */
  randomFor(name: string): SeededRandom {
    let seed = this.seed * 0x9e3779b1
    for (const char of name) seed = Math.imul(seed ^ char.charCodeAt(0), 0x01000193)
    return new SeededRandom(seed)
  }

  /** A connection to the broker as soon as it is there. */
  async connect(): Promise<Connection> {
    const port = await this.victim.port()
    const connection = new Connection(port)
    this.connections.add(connection)
    return connection
  }

  keys(random: SeededRandom): number[] {
    const all = Array.from({ length: ALL_KEYS }, (_, key) => key)
    const chosen = all.filter(() => random.chance(0.6))
    return chosen.length > 0 ? chosen : [random.pick(all)]
  }

  nextValue(key: number): number {
    const value = this.nextValues.get(key) ?? 0
    this.nextValues.set(key, value + 1)
    return value
  }

  /** An offset for groups whose commits need not be offsets of records. */
  nextCommit(): number {
    return this.nextOffset++
  }

  async createTopics(): Promise<void> {
    const connection = await this.connect()
    const answer = await connection.ask(apis.createTopics, 7, {
      topics: [
        topicWith(TOPIC, KEYS, SEGMENTS),
        topicWith(COMPACTED_TOPIC, COMPACTED_KEYS, COMPACTED),
      ],
    })
    const bad = answer.topics.find(({ errorCode }) => errorCode !== 0)
    if (bad) throw new Error(`${bad.name} cannot be made: ${errorName(bad.errorCode)}`)
    connection.close()
  }
}

function topicWith(
  name: string,
  numPartitions: number,
  settings: Readonly<Record<string, string>>,
) {
  const configs = Object.entries(settings).map(([setting, value]) => ({ name: setting, value }))
  return { name, numPartitions, replicationFactor: 1, assignments: [], configs }
}

export const pause = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms)
  })

/** Repeats an attempt until it answers, or gives undefined after the deadline. */
export async function insist<T>(
  attempt: () => Promise<T | undefined>,
  limitMs: number,
): Promise<T | undefined> {
  const deadline = performance.now() + limitMs
  while (performance.now() < deadline) {
    try {
      const answer = await attempt()
      if (answer !== undefined) return answer
    } catch (error) {
      if (!(error instanceof UnknownOutcomeError)) throw error
    }
    await pause(5)
  }
  return undefined
}
