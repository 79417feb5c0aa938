import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { SeededRandom } from '@ottla/base'
import { describe, expect, test } from 'vitest'
import type {
  AssignorName,
  GroupMemberSubscription,
  TopicPartition,
} from '../../../packages/client/src/group/assignor.ts'
import { assignorsOf } from '../../../packages/client/src/group/assignors.ts'
import { ensureApacheKafka } from '../support/apache-jars.ts'

interface Scenario {
  readonly counts: ReadonlyMap<string, number>
  readonly members: readonly GroupMemberSubscription[]
}

const NAMES: readonly AssignorName[] = ['range', 'roundrobin', 'cooperative-sticky']
const nameOf = ({ topic, partition }: TopicPartition) => `${topic}-${partition}`

function randomScenario(random: SeededRandom, isEqual: boolean): Scenario {
  const topics = Array.from({ length: 1 + random.integer(4) }, (_, i) => `t${i}`)
  const counts = new Map(topics.map((topic) => [topic, 1 + random.integer(8)]))
  const members = Array.from({ length: 1 + random.integer(6) }, (_, i) => {
    const chosen = isEqual ? topics : topics.filter(() => random.chance(0.6))
    return {
      memberId: `member-${random.integer(1000)}-${i}`,
      groupInstanceId: random.chance(0.2) ? `instance-${random.integer(100)}-${i}` : null,
      topics: chosen.length > 0 ? chosen : [topics[0] as string],
      ownedPartitions: [],
      generationId: -1,
    }
  })
  return { counts, members }
}

/** The next generation: what members were given, without one of them and with a new one. */
function follow(scenario: Scenario, random: SeededRandom): Scenario {
  const sticky = assignorsOf(['cooperative-sticky'])[0]
  const assigned = sticky?.assign(scenario.members, scenario.counts)
  const stayed = scenario.members
    .filter((_, i) => i > 0 || random.chance(0.5))
    .map((member) => ({
      ...member,
      ownedPartitions: assigned?.get(member.memberId) ?? [],
      generationId: 5,
    }))
  const added = { ...(scenario.members[0] as GroupMemberSubscription), memberId: 'new' }
  return { ...scenario, members: [...stayed, { ...added, groupInstanceId: null }] }
}

function lineOf({ counts, members }: Scenario): string {
  const topics = [...counts].map(([topic, count]) => `${topic}:${count}`).join()
  const texts = members.map((m) =>
    [
      m.memberId,
      m.groupInstanceId ?? '',
      m.topics.join(),
      m.ownedPartitions.map(nameOf).join(),
      m.generationId,
    ].join(';'),
  )
  return [topics, ...texts].join('|')
}

async function judge(scenarios: readonly Scenario[]): Promise<string[]> {
  const { brokerClasspath } = await ensureApacheKafka()
  const source = join(import.meta.dirname, 'AssignorJudge.java')
  const flags = ['-Dorg.slf4j.simpleLogger.defaultLogLevel=error', '-cp', brokerClasspath]
  const input = `${scenarios.map(lineOf).join('\n')}\n`
  const output = execFileSync('java', [...flags, source], { input, encoding: 'utf8' })
  return output.trimEnd().split('\n')
}

function ours(name: AssignorName, { members, counts }: Scenario): string {
  const assignment = assignorsOf([name])[0]?.assign(members, counts) ?? new Map()
  const parts = [...assignment]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([memberId, partitions]) => `${memberId}=${partitions.map(nameOf).sort().join()};`)
  return `${name} ${parts.join('')}`
}

/** Sizes of the members' shares, largest first. */
const sharesOf = (line: string) =>
  line
    .split(';')
    .map((part) => (part.split('=')[1] ?? '').split(',').filter(Boolean).length)
    .sort((a, b) => b - a)
    .join()

describe('assignors beside Apache Kafka', () => {
  test('range and roundrobin give the same partitions to the same members', async () => {
    const random = new SeededRandom(1)
    const scenarios = Array.from({ length: 300 }, (_, i) => randomScenario(random, i % 2 === 0))
    const lines = await judge(scenarios)
    for (const [i, scenario] of scenarios.entries()) {
      for (const [n, name] of NAMES.slice(0, 2).entries()) {
        expect(ours(name, scenario), lineOf(scenario)).toBe(lines[i * 3 + n])
      }
    }
  })

  test('cooperative-sticky agrees on fresh groups that all want the same', async () => {
    const random = new SeededRandom(2)
    const scenarios = Array.from({ length: 200 }, () => randomScenario(random, true))
    const lines = await judge(scenarios)
    for (const [i, scenario] of scenarios.entries()) {
      expect(ours('cooperative-sticky', scenario), lineOf(scenario)).toBe(lines[i * 3 + 2])
    }
  })

  test('cooperative-sticky keeps as much, and balances as well, when members change', async () => {
    const random = new SeededRandom(3)
    const scenarios = Array.from({ length: 300 }, (_, i) =>
      follow(randomScenario(random, i % 2 === 0), random),
    )
    const lines = await judge(scenarios)
    let same = 0
    for (const [i, scenario] of scenarios.entries()) {
      const theirs = lines[i * 3 + 2] as string
      const own = ours('cooperative-sticky', scenario)
      if (own === theirs) same++
      // With equal wishes the shares are the same; who of several equals gets which is open.
      if (i % 2 === 0) expect(sharesOf(own), lineOf(scenario)).toBe(sharesOf(theirs))
    }
    expect(same / scenarios.length).toBeGreaterThan(0.6)
  })
})
