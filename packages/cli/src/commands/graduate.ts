/** `ottla graduate`: from ottla's one node to Apache Kafka's, and from there to three. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { RealFileSystem } from '@ottla/storage'
import { type Command, Option } from 'commander'
import { ExitCode } from '../cli-error.ts'
import type { OutputFormat } from '../connection.ts'
import { parseNodes } from '../graduate/nodes.ts'
import { type Plan, planFor } from '../graduate/plan.ts'
import { planText, surveyText } from '../graduate/report.ts'
import { type Survey, survey } from '../graduate/survey.ts'
import { isDamaged } from '../log/report.ts'
import { printJson } from '../printer.ts'
import { terminal } from '../terminal.ts'

interface GraduateOptions {
  readonly nodes: string
  readonly logDir: string[]
  readonly write?: string
  readonly output: OutputFormat
}

/** All three on this machine: what is printed works as it stands. */
const NODES_HERE = 'localhost:9092:9093,localhost:9094:9095,localhost:9096:9097'

export function defineGraduate(command: Command): void {
  command
    .argument('<directory>', 'data directory of a stopped ottla, or a log directory')
    .description(
      'Verifies a stopped directory, says what is in it and which releases of Apache Kafka can open\n' +
        'it, and prints the configuration for one node and the steps to three. Nothing is changed.',
    )
    .option('--nodes <list>', 'three nodes as host:port:controllerPort', NODES_HERE)
    .option('--log-dir <directory>', 'a further log directory; can be repeated', collect, [])
    .option('--write <directory>', 'write the files of the plan there')
    .addOption(
      new Option('-o, --output <format>', 'what to print')
        .choices(['table', 'json', 'jsonl'])
        .default('table'),
    )
    .action(graduate)
}

const collect = (directory: string, all: string[]): string[] => [...all, directory]

async function graduate(directory: string, options: GraduateOptions): Promise<void> {
  const out = terminal()
  const fileSystem = new RealFileSystem()
  const found = await survey(directory, {
    fileSystem,
    further: options.logDir,
    onPartition: (name) => out.showProgress(`verifying ${name}`),
  })
  out.clearProgress()
  const [logDir = ''] = found.logDirs
  const first = { id: found.nodeId, logDirs: found.logDirs }
  const nodes = parseNodes(options.nodes, first, (id) => `${logDir}-node-${id}`)
  const plan = planFor(found, nodes)
  if (options.write !== undefined) writeFiles(options.write, plan)
  if (options.output === 'table') await out.write(surveyText(found, out) + planText(plan, out))
  else await printJson(out, jsonOf(found, plan), options.output)
  const isReady = found.releases.some(({ fault }) => fault === undefined)
  if (!isReady || found.reports.some(isDamaged)) process.exitCode = ExitCode.FAILED
}

function writeFiles(folder: string, { properties, steps }: Plan): void {
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'server.properties'), properties)
  for (const { files = [] } of steps) {
    for (const { name, text } of files) writeFileSync(join(folder, name), text)
  }
}

const jsonOf = ({ image, ...found }: Survey, { properties, steps }: Plan) => ({
  ...found,
  features: Object.fromEntries(image.features),
  topics: image.topics.size,
  partitions: image.partitionCount,
  acls: image.acls.size,
  users: [...image.scram.names()],
  quotas: [...image.quotas.all()].length,
  properties,
  steps,
})
