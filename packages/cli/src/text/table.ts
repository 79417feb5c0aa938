/**
 * Rows for people and for scripts: aligned columns on a terminal, tab-separated values without
 * alignment when the output goes elsewhere. The header line is there in both.
 */
export interface Column<Row> {
  readonly title: string
  readonly value: (row: Row) => string | number | bigint | null | undefined
  readonly align?: 'left' | 'right'
  /** May be cut to fit the terminal. */
  readonly isFlexible?: boolean
}

export interface TableOptions {
  readonly isInteractive: boolean
  readonly columns: number
  readonly styleTitle?: (text: string) => string
}

const GAP = '  '
const FLEXIBLE_WIDTH_MIN = 12

export function renderTable<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  options: TableOptions,
): string {
  const cells = rows.map((row) => columns.map((column) => cellText(column.value(row))))
  const titles = columns.map(({ title }) => title)
  if (!options.isInteractive) {
    return [titles, ...cells].map((line) => `${line.join('\t')}\n`).join('')
  }
  const widths = columns.map((_, i) =>
    Math.max(...[titles, ...cells].map((line) => displayWidth(line[i] ?? ''))),
  )
  fit(columns, widths, options.columns)
  const draw = (line: readonly string[]) =>
    line
      .map((text, i) => pad(cut(text, widths[i] ?? 0), widths[i] ?? 0, columns[i]?.align))
      .join(GAP)
      .trimEnd()
  const style = options.styleTitle ?? ((text) => text)
  return [style(draw(titles)), ...cells.map(draw)].map((line) => `${line}\n`).join('')
}

/** Tabs and line feeds inside a value would be read as structure. */
function cellText(value: string | number | bigint | null | undefined): string {
  if (value === null || value === undefined) return '-'
  return String(value).replace(/[\t\r\n]+/g, ' ')
}

function fit<Row>(columns: readonly Column<Row>[], widths: number[], available: number): void {
  let excess = widths.reduce((sum, width) => sum + width + GAP.length, -GAP.length) - available
  for (let i = columns.length - 1; i >= 0 && excess > 0; i--) {
    if (!columns[i]?.isFlexible) continue
    const width = widths[i] ?? 0
    const saved = Math.min(excess, Math.max(0, width - FLEXIBLE_WIDTH_MIN))
    widths[i] = width - saved
    excess -= saved
  }
}

function cut(text: string, width: number): string {
  if (displayWidth(text) <= width) return text
  return `${[...text].slice(0, Math.max(0, width - 1)).join('')}…`
}

function pad(text: string, width: number, align: 'left' | 'right' = 'left'): string {
  const space = ' '.repeat(Math.max(0, width - displayWidth(text)))
  return align === 'right' ? space + text : text + space
}

const displayWidth = (text: string): number => [...text].length
