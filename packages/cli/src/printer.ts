/** Prints what a command found: a table for people, JSON for programs. */
import type { OutputFormat } from './connection.ts'
import type { Terminal } from './terminal.ts'
import { type Column, renderTable } from './text/table.ts'

/** Int64 as a JSON number where JavaScript reads it exactly, else as text. */
export function toJson(value: unknown, indent?: number): string {
  return JSON.stringify(
    value,
    (_, item: unknown) => {
      if (typeof item !== 'bigint') return item
      return item >= Number.MIN_SAFE_INTEGER && item <= Number.MAX_SAFE_INTEGER
        ? Number(item)
        : String(item)
    },
    indent,
  )
}

export async function printJson(out: Terminal, value: unknown, format: OutputFormat) {
  await out.line(toJson(value, format === 'json' && out.isInteractive ? 2 : undefined))
}

/** A list: an array as `json`, one object a line as `jsonl`, else a table. */
export async function printRows<Row extends object>(
  out: Terminal,
  format: OutputFormat,
  rows: readonly Row[],
  columns: readonly Column<Row>[],
): Promise<void> {
  if (format === 'json') return printJson(out, rows, format)
  if (format === 'jsonl') {
    for (const row of rows) await out.line(toJson(row))
    return
  }
  await out.write(
    renderTable(columns, rows, {
      isInteractive: out.isInteractive,
      columns: out.columns,
      styleTitle: (title) => out.style('dim', title),
    }),
  )
}

/** One thing that was done: the object as JSON, or a sentence. */
export async function printDone(
  out: Terminal,
  format: OutputFormat,
  done: object,
  sentence: string,
): Promise<void> {
  if (format === 'table') await out.line(sentence)
  else await printJson(out, done, format)
}
