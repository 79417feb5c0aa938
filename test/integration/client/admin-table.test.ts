/** docs/guide/admin.md against the code: the calls there are, and what each promises. */
import { readFileSync } from 'node:fs'
import { Admin } from '@ottla/client'
import { expect, test } from 'vitest'

const page = readFileSync(new URL('../../../docs/guide/admin.md', import.meta.url), 'utf8')
const items = readFileSync(new URL('./admin-items.test.ts', import.meta.url), 'utf8')
const brokers = readFileSync(new URL('./admin-brokers.test.ts', import.meta.url), 'utf8')
const cluster = readFileSync(new URL('./cluster-admin.test.ts', import.meta.url), 'utf8')

/** How many methods of kadm's client ask a cluster for something. */
const KADM_CALLS = 84

interface Row {
  readonly kadm: string
  readonly calls: readonly string[]
  readonly results: string
}

const rows = [...page.matchAll(/^\| ([A-Z]\w+) +\| (.+?) +\| (\w+) +\|$/gm)].map(
  ([, kadm = '', calls = '', results = '']): Row => ({
    kadm,
    // Names of options are in the same type.
    calls: [...calls.matchAll(/`(\w+)`/g)].map(([, name = '']) => name),
    results,
  }),
)
const beyond = [...page.matchAll(/^\| `(\w+)` +\| [a-z]/gm)].map(([, name = '']) => name)

/** Methods that are not for callers, by what TypeScript says of them. */
const INNER = new Set(
  ['admin-core', 'every-broker', 'acl-admin', 'config-admin', 'group-admin', 'group-offset-admin']
    .concat(['security-admin', 'share-group-admin', 'topic-admin', 'transaction-admin'])
    .concat(['streams-group-admin'])
    .concat(['partition-admin', 'record-admin', 'cluster-admin', 'delegation-token-admin'])
    .flatMap((file) => {
      const path = `../../../packages/client/src/admin/${file}.ts`
      const source = readFileSync(new URL(path, import.meta.url), 'utf8')
      return [...source.matchAll(/^ {2}(?:private|protected) (?:async )?(\w+)[<(]/gm)]
    })
    .map(([, name]) => name),
)

const methods = (): string[] => {
  const names: string[] = []
  for (let at = Admin.prototype; at !== Object.prototype; at = Object.getPrototypeOf(at)) {
    names.push(...Object.getOwnPropertyNames(at))
  }
  return [...new Set(names)].filter((name) => name !== 'constructor' && !INNER.has(name))
}

test('every call of kadm has one here', () => {
  expect(rows.length).toBe(KADM_CALLS)
  expect(new Set(rows.map(({ kadm }) => kadm)).size).toBe(KADM_CALLS)
  const known = new Set(methods())
  expect(rows.filter(({ calls }) => !known.has(calls[0] ?? ''))).toEqual([])
})

test('every call here is in the table', () => {
  const named = new Set([...rows.flatMap(({ calls }) => calls), ...beyond])
  expect(methods().filter((name) => !named.has(name))).toEqual([])
})

test('what promises an error for each broker has a test for it', () => {
  const asked = rows.filter(({ results }) => results === 'brokers').map(({ calls: [name] }) => name)
  expect(new Set(asked)).toEqual(new Set(['listGroups', 'listTransactions', 'describeLogDirs']))
  expect(asked.filter((name) => !brokers.includes(`admin.${name}(PER_ITEM)`))).toEqual([])
})

test('what promises a result for each has a test for it', () => {
  const untested = rows
    .filter(({ results }) => results === 'each' || results === 'always')
    .map(({ calls: [first = ''] }) => first)
    .filter((name) => ![items, cluster].some((text) => text.includes(`kafka.admin.${name}(`)))
  expect(untested).toEqual([])
})
