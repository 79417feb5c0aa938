/** `ottla log`: what is in a Kafka directory, and whether it is whole. No broker is asked. */
import {
  type DirectoryReport,
  type DumpRow,
  dumpFile,
  type Finding,
  RealFileSystem,
  verifyLogDirectory,
} from '@ottla/storage'
import { type Command, Option } from 'commander'
import { ExitCode } from '../cli-error.ts'
import type { OutputFormat } from '../connection.ts'
import { isDamaged, reportText } from '../log/report.ts'
import { filesOf, type LogTarget, targetsOf } from '../log/targets.ts'
import { printJson, toJson } from '../printer.ts'
import { type Terminal, terminal } from '../terminal.ts'

interface LogOptions {
  readonly output: OutputFormat
}

interface DumpCommandOptions extends LogOptions {
  readonly records: boolean
}

const PATHS = 'data directories, log directories, partition directories or files'

const outputOption = () =>
  new Option('-o, --output <format>', 'what to print')
    .choices(['table', 'json', 'jsonl'])
    .default('table')

export function defineLog(command: Command): void {
  command
    .command('dump')
    .description(
      'Shows what is in files of Kafka: batches and records (those of internal topics and of the\n' +
        'metadata log decoded), indexes, producer snapshots, checkpoints.',
    )
    .argument('<paths...>', PATHS)
    .option('--no-records', 'batches only, without their records')
    .addOption(outputOption())
    .action(dump)
  command
    .command('verify')
    .description(
      'Reads everything: checksums, offsets, leader epochs, every record; indexes, snapshots and\n' +
        'checkpoints against the log. Names the place of damage, and ends with 1 when there is any.',
    )
    .argument('<paths...>', PATHS)
    .addOption(outputOption())
    .action(verify)
}

async function dump(paths: readonly string[], options: DumpCommandOptions): Promise<void> {
  const out = terminal()
  const fileSystem = new RealFileSystem()
  const files = paths
    .flatMap((path) => targetsOf(fileSystem, path))
    .flatMap((target) => filesOf(fileSystem, target))
  const all: object[] = []
  for (const file of files) {
    if (options.output === 'table') await out.line(out.style('bold', file))
    for await (const row of dumpFile(file, { fileSystem, withRecords: options.records })) {
      if (options.output === 'json') all.push({ file, ...row })
      else if (options.output === 'jsonl') await out.line(toJson({ file, ...row }))
      else await out.line(rowText(row, out))
    }
  }
  if (options.output === 'json') await printJson(out, all, 'json')
}

function rowText({ row, ...fields }: DumpRow, out: Terminal): string {
  const indent = row === 'record' ? '    ' : '  '
  const parts = Object.entries(fields)
    .filter(([, value]) => value !== undefined && value !== false)
    .map(([name, value]) => `${out.style('dim', `${name}=`)}${fieldText(value)}`)
  const name = row === 'damage' ? out.style('red', row) : row
  return `${indent}${name} ${parts.join(' ')}`
}

const fieldText = (value: unknown): string =>
  typeof value === 'string' && /^[\w.:/+=-]+$/.test(value) ? value : toJson(value)

async function verify(paths: readonly string[], { output }: LogOptions): Promise<void> {
  const out = terminal()
  const fileSystem = new RealFileSystem()
  const reports: DirectoryReport[] = []
  for (const target of paths.flatMap((path) => targetsOf(fileSystem, path))) {
    const onPartition = (name: string) => out.showProgress(`verifying ${name}`)
    const { directory, only } = target
    const report = await verifyLogDirectory(directory, { fileSystem, only, onPartition })
    out.clearProgress()
    reports.push({ ...report, findings: report.findings.filter((one) => isMeant(one, target)) })
  }
  if (output === 'json') await printJson(out, reports, 'json')
  for (const report of output === 'json' ? [] : reports) {
    if (output === 'jsonl') for (const finding of report.findings) await out.line(toJson(finding))
    else await out.write(reportText(report, out))
  }
  if (reports.some(isDamaged)) process.exitCode = ExitCode.FAILED
}

const isMeant = ({ file }: Finding, target: LogTarget): boolean =>
  target.file === undefined || file === target.file
