/**
 * Runs one number of the suite in a process of its own, within a time limit, and reads what became
 * of its tests from what it prints on the way: the summary at the end is lost when it crashes.
 */
import { spawn } from 'node:child_process'
import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Suite, SuiteTest } from './suite.ts'

export type Protocol = 'classic' | 'consumer'
export type State = 'passed' | 'failed' | 'skipped'

export interface Outcome {
  readonly state: State
  readonly seconds: number
  /** Why it failed or was skipped, in the suite's words. */
  readonly reason?: string
}

export interface TestRun {
  readonly suite: Suite
  /** Decides the number that is asked for, the scenario, and whether a broker is needed. */
  readonly test: SuiteTest
  readonly protocol: Protocol
  readonly bootstrap: string
  readonly kafkaHome: string
  readonly kafkaVersion: string
  readonly isQuick: boolean
  readonly limitMs: number
  /** Gets everything the suite prints. */
  readonly onOutput?: (text: string) => void
}

const OUTPUT_MAX = 8 * 1024 * 1024
const TIMEOUT_MULTIPLIER = 2
const GRACE_MS = 2_000

/** What became of each test that shares the number. */
export async function runSuiteTest(
  run: TestRun,
  tests: readonly SuiteTest[],
): Promise<Map<string, Outcome>> {
  const parent = await mkdtemp(join(tmpdir(), 'librdkafka-test-'))
  try {
    const folder = await workFolder(run, parent)
    const started = performance.now()
    const { output, ending } = await execute(run, folder)
    run.onOutput?.(output)
    const seconds = Math.round((performance.now() - started) / 100) / 10
    return outcomesOf(output, tests, { ending, seconds })
  } finally {
    await rm(parent, { recursive: true, force: true })
  }
}

/** The suite writes where it stands and reads its fixtures beside it: links to all of them. */
async function workFolder(run: TestRun, parent: string): Promise<string> {
  const folder = join(parent, 'tests')
  await mkdir(folder)
  await symlink(join(run.suite.folder, '..', 'src'), join(parent, 'src'))
  for (const name of await readdir(run.suite.folder)) {
    if (!/\.(c|cpp|o|d)$/.test(name) && name !== 'test.conf') {
      await symlink(join(run.suite.folder, name), join(folder, name))
    }
  }
  const conf = [
    `test.timeout.multiplier=${TIMEOUT_MULTIPLIER}`,
    ...(run.test.isLocal
      ? []
      : [`bootstrap.servers=${run.bootstrap}`, 'security.protocol=PLAINTEXT']),
  ]
  await writeFile(join(folder, 'test.conf'), `${conf.join('\n')}\n`)
  return folder
}

function execute(run: TestRun, folder: string): Promise<{ output: string; ending: string }> {
  const args = [
    '-p1',
    run.test.isLocal ? '-l' : '-L',
    // Tests that librdkafka says to fail are left out unless asked for.
    ...(run.test.isKnownIssue ? ['-k'] : []),
    ...(run.isQuick ? ['-Q'] : []),
  ]
  const child = spawn(join(run.suite.folder, 'test-runner'), args, {
    cwd: folder,
    // Its Java helpers are its children: the whole group is ended with it.
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...withoutCi(),
      LD_LIBRARY_PATH: run.suite.libraries,
      RDKAFKA_TEST_CONF: join(folder, 'test.conf'),
      TESTS: run.test.number,
      TEST_SCENARIO: run.test.scenario,
      TEST_KAFKA_VERSION: run.kafkaVersion,
      TEST_CONSUMER_GROUP_PROTOCOL: run.protocol,
      KAFKA_PATH: run.kafkaHome,
      BROKERS: run.bootstrap,
    },
  })
  let output = ''
  const take = (text: string) => {
    output += text
    if (output.length > OUTPUT_MAX) output = output.slice(-OUTPUT_MAX / 2)
  }
  child.stdout.setEncoding('utf8').on('data', take)
  child.stderr.setEncoding('utf8').on('data', take)
  return new Promise((resolve, reject) => {
    let isLate = false
    const kill = () => {
      isLate = true
      endGroup(child.pid)
    }
    const expired = setTimeout(kill, run.limitMs)
    child.once('error', reject)
    child.once('exit', (code, signal) => {
      clearTimeout(expired)
      // A helper that outlives the test would hold the pipes open.
      setTimeout(() => endGroup(child.pid), GRACE_MS)
      child.once('close', () => {
        const how = signal === null ? `ended with ${code}` : `ended by ${signal}`
        resolve({ output, ending: isLate ? `not done after ${run.limitMs / 1000} s` : how })
      })
    })
  })
}

