/** Rules for topic names, as Apache Kafka's. */

const NAME_LENGTH_MAX = 249

/** Why a name cannot be a topic's, or undefined when it can. */
export function topicNameFault(name: string): string | undefined {
  if (name === '') return 'the empty string is not allowed'
  if (name === '.' || name === '..') return `'${name}' is not allowed`
  if (name.length > NAME_LENGTH_MAX) {
    return `the length of '${name}' is longer than the max allowed length ${NAME_LENGTH_MAX}`
  }
  if (!/^[a-zA-Z0-9._-]+$/.test(name)) {
    return (
      `'${name}' contains one or more characters other than ` +
      `ASCII alphanumerics, '.', '_' and '-'`
    )
  }
  return undefined
}

/** Metric names turn '.' into '_', so two topics may not differ only by that. */
export const collisionKey = (name: string): string => name.replaceAll('.', '_')

export const OFFSETS_TOPIC = '__consumer_offsets'
export const TRANSACTIONS_TOPIC = '__transaction_state'
export const SHARE_STATE_TOPIC = '__share_group_state'
/** What the archive holds; see remote/remote-log-topic.ts. */
export const REMOTE_LOG_TOPIC = '__remote_log_metadata'
export const METADATA_TOPIC = '__cluster_metadata'

const INTERNAL: ReadonlySet<string> = new Set([
  OFFSETS_TOPIC,
  TRANSACTIONS_TOPIC,
  SHARE_STATE_TOPIC,
])

export const isInternalTopic = (name: string): boolean => INTERNAL.has(name)

/** Topics whose segments may go to an archive. */
export const isTierable = (name: string): boolean =>
  !isInternalTopic(name) && name !== REMOTE_LOG_TOPIC && name !== METADATA_TOPIC
