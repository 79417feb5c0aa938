/** Apache Kafka's command line tools, run as its shell scripts would run them. */
import { execFile } from 'node:child_process'
import { ensureApacheKafka } from './apache-jars.ts'

export interface ToolResult {
  readonly stdout: string
  readonly stderr: string
  readonly code: number
}

export interface ToolOptions {
  /** Text for the tool's standard input, which is closed behind it. */
  readonly input?: string
  readonly timeoutMs?: number
  readonly heap?: string
  /** Where names of files are looked for. */
  readonly cwd?: string
}

const TOOL_TIMEOUT_MS = 60_000

/**
 * Runs a tool of the 4.3.1 jars by the name of its class: `runTool('TopicCommand', ['--list',
 * ...])`. A name without a package is looked for in `org.apache.kafka.tools`. The dump-log tool is
 * `DumpLogSegments`.
 */
export async function runTool(
  tool: string,
  args: readonly string[],
  options: ToolOptions = {},
): Promise<ToolResult> {
  const { toolClasspath } = await ensureApacheKafka()
  return runJava(toolClasspath, toolClass(tool), args, options)
}

/** Runs a class of the 4.4.0 broker jars, such as `kafka.tools.StorageTool`. */
export async function runBrokerClass(
  className: string,
  args: readonly string[],
  options: ToolOptions = {},
): Promise<ToolResult> {
  const { brokerClasspath } = await ensureApacheKafka()
  return runJava(brokerClasspath, className, args, options)
}

/**
 * The metadata shell, which exists as 4.3.1 only and then knows no metadata of 4.4: with the
 * classes of the 4.4.0 broker in front of its own.
 */
export async function runMetadataShell(args: readonly string[]): Promise<ToolResult> {
  const { brokerClasspath, toolClasspath } = await ensureApacheKafka()
  const classpath = `${brokerClasspath}:${toolClasspath}`
  return runJava(classpath, 'org.apache.kafka.shell.MetadataShell', args, {})
}

/** Tools that live in a package below `org.apache.kafka.tools`. */
const NESTED: Readonly<Record<string, string>> = {
  ConsumerGroupCommand: 'consumer.group.ConsumerGroupCommand',
  ShareGroupCommand: 'consumer.group.ShareGroupCommand',
  StreamsGroupCommand: 'streams.StreamsGroupCommand',
  ConsoleConsumer: 'consumer.ConsoleConsumer',
  ReassignPartitionsCommand: 'reassign.ReassignPartitionsCommand',
}

function toolClass(tool: string): string {
  if (tool.includes('.')) return tool
  return `org.apache.kafka.tools.${NESTED[tool] ?? tool}`
}

function runJava(
  classpath: string,
  className: string,
  args: readonly string[],
  options: ToolOptions,
): Promise<ToolResult> {
  const java = [
    `-Xmx${options.heap ?? '256m'}`,
    '-XX:+UseSerialGC',
    '-XX:TieredStopAtLevel=1',
    '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
    '-cp',
    classpath,
    className,
    ...args,
  ]
  const limits = {
    timeout: options.timeoutMs ?? TOOL_TIMEOUT_MS,
    maxBuffer: 256 * 1024 * 1024,
    ...(options.cwd !== undefined && { cwd: options.cwd }),
  }
  return new Promise((resolve, reject) => {
    const child = execFile('java', java, limits, (error, stdout, stderr) => {
      if (error && typeof error.code !== 'number') {
        reject(new Error(`${className} did not run: ${error.message}\n${stderr}`, { cause: error }))
      } else {
        resolve({ stdout, stderr, code: error ? Number(error.code) : 0 })
      }
    })
    child.stdin?.end(options.input ?? '')
  })
}
