/**
 * The long run: `node test/crash/dist/log-crash-main.js --seed 1 --points 10000`. Prints a summary
 * and ends with 1 when anything was lost or a mutant was not caught.
 */
import { runCrashTest } from './log-crash.ts'
import { MUTANTS, runMutant } from './log-crash-mutants.ts'

function option(name: string, fallback: number): number {
  const at = process.argv.indexOf(`--${name}`)
  return at < 0 ? fallback : Number(process.argv[at + 1])
}

const seed = option('seed', 1)
const points = option('points', 10_000)
const report = await runCrashTest({ seed, points })
console.log(
  `crash states: ${report.points} (${report.nestedPoints} during recovery) in ${report.histories} ` +
    `histories, ${report.batches} batches, ${report.droppedBytes} torn bytes cut, ` +
    `${report.elapsedMs} ms, violations: ${report.violations.length}`,
)
for (const violation of report.violations.slice(0, 10)) console.log(`  ${violation}`)

let missed = 0
for (const name of Object.keys(MUTANTS)) {
  const caught = await runMutant(name, seed, Math.min(points, 5000))
  const isCaught = caught.violations.length > 0
  if (!isCaught) missed++
  console.log(`mutant "${name}": ${isCaught ? `caught at state ${caught.points}` : 'NOT CAUGHT'}`)
}
process.exitCode = report.violations.length > 0 || missed > 0 ? 1 : 0
