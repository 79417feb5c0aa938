/** Carries out the steps that `ottla graduate` prints, with Apache Kafka's own tools. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { APACHE_BROKER_VERSION, ensureApacheBroker } from '../support/apache-jars.ts'
import { runBrokerClass, runTool, type ToolResult } from '../support/apache-tools.ts'
import { JavaProcess } from '../support/java-process.ts'
import { waitUntil } from '../support/judged-broker.ts'

/** As in the JSON of the command. */
export interface Step {
  readonly title: string
  readonly files?: readonly { readonly name: string; readonly text: string }[]
  readonly commands: readonly Command[]
}

interface Command {
  readonly tool: string
  readonly args: readonly string[]
  readonly isServer?: boolean
  readonly repeatWhile?: string
  readonly isRetried?: boolean
}

/** The classes behind the scripts. */
const CLASSES: Readonly<Record<string, string>> = {
  'kafka-features': 'FeatureCommand',
  'kafka-metadata-quorum': 'MetadataQuorumCommand',
  'kafka-reassign-partitions': 'ReassignPartitionsCommand',
  'kafka-configs': 'kafka.admin.ConfigCommand',
  'kafka-leader-election': 'LeaderElectionCommand',
}
const TIMEOUT_MS = 120_000

export class ClusterNodes implements AsyncDisposable {
  readonly processes = new Map<string, JavaProcess>()
  private readonly folder: string

  constructor(folder: string) {
    this.folder = folder
  }

  async run({ title, files = [], commands }: Step): Promise<void> {
    for (const { name, text } of files) await writeFile(join(this.folder, name), text)
    for (const command of commands) {
      if (command.isServer) await this.start(command.args[0] as string)
      else await this.runTool(title, command)
    }
  }

  /** `kafka-server-start` with a properties file. */
  async start(file: string): Promise<void> {
    const classpath = await ensureApacheBroker(APACHE_BROKER_VERSION)
    const args = [join(this.folder, file)]
    const options = {
      classpath,
      main: 'kafka.Kafka',
      args,
      heap: '320m',
      logLevel: 'warn' as const,
    }
    this.processes.set(file, new JavaProcess(options))
  }

  private async runTool(title: string, command: Command): Promise<void> {
    let last: ToolResult | undefined
    const run = async () => {
      last = await this.once(command)
      const text = last.stdout + last.stderr
      // An earlier try did it, and was not told so in time.
      if (last.code !== 0 && text.includes('DuplicateVoter')) return true
      if (last.code !== 0 && command.isRetried) return false
      if (last.code !== 0) {
        throw new Error(`${title}: ${command.tool} ended with ${last.code}: ${text}`)
      }
      return command.repeatWhile === undefined || !text.includes(command.repeatWhile)
    }
    await waitUntil(title, run, TIMEOUT_MS).catch((error: unknown) => {
      throw new Error(`${error}\n${last?.stdout}${last?.stderr}`, { cause: error })
    })
  }

  private once({ tool, args }: Command): Promise<ToolResult> {
    const options = { cwd: this.folder, timeoutMs: TIMEOUT_MS }
    if (tool === 'kafka-storage') return runBrokerClass('kafka.tools.StorageTool', args, options)
    const name = CLASSES[tool]
    if (name === undefined) throw new Error(`${tool} is not known here`)
    return runTool(name, args, options)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const process of this.processes.values()) await process.kill9()
  }
}
