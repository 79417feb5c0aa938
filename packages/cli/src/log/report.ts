/** What a verification found, as text for a person. */
import type { DirectoryReport, Finding } from '@ottla/storage'
import type { Terminal } from '../terminal.ts'

export const isDamaged = ({ findings }: DirectoryReport): boolean =>
  findings.some(({ severity }) => severity === 'damage')

/** Findings first, since the last line is what a reader sees. */
export function reportText(report: DirectoryReport, out: Terminal): string {
  const { findings, directory, wasClean, partitions, segments, batches, records } = report
  const damages = findings.filter(({ severity }) => severity === 'damage').length
  const notes = findings.length - damages
  const sums =
    `${partitions} partitions, ${segments} segments, ${batches} batches, ` +
    `${records} records, ${wasClean ? 'stopped cleanly' : 'not stopped cleanly'}`
  const verdict =
    damages > 0
      ? out.style('red', `${damages} damaged`)
      : out.style('green', notes > 0 ? `no damage, ${notes} notes` : 'no damage')
  return `${findings.map((one) => findingText(one, out)).join('')}${directory}: ${sums}: ${verdict}\n`
}

function findingText({ severity, file, position, offset, what, mend }: Finding, out: Terminal) {
  const mark = severity === 'damage' ? out.style('red', 'damage') : out.style('yellow', 'note  ')
  const place = [
    position === undefined ? '' : ` at position ${position}`,
    offset === undefined ? '' : ` (offset ${offset})`,
  ].join('')
  const lines = [`${mark} ${file}${place}`, `  What  ${what}`]
  if (mend) lines.push(`  Mend  ${mend}`)
  return `${lines.join('\n')}\n`
}
