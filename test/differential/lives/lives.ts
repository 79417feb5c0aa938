/** Who lives beside the random requests, and how a member's request is spoiled now and then. */
import type { SeededRandom } from '@ottla/base'
import { apis } from '@ottla/protocol'
import { randomBody } from '../random-request.ts'
import type { Question, World } from '../world.ts'
import { classicLife } from './classic-life.ts'
import { consumerLife } from './consumer-life.ts'
import type { Act, Life } from './life.ts'
import { shareLife } from './share-life.ts'
import { streamsLife } from './streams-life.ts'
import { transactionLife } from './transaction-life.ts'

/** The group whose members speak both protocols. */
export const MIXED_GROUP = 'g-mixed'

/** By kind, as `--lives` names them. */
export const LIVES = {
  consumer: [
    consumerLife('consumer-1', 'g-consumer', { usesPatterns: true }),
    consumerLife('consumer-2', 'g-consumer'),
    consumerLife('consumer-3', 'g-consumer', { instanceId: 'static-3' }),
  ],
  classic: [
    // Of three, one of two would lead when the leader has left, and Apache Kafka takes any.
    classicLife('classic-1', 'g-members'),
    classicLife('classic-2', 'g-members', { instanceId: 'static-2' }),
  ],
  mixed: [
    // Apache Kafka fails over a group whose assignor its members do not name any more.
    classicLife('mixed-1', MIXED_GROUP, { isConstant: true }),
    classicLife('mixed-2', MIXED_GROUP, { instanceId: 'static-2', isConstant: true }),
    consumerLife('mixed-3', MIXED_GROUP),
    consumerLife('mixed-4', MIXED_GROUP, { instanceId: 'static-2' }),
  ],
  share: [
    shareLife('share-1', 'g-sharing', 0),
    shareLife('share-2', 'g-sharing', 0),
    shareLife('share-3', 'g-sharing', 1),
  ],
  streams: [
    streamsLife('streams-1', 'g-streams', 'process-1'),
    streamsLife('streams-2', 'g-streams', 'process-1'),
    streamsLife('streams-3', 'g-streams', 'process-2'),
  ],
  transactions: [
    transactionLife('tx-live-1', 'g-other'),
    transactionLife('tx-live-2', 'g-consumer'),
  ],
} as const satisfies Readonly<Record<string, readonly Life[]>>

export type LifeKind = keyof typeof LIVES
export const LIFE_KINDS = Object.keys(LIVES) as LifeKind[]
export const LIVE_TRANSACTIONS = LIVES.transactions.map(({ member }) => member)

const SPOILED = 0.08
/** Fields after which the answer is about somebody else. */
const IDENTITIES = new Set(['groupId', 'memberId', 'transactionalId'])
/** Fields after which time decides, or over which Apache Kafka fails. */
const KEPT = new RegExp(
  'TimeoutMs$|WaitMs$|Tasks$|' +
    '^(topics|topicData|replicaId|maxBytes|batchSize|clientTags|userEndpoint|subscribedTopicNames|' +
    'subscribedTopicRegex|groupInstanceId)$',
)

/** The next request of somebody, going by what `world` was told. */
export function nextOf(kinds: readonly LifeKind[], random: SeededRandom, world: World): Question {
  const kind = random.pick(kinds)
  const life: Life = random.pick(LIVES[kind] as readonly Life[])
  const act = life.act({ random, known: world.memory.member(life.member) })
  return random.chance(SPOILED)
    ? spoiled(act, life.member, random)
    : { ...act, member: life.member }
}

/** A stranger who joins holds what it is given until it is forgotten. */
const isJoin = ({ api, body }: Act): boolean =>
  api.key === apis.joinGroup.key || body['memberEpoch'] === 0

/** Apache Kafka does not look at the transactional id while the producer's transaction is open. */
const isInTransaction = ({ api }: Act): boolean =>
  api.key === apis.produce.key || api.key === apis.txnOffsetCommit.key

/** One field is what a random request has there. */
function spoiled(act: Act, member: string, random: SeededRandom): Question {
  const other = randomBody(act.api, act.version, random) as Record<string, unknown>
  const keepsIdentity = isJoin(act) || isInTransaction(act)
  const fields = Object.keys(other).filter(
    (name) => !KEPT.test(name) && !(keepsIdentity && IDENTITIES.has(name)),
  )
  const field = random.pick(fields)
  if (field === undefined) return { ...act, member }
  const body = { ...act.body, [field]: other[field] }
  return { ...act, body, member, isForeign: IDENTITIES.has(field) }
}
