/**
 * The same tool asked of both brokers at once: ottla, and Apache Kafka as the one who is right.
 * What they print must be the same once ports, ids and times are masked.
 */
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

/** `settings` are added on both sides. */
export async function startBothBrokers(
  settings: Readonly<Record<string, string>> = {},
): Promise<BothBrokers> {
  const all = { ...SETTINGS, ...settings }
  const [ottla, apache] = await Promise.all([
    startOttlaProcess({ settings: all }),
    startApacheBroker({ heap: '512m', overrides: all }),
  ])
  const stop = async () => {
    await Promise.all([ottla.stop(), apache.stop()])
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
