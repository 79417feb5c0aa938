/**
 * The same tool asked of both brokers at once: ottla, and Apache Kafka as the one who is right.
 * What they print must be the same once ports, ids and times are masked.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import { type OttlaProcess, startOttlaProcess } from '../../support/ottla-process.ts'
import { type ApacheBroker, startApacheBroker } from './apache-broker.ts'
import { runTool, type ToolOptions, type ToolResult } from './apache-tools.ts'

const SETTINGS = {
  // Records of tests are old, and a machine under load needs long enough for them to be deleted.
  'log.retention.ms': '-1',
  'offsets.topic.num.partitions': '5',
  'group.initial.rebalance.delay.ms': '0',
  'group.streams.initial.rebalance.delay.ms': '0',
  'group.streams.assignment.interval.ms': '0',
}
const TOOL_TIMEOUT_MS = 180_000

export type Mask = (text: string) => string

export interface Asked extends ToolOptions {
  /** Hides what may differ, beyond the usual ports, ids and times. */
  readonly mask?: Mask
  /** Exit code to expect; 0 by default. */
  readonly code?: number
  /** The tool wants its command first, and the broker behind it. */
  readonly commandFirst?: boolean
  /** Compare standard error too, which is where tools put their complaints. */
  readonly withStderr?: boolean
}

export interface BothBrokers extends AsyncDisposable {
  readonly ottla: OttlaProcess
  readonly apache: ApacheBroker
  /** Runs a tool on both, expects the same of both, and gives back what ottla's run printed. */
  same(tool: string, args: readonly string[], asked?: Asked): Promise<string>
  /** Runs a tool on both without comparing. */
  both(tool: string, args: readonly string[], options?: ToolOptions): Promise<ToolResult[]>
  stop(): Promise<void>
}

/**
 * `settings` are added on both sides. `logDirs` names the log directories of each side inside its
 * data directory; one by default.
 */
export async function startBothBrokers(
  settings: Readonly<Record<string, string>> = {},
  logDirs: readonly string[] = [],
): Promise<BothBrokers> {
  const all = { ...SETTINGS, ...settings }
  const places = await Promise.all([placeOf(logDirs), placeOf(logDirs)])
  const [ottla, apache] = await Promise.all([
    startOttlaProcess({ ...places[0].place, settings: { ...all, ...places[0].settings } }),
    startApacheBroker({
      ...places[1].place,
      heap: '512m',
      overrides: { ...all, ...places[1].settings },
    }),
  ])
  const stop = async () => {
    await Promise.all([ottla.stop(), apache.stop()])
    for (const { place } of places) {
      if (place.dataDir) await rm(place.dataDir, { recursive: true, force: true })
    }
  }
  const both = (
    tool: string,
    args: readonly string[],
    { commandFirst = false, ...options }: Asked = {},
  ) =>
    Promise.all(
      [ottla, apache].map((broker) =>
        runTool(tool, withBroker(broker.bootstrap, args, commandFirst), {
          timeoutMs: TOOL_TIMEOUT_MS,
          ...options,
        }),
      ),
    )
  const same = async (tool: string, args: readonly string[], asked: Asked = {}) => {
    const { mask = (text) => text, code = 0, withStderr = false, ...options } = asked
    const [ours, theirs] = (await both(tool, args, options)) as [ToolResult, ToolResult]
    const text = ({ stdout, stderr }: ToolResult) =>
      lines(mask(usual(withStderr ? `${stdout}\n${stderr}` : stdout)))
    expect(ours.stderr).not.toContain('Could not find or load main class')
    expect(theirs, `Apache Kafka: ${theirs.stderr}`).toMatchObject({ code })
    expect(ours.code, `${ours.stdout}${ours.stderr}`).toBe(code)
    expect(text(ours)).toEqual(text(theirs))
    return ours.stdout
  }
  return { ottla, apache, same, both, stop, [Symbol.asyncDispose]: stop }
}

/** A data directory with these log directories in it, or whatever the broker makes for itself. */
async function placeOf(logDirs: readonly string[]): Promise<{
  readonly place: { readonly dataDir?: string }
  readonly settings: Readonly<Record<string, string>>
}> {
  if (logDirs.length === 0) return { place: {}, settings: {} }
  const dataDir = await mkdtemp(join(tmpdir(), 'ottla-both-'))
  const paths = logDirs.map((name) => join(dataDir, name))
  return { place: { dataDir }, settings: { 'log.dirs': paths.join(',') } }
}

function withBroker(bootstrap: string, args: readonly string[], commandFirst: boolean): string[] {
  const broker = ['--bootstrap-server', bootstrap]
  return commandFirst ? [...args, ...broker] : [...broker, ...args]
}

/** Ports, uuids, times and clusters are each broker's own. */
export const usual: Mask = (text) =>
  text
    .replace(/127\.0\.0\.1:\d+/g, 'BROKER')
    .replace(/(\/127\.0\.0\.1)(?=\s)/g, 'HOST')
    .replace(/(TopicId: )[\w-]{22}/g, '$1ID')
    .replace(/\b[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}\b/g, 'UUID')
    .replace(/\[20\d\d-\d\d-\d\d [\d:,]+\]/g, '[TIME]')

/** Lines without the order that maps give them, and without spaces that pad columns. */
const lines = (text: string) =>
  text
    .split('\n')
    .map((line) => line.replace(/\s+/g, ' ').trim())
    .filter((line) => line !== '' && !line.startsWith('at '))
    .sort()
