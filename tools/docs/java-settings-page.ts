/** docs/reference/java-settings.md: from settings of the Java client to options of ours. */
import { JAVA_SETTINGS, type JavaClient, type JavaSetting } from './java-settings.ts'
import { page, table } from './markdown.ts'

const code = (text: string): string => `\`${text}\``

/** Options by what they are given to, in the order of Java's classes. */
function optionsOf({ kafka, producer, consumer, share }: JavaSetting): string {
  const shared = share !== undefined && share === consumer
  const options = [
    [kafka, 'Kafka'],
    [producer, 'producer'],
    [consumer, shared ? 'consumer, shareConsumer' : 'consumer'],
    [shared ? undefined : share, 'shareConsumer'],
  ] as const
  return options
    .filter(([option]) => option !== undefined)
    .map(([option, owner]) => `${code(option as string)} (${owner})`)
    .join(', ')
}

const byName = ([a]: readonly string[], [b]: readonly string[]): number =>
  String(a) < String(b) ? -1 : 1

function settingsOf(client: JavaClient): string {
  const rows = JAVA_SETTINGS.filter(({ of, because }) => of === client && because === undefined)
  return table(
    ['Java', 'Here', 'Remarks'],
    rows
      .flatMap((row) => row.names.map((name) => [code(name), optionsOf(row), row.how ?? '']))
      .sort(byName),
  )
}

function missing(): string {
  const rows = JAVA_SETTINGS.filter(({ because }) => because !== undefined)
  return table(
    ['Java', 'Of', 'Because'],
    rows
      .flatMap(({ names, of, because = '' }) => names.map((name) => [code(name), of, because]))
      .sort(byName),
  )
}

export const javaSettingsPage = (): string =>
  page(
    'Settings of the Java client',
    'Where the settings of `ProducerConfig` and `ConsumerConfig` of Apache Kafka 4.4 have gone. ' +
      'Options are given to `new Kafka()`, `kafka.producer()`, `kafka.consumer()` and ' +
      '`kafka.shareConsumer()`; defaults are those of the Java client. Times are milliseconds, ' +
      'sizes bytes. `requestTimeoutMs` of `Kafka` is that of admin calls and metadata.',
    '## Of producers and consumers',
    settingsOf('both'),
    '## Of producers',
    settingsOf('producer'),
    '## Of consumers',
    settingsOf('consumer'),
    '## Without a counterpart',
    missing(),
  )