/** On CI the suite would run three tests at once and give clients other time limits. */
function withoutCi(): NodeJS.ProcessEnv {
  const { CI: _, ...env } = process.env
  return env
}

function endGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL')
  } catch {
    // Nobody of the group is left.
  }
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: the suite colours its lines
const COLOURS = /\u001b\[[\d;]*m/g
/** Standard error has all of it at once; the summary on standard output is lost in a crash. */
const END = /^\[(\w+) *\/ *[\d.]+s\] =+ Test \1 (PASSED|FAILED|SKIPPED) =+$/
const DURATION = /^\[(\w+) *\/ *[\d.]+s\] \1: duration ([\d.]+)ms$/
const SKIP = /^\[(\w+) *\/ *[\d.]+s\] WARN: SKIPPING TEST: (.*)$/
const FAILURE = /^### Test "(\w+)[^"]*" failed at /
const CRASH = /Assertion .* failed\.$/

interface Ending {
  readonly ending: string
  readonly seconds: number
}

/** What the suite has said about each test. */
class Said {
  readonly states = new Map<string, string>()
  readonly seconds = new Map<string, number>()
  readonly skips = new Map<string, string>()
  readonly failures = new Map<string, string>()
  crash: string | undefined

  constructor(text: string) {
    const lines = text.replace(COLOURS, '').split('\n')
    for (const [i, line] of lines.entries()) this.hear(line, lines[i + 1] ?? '')
  }

  private hear(line: string, next: string): void {
    const [, name = '', word = ''] =
      END.exec(line) ?? DURATION.exec(line) ?? SKIP.exec(line) ?? FAILURE.exec(line) ?? []
    if (END.test(line)) this.states.set(name, word)
    else if (DURATION.test(line)) this.seconds.set(name, Math.round(Number(word)) / 1000)
    else if (SKIP.test(line)) this.skips.set(name, word.replace(/\[\w+ *\/.*/, ''))
    else if (FAILURE.test(line)) {
      if (!this.failures.has(name)) this.failures.set(name, next.trim())
    } else if (CRASH.test(line)) this.crash = line.trim()
  }
}

export function outcomesOf(
  text: string,
  tests: readonly SuiteTest[],
  end: Ending,
): Map<string, Outcome> {
  const said = new Said(text)
  return new Map(tests.map(({ name }) => [name, outcomeOf(said, name, end)]))
}

function outcomeOf(said: Said, name: string, end: Ending): Outcome {
  const failure = said.failures.get(name)
  const seconds = said.seconds.get(name) ?? end.seconds
  if (failure !== undefined) return { state: 'failed', seconds, reason: failure }
  const skip = said.skips.get(name)
  if (skip !== undefined) return { state: 'skipped', seconds: 0, reason: skip.trim() }
  const state = said.states.get(name)
  // A crash that no failure explains is one of its own: threads or memory that were left behind.
  const isClean = said.crash === undefined || said.failures.size > 0
  if (state === 'PASSED' && isClean) return { state: 'passed', seconds }
  // Ended before it could say: by the limit, or by the crash of a test beside it.
  const reason = [end.ending, said.crash].filter((part) => part !== undefined).join(': ')
  return { state: 'failed', seconds, reason: state === undefined ? reason : `${state}: ${reason}` }
}
