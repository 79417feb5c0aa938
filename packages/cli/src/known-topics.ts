/** Topics that a command names: do they exist, and if not, which was meant? */
import { nearestName } from '@ottla/base'
import type { Kafka, TopicDescription } from '@ottla/client'
import { NotFoundError } from './cli-error.ts'

/** Descriptions of the named topics, in that order; throws when one does not exist. */
export async function knownTopics(
  kafka: Kafka,
  names: readonly string[],
): Promise<TopicDescription[]> {
  const all = await kafka.admin.listTopics({ includeInternal: true })
  return names.map((name) => {
    const found = all.find((topic) => topic.name === name)
    if (found) return found
    throw unknownTopic(
      name,
      all.map((topic) => topic.name),
    )
  })
}

export function unknownTopic(name: string, existing: readonly string[]): NotFoundError {
  const nearest = nearestName(name, existing)
  const create = `ottla topic create ${name}`
  return new NotFoundError(
    `Topic ${name} does not exist.${nearest ? ` Did you mean ${nearest}?` : ''}`,
    nearest ? `Use ${nearest}, or create it: ${create}` : `Create it: ${create}`,
  )
}
