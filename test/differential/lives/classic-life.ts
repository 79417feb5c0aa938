/** A member of the classic protocol, with the metadata of a Java consumer. */
import type { SeededRandom } from '@ottla/base'
import { apis } from '@ottla/protocol'
import { Reference } from '../reference.ts'
import {
  type Act,
  between,
  committed,
  type Life,
  LONG_MS,
  type Moment,
  memberEpoch,
  memberId,
  someTopics,
  weighted,
} from './life.ts'

interface Options {
  readonly instanceId?: string
  /** Always joins with the same assignor. */
  readonly isConstant?: boolean
}

export function classicLife(member: string, group: string, options: Options = {}): Life {
  const { instanceId = null, isConstant = false } = options
  return { member, group, act: (moment) => act({ member, group, instanceId, isConstant }, moment) }
}

interface Who {
  readonly member: string
  readonly group: string
  readonly instanceId: string | null
  readonly isConstant: boolean
}

function act(who: Who, { random, known }: Moment): Act {
  const due = known.due === 'join' ? join : known.due === 'sync' ? sync : heartbeat
  return weighted(random, [
    [12, due],
    [2, heartbeat],
    [1, join],
    [1, sync],
    [2, commit],
    [1, leave],
  ])(who, random)
}

const speaker = ({ member, group, instanceId }: Who) => ({
  groupId: group,
  memberId: memberId(member),
  generationId: memberEpoch(member),
  groupInstanceId: instanceId,
})

/** Static members are known from version 5 on. */
function join({ member, group, instanceId, isConstant }: Who, random: SeededRandom): Act {
  const metadata = new Reference('subscription', member, { topics: someTopics(random) })
  const names = isConstant || random.chance(0.8) ? ['range'] : ['roundrobin', 'range']
  return {
    api: apis.joinGroup as never,
    version: between(random, instanceId === null ? 2 : 5, 9),
    body: {
      groupId: group,
      sessionTimeoutMs: LONG_MS,
      rebalanceTimeoutMs: LONG_MS,
      memberId: memberId(member, ''),
      groupInstanceId: instanceId,
      protocolType: 'consumer',
      protocols: names.map((name) => ({ name, metadata })),
      reason: null,
    },
  }
}

function sync(who: Who, random: SeededRandom): Act {
  return {
    api: apis.syncGroup as never,
    version: between(random, who.instanceId === null ? 1 : 3, 5),
    body: {
      ...speaker(who),
      protocolType: 'consumer',
      protocolName: random.chance(0.95) ? 'range' : 'roundrobin',
      assignments: new Reference('assignments', who.member),
    },
  }
}

function heartbeat(who: Who, random: SeededRandom): Act {
  const version = between(random, who.instanceId === null ? 1 : 3, 4)
  return { api: apis.heartbeat as never, version, body: speaker(who) }
}

function commit(who: Who, random: SeededRandom): Act {
  const { generationId, ...rest } = speaker(who)
  return {
    api: apis.offsetCommit as never,
    version: between(random, 7, 9),
    body: { ...rest, generationIdOrMemberEpoch: generationId, topics: committed(random) },
  }
}

function leave({ member, group, instanceId }: Who, random: SeededRandom): Act {
  const own = { memberId: memberId(member), groupInstanceId: instanceId, reason: null }
  return {
    api: apis.leaveGroup as never,
    version: between(random, instanceId === null ? 0 : 3, 5),
    body: { groupId: group, memberId: memberId(member), members: [own] },
  }
}
