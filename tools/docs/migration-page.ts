/** What takes the place of kafkajs's API in @ottla/client, from the table of the lint rule. */
import { plainText, SAME } from '../../packages/kafkajs/src/eslint/migration.ts'
import { MIGRATIONS } from '../../packages/kafkajs/src/eslint/migrations.ts'
import { page, table } from './markdown.ts'

const GUIDE = '../guide/migrate.md'
const anchorOf = (heading: string): string => heading.toLowerCase().replaceAll(' ', '-')

function section([owner, entries]: readonly [string, (typeof MIGRATIONS)[string]]): string {
  const rows = Object.entries(entries).map(([name, entry]) => {
    if (entry === SAME) return [`\`${name}\``, 'the same', '', '']
    const { to, rename, see } = entry
    const how = rename ? 'a suggestion' : ''
    return [`\`${name}\``, plainText(to), how, `[${see}](${GUIDE}#${anchorOf(see)})`]
  })
  const title = owner === 'exports' ? 'Exports' : owner
  return `## ${title}\n\n${table(['kafkajs', '@ottla/client', 'The rule has', 'Guide'], rows)}`
}

export const migrationPage = (): string =>
  page(
    "From kafkajs to ottla's own client",
    'What the rule of `@ottla/kafkajs/eslint` says of each name of kafkajs, by the types that have ' +
      'them. Names without a word in the third column need more than another name, and the ' +
      `[guide](${GUIDE}) has programs that show it. Options belong to whatever is made with them: ` +
      'to `Kafka`, `kafka.producer(...)`, `kafka.consumer(...)`, `consumer.run(...)`.',
    ...Object.entries(MIGRATIONS).map(section),
  )
