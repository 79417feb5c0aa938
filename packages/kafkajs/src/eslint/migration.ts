/**
 * The form of the tables that say what in @ottla/client takes the place of what in kafkajs.
 *
 * A text names things of @ottla/client in brackets: `[Kafka]` is an export, `[KafkaOptions.tls]` a
 * member of one, `[Producer.send(topic, records)]` a call. A test asks the compiler for each of them;
 * whoever reads the text gets it with `plainText`.
 */

/** Headings of docs/guide/migrate.md. */
export type Section =
  | 'What changes'
  | 'A client and a topic'
  | 'Logins and TLS'
  | 'Producing'
  | 'Consuming'
  | 'Transactions'
  | 'Administration'
  | 'Errors'
  | 'Logging'
  | 'Ending gracefully'
  | 'What was events'

export interface Migration {
  readonly to: string
  readonly see: Section
  /** The name that takes the place, where nothing else about the use changes. */
  readonly rename?: string
}

/** What stays as it is and is not reported. */
export const SAME = 'same'

/** By name; the subject itself has the name of kafkajs's type, or is `exports`. */
export type Subject = Readonly<Record<string, Migration | typeof SAME>>

/** All about one type of kafkajs; a text alone stands for a Migration with the usual section. */
export function subject(
  see: Section,
  entries: Readonly<Record<string, string | Partial<Migration> | typeof SAME>>,
): Subject {
  const whole = Object.entries(entries).map(([name, entry]) => {
    if (entry === SAME) return [name, SAME]
    return [name, typeof entry === 'string' ? { to: entry, see } : { see, ...entry }]
  })
  return Object.fromEntries(whole) as Subject
}

/** The same value under another name: `target` is a member such as `ConsumerOptions.group`. */
export const renamed = (target: string, more = ''): Partial<Migration> & { to: string } => ({
  to: `[${target}]${more}`,
  rename: target.slice(target.indexOf('.') + 1),
})

/** How objects are called in texts; options have no object of their own. */
const OBJECTS: Readonly<Record<string, string>> = {
  Kafka: 'kafka.',
  Admin: 'kafka.admin.',
  Producer: 'producer.',
  Consumer: 'consumer.',
  Transaction: 'tx.',
  ConsumerBatch: 'batch.',
  ConsumerRecord: 'record.',
  KafkaError: 'error.',
}

export const REFERENCE = /\[(?:(\w+)\.)?(\w+)(\([^\])]*\))?\]/g

/** The text for people, with names as code. */
export const plainText = (text: string): string =>
  text.replaceAll(REFERENCE, (_, owner: string | undefined, name: string, call = '') => {
    return `\`${(owner && OBJECTS[owner]) ?? ''}${name}${call}\``
  })
