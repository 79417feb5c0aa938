/** The settings of Apache's Java client, and the table of what stands here for each. */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { resolveConsumerOptions } from '../../../packages/client/src/consumer/consumer-options.ts'
import { resolveProducerOptions } from '../../../packages/client/src/producer/producer-options.ts'
import { resolveShareOptions } from '../../../packages/client/src/share/share-options.ts'
import { JAVA_SETTINGS } from '../../../tools/docs/java-settings.ts'
import { ensureApacheKafka } from '../support/apache-jars.ts'

type Client = 'producer' | 'consumer'

/** Defaults by name, as text. */
const apache: Record<Client, Map<string, string>> = { producer: new Map(), consumer: new Map() }

beforeAll(async () => {
  const { brokerClasspath } = await ensureApacheKafka()
  const source = join(import.meta.dirname, 'ClientSettings.java')
  const text = execFileSync('java', ['-cp', brokerClasspath, source], { encoding: 'utf8' })
  for (const line of text.trim().split('\n')) {
    const [client, name, value] = line.split('\t') as [Client, string, string]
    apache[client].set(name, value)
  }
})

const namesOf = (client: Client): string[] =>
  JAVA_SETTINGS.filter(({ of }) => of === client || of === 'both').flatMap(({ names }) => names)

test.each(['producer', 'consumer'] as const)('each of a %s is in the table, once', (client) => {
  expect(apache[client].size).toBeGreaterThan(100)
  expect(namesOf(client).sort()).toEqual([...apache[client].keys()].sort())
})

test('each has something in its place, or a reason', () => {
  for (const row of JAVA_SETTINGS) {
    const { kafka, producer, consumer, share, how, because } = row
    const isThere = [kafka, producer, consumer, share, how].some((part) => part !== undefined)
    expect(isThere, row.names.join()).toBe(because === undefined)
  }
})

/** Numbers, switches and words whose default is another one here, on purpose. */
const OTHERS: Readonly<Record<string, unknown>> = {
  // `all` by its number.
  acks: -1,
  // A share consumer has to have one.
  'group.id': 'g',
}

test('defaults are those of the Java client', () => {
  const ours = {
    producer: resolveProducerOptions({}) as Readonly<Record<string, unknown>>,
    consumer: resolveConsumerOptions({}) as Readonly<Record<string, unknown>>,
    share: resolveShareOptions({ group: 'g' }) as Readonly<Record<string, unknown>>,
  }
  let compared = 0
  for (const row of JAVA_SETTINGS) {
    for (const part of ['producer', 'consumer', 'share'] as const) {
      const value = row[part] === undefined ? undefined : ours[part][row[part]]
      // Objects have tests of their own.
      if (value === undefined || typeof value === 'object') continue
      for (const name of row.names) {
        const theirs = apache[part === 'producer' ? 'producer' : 'consumer'].get(name)
        const text = String(theirs).toLowerCase().replaceAll('_', '-')
        const expected = OTHERS[name] ?? text
        expect(String(value).replaceAll('_', '-'), name).toBe(String(expected))
        compared++
      }
    }
  }
  expect(compared).toBeGreaterThan(40)
})
