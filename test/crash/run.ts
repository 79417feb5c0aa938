/**
 * The long crash tests: `npm run test:crash -- [--points N] [--kills N] [--archive-kills N]
 * [--histories N] [--seed N]`. Ends with 1 when anything was lost, repeated or altered, or a
 * deliberate mistake went unnoticed.
 */
import { parseArgs } from 'node:util'
import { SeededRandom } from '@ottla/base'
import { runArchiveCrashTest } from './archive-crash.ts'
import { ARCHIVE_MUTANTS, runArchiveMutant } from './archive-crash-mutants.ts'
import { COMPACTION_MUTANTS, runCompactionHistories } from './compaction-history.ts'
import { killNine } from './kill-nine.ts'
import { runCrashTest } from './log-crash.ts'
import { MUTANTS, runMutant } from './log-crash-mutants.ts'

const START_MS_MAX = 1000

const { values } = parseArgs({
  options: {
    points: { type: 'string', default: '10000' },
    kills: { type: 'string', default: '200' },
    histories: { type: 'string', default: '1000' },
    'archive-kills': { type: 'string', default: '2000' },
    seed: { type: 'string', default: '1' },
  },
})
const seed = Number(values.seed)
const points = Number(values.points)
const kills = Number(values.kills)
const archiveKills = Number(values['archive-kills'])
const say = (line: string) => process.stdout.write(`${line}\n`)

async function crashStates(): Promise<number> {
  const report = await runCrashTest({ seed, points })
  say(
    `crash states: ${report.points} (${report.nestedPoints} of them during recovery) in ` +
      `${report.histories} histories with ${report.batches} batches, ${report.droppedBytes} torn ` +
      `bytes cut, ${(report.elapsedMs / 1000).toFixed(1)} s, ${report.violations.length} violations`,
  )
  for (const violation of report.violations.slice(0, 10)) say(`  ${violation}`)
  return report.violations.length
}

async function mutants(): Promise<number> {
  let missed = 0
  for (const name of Object.keys(MUTANTS)) {
    const { violations, points: reached } = await runMutant(name, seed, Math.min(points, 5000))
    const isCaught = violations.length > 0
    if (!isCaught) missed++
    say(`mutant "${name}": ${isCaught ? `caught at state ${reached}` : 'NOT CAUGHT'}`)
  }
  return missed
}

async function killRuns(): Promise<number> {
  const random = new SeededRandom(seed)
  const result = await killNine({
    kills,
    random: () => random.float(),
    onKill: (kill) => {
      if (kill % 20 === 0) say(`killed ${kill} times`)
    },
  })
  const starts = [...result.startsMs].sort((a, b) => a - b)
  const slowest = starts.at(-1) ?? 0
  say(
    `kill -9: ${kills} kills, ${result.acknowledged} records acknowledged, ${result.stored} stored, ` +
      `start after a kill ${starts[Math.floor(starts.length / 2)]} ms (median), ${slowest} ms ` +
      `(slowest), ${result.faults.length} faults`,
  )
  for (const fault of result.faults) say(`  ${fault}`)
  if (slowest > START_MS_MAX) say(`  a start took longer than ${START_MS_MAX} ms`)
  return result.faults.length + (slowest > START_MS_MAX ? 1 : 0)
}

/** Histories that are enough to catch a mutant. */
const MUTANT_HISTORIES = 100

async function compaction(): Promise<number> {
  const report = await runCompactionHistories(Number(values.histories))
  say(
    `compaction: ${report.histories} histories, ${report.cleanings} cleanings, ` +
      `${report.crashes} power cuts during them, ${report.violations.length} violations`,
  )
  for (const violation of report.violations.slice(0, 10)) say(`  ${violation}`)
  let missed = 0
  for (const [name, engine] of Object.entries(COMPACTION_MUTANTS)) {
    const { violations } = await runCompactionHistories(MUTANT_HISTORIES, engine)
    if (violations.length === 0) missed++
    say(`mutant "${name}": ${violations.length > 0 ? 'caught' : 'NOT CAUGHT'}`)
  }
  return report.violations.length + missed
}

async function archiveRuns(): Promise<number> {
  const report = await runArchiveCrashTest({ seed, kills: archiveKills })
  say(
    `archive: ${report.kills} kills between steps in ${report.histories} histories with ` +
      `${report.batches} batches, ${report.copied} segments copied and ${report.deleted} deleted, ` +
      `${report.tieredStates} logs read from the archive, ${report.violations.length} violations`,
  )
  for (const violation of report.violations.slice(0, 10)) say(`  ${violation}`)
  let missed = 0
  for (const name of Object.keys(ARCHIVE_MUTANTS)) {
    const { violations, kills: reached } = await runArchiveMutant(name, seed, 2000)
    if (violations.length === 0) missed++
    say(`mutant "${name}": ${violations.length > 0 ? `caught at kill ${reached}` : 'NOT CAUGHT'}`)
  }
  return report.violations.length + missed
}

const failures =
  (await crashStates()) +
  (await mutants()) +
  (await compaction()) +
  (await archiveRuns()) +
  (await killRuns())
process.exitCode = failures > 0 ? 1 : 0
