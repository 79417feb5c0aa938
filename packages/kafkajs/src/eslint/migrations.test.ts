/** The table against the types of both sides, by the compiler. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { beforeAll, describe, expect, test } from 'vitest'
import { type Migration, plainText, REFERENCE, SAME } from './migration.ts'
import { MIGRATIONS, migrationOf } from './migrations.ts'

const pathOf = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
const MINE = pathOf('../index.ts')
const CLIENT = pathOf('../../../client/src/index.ts')
const GUIDE = readFileSync(pathOf('../../../../docs/guide/migrate.md'), 'utf8')

/** Types of kafkajs that one subject speaks of, where it is not the one of its name. */
const TYPES_OF: Readonly<Record<string, readonly string[]>> = {
  ConsumerSubscribeTopics: ['ConsumerSubscribeTopics', 'ConsumerSubscribeTopic'],
  SASLOptions: ['SASLOptions', 'Mechanism'],
}

let checker: ts.TypeChecker
let mine: ReadonlyMap<string, ts.Symbol>
let client: ReadonlyMap<string, ts.Symbol>

beforeAll(() => {
  const program = ts.createProgram([MINE, CLIENT], {
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    customConditions: ['@ottla/source'],
    allowImportingTsExtensions: true,
    target: ts.ScriptTarget.ES2023,
    lib: ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts'],
    types: ['node'],
    ...{ strict: true, noEmit: true },
  })
  checker = program.getTypeChecker()
  const exportsOf = (path: string) => {
    const source = program.getSourceFile(path) as ts.SourceFile
    const module = checker.getSymbolAtLocation(source) as ts.Symbol
    return new Map(checker.getExportsOfModule(module).map((symbol) => [symbol.name, symbol]))
  }
  mine = exportsOf(MINE)
  client = exportsOf(CLIENT)
}, 60_000)

/** Names of all members, of each type of a union. */
function membersOf(symbol: ts.Symbol | undefined): string[] {
  if (!symbol) return []
  const target = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol
  const type = checker.getDeclaredTypeOfSymbol(target)
  const parts = type.isUnion() ? type.types : [type]
  const names = parts.flatMap((part) => checker.getPropertiesOfType(part).map(({ name }) => name))
  return [...new Set(names)].filter((name) => !name.startsWith('__@'))
}

const entries = Object.entries(MIGRATIONS).flatMap(([owner, all]) =>
  Object.entries(all)
    .filter((pair): pair is [string, Migration] => pair[1] !== SAME)
    .map(([name, migration]) => ({ owner, name, ...migration })),
)

describe('the table of migrations', () => {
  test.each(Object.keys(MIGRATIONS))('has each name of %s, and no other', (owner) => {
    const types = TYPES_OF[owner] ?? [owner]
    const names =
      owner === 'exports' ? [...mine.keys()] : types.flatMap((name) => membersOf(mine.get(name)))
    expect(names.length).toBeGreaterThan(0)
    expect(Object.keys(MIGRATIONS[owner] ?? {}).sort()).toEqual([...new Set(names)].sort())
  })

  test('names what @ottla/client has', () => {
    const named = entries.flatMap(({ owner, name, to }) =>
      [...to.matchAll(REFERENCE)].map(([text, object, member = '']) => {
        return { from: `${owner}.${name}`, text, object, member }
      }),
    )
    const unknown = named.filter(({ object, member }) =>
      object ? !membersOf(client.get(object)).includes(member) : !client.has(member),
    )
    expect(unknown).toEqual([])
    expect(named.length).toBeGreaterThan(200)
  })

  test('names nothing in backticks alone that could be taken for a name of @ottla/client', () => {
    const ORDINARY = /^(PLAIN|SCRAM-SHA-\d+|OAUTHBEARER|debug|info|warn|error|break|await using)$/
    const odd = entries.flatMap(({ owner, name, to }) =>
      [...to.matchAll(/`([^`]+)`/g)]
        .map(([, code = '']) => code)
        .filter((code) => /^[\w-]+$/.test(code) && !ORDINARY.test(code))
        .map((code) => `${owner}.${name}: ${code}`),
    )
    expect(odd).toEqual([])
  })

  test('renames only to what its text names', () => {
    const renaming = entries.filter(({ rename }) => rename !== undefined)
    const wrong = renaming.filter(({ to, rename }) => {
      const [first] = [...to.matchAll(REFERENCE)]
      return first?.index !== 0 || first[2] !== rename
    })
    expect(wrong).toEqual([])
    expect(renaming.length).toBeGreaterThan(14)
  })

  test('leads to headings of the guide', () => {
    const missing = entries.filter(({ see }) => !GUIDE.includes(`\n## ${see}\n`))
    expect(missing).toEqual([])
  })
})

test('texts show names as whoever uses them writes them', () => {
  expect(plainText('[Admin.lag(group)], [ConsumerOptions.from] or [Kafka]')).toBe(
    '`kafka.admin.lag(group)`, `from` or `Kafka`',
  )
})

test('what stays as it is, or is no name of kafkajs, has nothing in its place', () => {
  expect(migrationOf('KafkaConfig', 'clientId')).toBeUndefined()
  expect(migrationOf('KafkaConfig', 'constructor')).toBeUndefined()
  expect(migrationOf('toString', 'name')).toBeUndefined()
  expect(migrationOf('KafkaConfig', 'ssl')?.rename).toBe('tls')
})
