/** `ottla doctor`: checks a connection step by step, and says how to mend what fails. */
import type { Command } from 'commander'
import { ExitCode } from '../cli-error.ts'
import { addConnectionOptions, brokersOf, type ConnectionOptions } from '../connection.ts'
import { type CheckResult, runChecks } from '../doctor/checks.ts'
import { printJson } from '../printer.ts'
import { terminal } from '../terminal.ts'

interface DoctorOptions extends ConnectionOptions {
  readonly roundTrip: boolean
}

export function defineDoctor(command: Command): void {
  addConnectionOptions(command)
    .argument('[brokers]', 'host:port, as with -b')
    .description(
      'Checks name, TCP, protocol and advertised addresses of a broker, then sends a record through\n' +
        'a temporary topic and reads it again.',
    )
    .option('--no-round-trip', 'leave the cluster as it is: no temporary topic')
    .action(doctor)
}

async function doctor(brokers: string | undefined, options: DoctorOptions): Promise<void> {
  const out = terminal()
  const given = brokers ?? options.brokers
  const list = brokersOf(given === undefined ? {} : { brokers: given }, out.env)
  const checks: CheckResult[] = []
  const plan = { ...options, brokers: list, roundTrip: options.roundTrip }
  for await (const check of runChecks(plan)) {
    checks.push(check)
    if (options.output === 'table') await out.write(describe(check))
    else if (options.output === 'jsonl') await printJson(out, check, 'jsonl')
  }
  const failed = checks.find(({ ok }) => !ok)
  if (options.output === 'json') {
    await printJson(out, { brokers: list, ok: failed === undefined, checks }, 'json')
  }
  if (!failed) return
  process.exitCode = failed.name === 'round trip' ? ExitCode.FAILED : ExitCode.NO_CONNECTION
}

function describe(check: CheckResult): string {
  const out = terminal()
  const mark = check.ok ? out.style('green', '✔') : out.style('red', '✖')
  const lines = [`${mark} ${check.name.padEnd(11)} ${check.detail}`]
  if (check.why) lines.push(`  Why         ${check.why}`)
  if (check.mend) lines.push(`  Mend        ${check.mend}`)
  return `${lines.join('\n')}\n`
}
