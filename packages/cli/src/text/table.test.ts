import { expect, test } from 'vitest'
import { type Column, renderTable } from './table.ts'

interface Row {
  readonly name: string
  readonly size: number | null
}

const columns: Column<Row>[] = [
  { title: 'NAME', value: (row) => row.name, isFlexible: true },
  { title: 'SIZE', value: (row) => row.size, align: 'right' },
]
const rows = [
  { name: 'a', size: 10_000 },
  { name: 'a much longer name than there is room for', size: null },
]

test('aligns on a terminal and cuts what is flexible', () => {
  const text = renderTable(columns, rows, { isInteractive: true, columns: 30 })
  expect(text).toBe(
    'NAME                      SIZE\n' +
      'a                        10000\n' +
      'a much longer name tha…      -\n',
  )
})

test('separates by tabs when it is piped, and keeps lines whole', () => {
  const text = renderTable(columns, [{ name: 'a\tb\nc', size: 1 }], {
    isInteractive: false,
    columns: 10,
  })
  expect(text).toBe('NAME\tSIZE\na b c\t1\n')
})
