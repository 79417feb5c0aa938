/** Groups that a command names: do they exist, and who is in them? */
import { nearestName, OttlaError } from '@ottla/base'
import type { GroupDescription, GroupLag, Kafka } from '@ottla/client'
import { NotFoundError } from '../cli-error.ts'
import { isOttlaError } from '../connection.ts'

/** Brokers describe groups they do not know as `Dead`, older ones; newer ones with an error. */
export async function tryKnownGroup(
  kafka: Kafka,
  name: string,
): Promise<GroupDescription | undefined> {
  try {
    const [group] = await kafka.admin.describeGroups([name])
    if (group && group.state !== 'Dead') return group
  } catch (error) {
    if (!isOttlaError(error, 'GROUP_ID_NOT_FOUND')) throw error
  }
  return undefined
}

export async function knownGroup(kafka: Kafka, name: string): Promise<GroupDescription> {
  const found = await tryKnownGroup(kafka, name)
  if (found) return found
  const all = await kafka.admin.listGroups()
  const nearest = nearestName(
    name,
    all.map(({ group }) => group),
  )
  throw new NotFoundError(
    `Group ${name} does not exist.${nearest ? ` Did you mean ${nearest}?` : ''}`,
    nearest ? `Use ${nearest}.` : 'ottla group list shows the groups there are.',
  )
}

/** How far a group is behind; offsets of topics that are gone by now are left out. */
export async function lagOf(kafka: Kafka, group: string): Promise<GroupLag[]> {
  const [committed, topics] = await Promise.all([
    kafka.admin.listGroupOffsets(group),
    kafka.admin.listTopics({ includeInternal: true }),
  ])
  const there = committed.filter(({ topic, partition }) =>
    topics.some(({ name, partitions }) => name === topic && partition < partitions.length),
  )
  const questions = there.map(({ topic, partition }) => ({ topic, partition }))
  const ends = await kafka.admin.listOffsets(
    questions.map((q) => ({ ...q, at: 'latest' as const })),
  )
  const endOf = new Map(ends.map((end) => [`${end.topic}:${end.partition}`, end.offset]))
  return there.map(({ topic, partition, offset }) => {
    const logEndOffset = endOf.get(`${topic}:${partition}`) ?? offset
    const lag = logEndOffset > offset ? logEndOffset - offset : 0n
    return { topic, partition, committed: offset, logEndOffset, lag }
  })
}

const NAMED_MAX = 5

/** `api-1 and api-2`, by the names a person can find them by. */
export function membersText(group: GroupDescription): string {
  const names = group.members.map(
    ({ groupInstanceId, memberId, clientId, host }) =>
      `${groupInstanceId ?? memberId} (${clientId} at ${host.replace(/^\//, '')})`,
  )
  const shown = names.slice(0, NAMED_MAX)
  if (names.length > NAMED_MAX) shown.push(`${names.length - NAMED_MAX} more`)
  const last = shown.pop() as string
  return shown.length === 0 ? last : `${shown.join(', ')} and ${last}`
}

export function nonEmptyGroup(group: GroupDescription, what: string): OttlaError {
  const verb = group.members.length === 1 ? 'is' : 'are'
  return new OttlaError(
    `${group.group} must be empty to ${what}: ${membersText(group)} ${verb} connected.`,
    {
      code: 'NON_EMPTY_GROUP',
      hint: 'Stop them first; a member that died is forgotten when its session ends.',
    },
  )
}
