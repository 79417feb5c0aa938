/** The few forms of Markdown that the reference pages consist of. */

const MADE = '<!-- Made by npm run docs from the tables in the code; change those. -->'

export const page = (title: string, ...parts: readonly string[]): string =>
  `${[`# ${title}`, MADE, ...parts].join('\n\n')}\n`

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ')

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map(cell).join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}
