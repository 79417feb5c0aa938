/** Groups that a command names: do they exist, of what kind are they, and who is in them? */
import { nearestName, OttlaError } from '@ottla/base'
import type { GroupDescription, Kafka, ShareGroupDescription } from '@ottla/client'
import { NotFoundError } from '../cli-error.ts'
import { isOttlaError } from '../connection.ts'
import { describedStreamsGroup, type StreamsGroup } from './streams-group.ts'

export type KnownGroup =
  | GroupDescription
  | StreamsGroup
  | (ShareGroupDescription & { readonly type: 'share' })

export const isShareGroup = (
  group: KnownGroup,
): group is ShareGroupDescription & { readonly type: 'share' } => group.type === 'share'

/** Brokers describe groups they do not know as `Dead`, older ones; newer ones with an error. */
export async function tryKnownGroup(kafka: Kafka, name: string): Promise<KnownGroup | undefined> {
  try {
    const [group] = await kafka.admin.describeGroups([name])
    return group?.state === 'Dead' ? undefined : group
  } catch (error) {
    if (!isOttlaError(error, 'GROUP_ID_NOT_FOUND')) throw error
    return (await tryShareGroup(kafka, name)) ?? (await tryStreamsGroup(kafka, name))
  }
}

async function tryShareGroup(kafka: Kafka, name: string): Promise<KnownGroup | undefined> {
  try {
    const [group] = await kafka.admin.describeShareGroups([name])
    return group && { ...group, type: 'share' }
  } catch (error) {
    return noneOf(error)
  }
}

async function tryStreamsGroup(kafka: Kafka, name: string): Promise<KnownGroup | undefined> {
  try {
    return await describedStreamsGroup(kafka, name)
  } catch (error) {
    return noneOf(error)
  }
}

/** Brokers before Kafka 4.1 have neither share groups nor streams groups. */
function noneOf(error: unknown): undefined {
  const isNone = isOttlaError(error, 'GROUP_ID_NOT_FOUND')
  if (!isNone && !isOttlaError(error, 'UNSUPPORTED_VERSION')) throw error
  return undefined
}

export async function knownGroup(kafka: Kafka, name: string): Promise<KnownGroup> {
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

const NAMED_MAX = 5

/** By its instance id, where a member has one: that is what people have named it. */
export const memberName = (member: {
  readonly memberId: string
  readonly groupInstanceId?: string | null
}): string => member.groupInstanceId ?? member.memberId

/** `api-1 and api-2`, by the names a person can find them by. */
export function membersText(group: KnownGroup): string {
  const names = group.members.map(
    (member) => `${memberName(member)} (${member.clientId} at ${member.host.replace(/^\//, '')})`,
  )
  const shown = names.slice(0, NAMED_MAX)
  if (names.length > NAMED_MAX) shown.push(`${names.length - NAMED_MAX} more`)
  const last = shown.pop() as string
  return shown.length === 0 ? last : `${shown.join(', ')} and ${last}`
}

export function nonEmptyGroup(group: KnownGroup, what: string): OttlaError {
  const verb = group.members.length === 1 ? 'is' : 'are'
  return new OttlaError(
    `${group.group} must be empty to ${what}: ${membersText(group)} ${verb} connected.`,
    {
      code: 'NON_EMPTY_GROUP',
      hint: 'Stop them first; a member that died is forgotten when its session ends.',
    },
  )
}
