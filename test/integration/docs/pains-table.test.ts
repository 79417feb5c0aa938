/** docs/internals/client-pains.md: a row for every pain, and tests that exist behind the names. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const ROOT = join(import.meta.dirname, '..', '..', '..')
const page = readFileSync(join(ROOT, 'docs', 'internals', 'client-pains.md'), 'utf8')
const PAINS = 25

/** The cells of each row that begins with a number, or with words. */
const rows = page
  .split('\n')
  .filter((line) => line.startsWith('| '))
  .map((line) => line.split('|').map((cell) => cell.trim()))
const numbered = rows.filter(([, number = '']) => /^\d+$/.test(number))

/** Where a test may be that a row names. */
const placesOf = (name: string): string[] => [
  ...['test/integration/client', 'test/compatibility', 'test/compatibility/clients', 'test'].map(
    (folder) => `${folder}/${name}.test.ts`,
  ),
  ...[`packages/client/src/${name}`, `test/compatibility/${name}`, name, `${name}.test.ts`],
]

test('every pain has its row', () => {
  expect(numbered.map(([, number]) => Number(number))).toEqual(
    Array.from({ length: PAINS }, (_, i) => i + 1),
  )
})

test('all but the first have a test', () => {
  const without = numbered.filter((cells) => !cells[4]?.includes('`')).map(([, number]) => number)
  expect(without).toEqual(['1'])
})

test('the tests are where the rows say', () => {
  const named = rows
    .flatMap((cells) => [...(cells.at(-2) ?? '').matchAll(/`([\w./-]+)`/g)])
    .map(([, name = '']) => name)
    // Words of the language, and options, in the same type.
    .filter((name) => !['require', 'import', 'maxPollRecords'].includes(name))
  expect(named.length).toBeGreaterThan(40)
  const lost = named.filter((name) => !placesOf(name).some((path) => existsSync(join(ROOT, path))))
  expect(lost).toEqual([])
})
