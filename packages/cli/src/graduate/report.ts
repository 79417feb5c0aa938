/** The survey and the plan as text for a person. */

import { reportText } from '../log/report.ts'
import type { Terminal } from '../terminal.ts'
import type { GrowthStep, ToolCommand } from './growth-steps.ts'
import type { Plan } from './plan.ts'
import type { Survey } from './survey.ts'

const counted = (count: number, one: string, many = `${one}s`) =>
  `${count} ${count === 1 ? one : many}`

/** What was found, in a few lines. */
export function surveyText(survey: Survey, out: Terminal): string {
  const { image, coordinators, clusterId, nodeId, logDirs, kraftVersion } = survey
  const levels = [...image.features, ['kraft.version', kraftVersion] as const]
  const partitions = image.partitionCount
  const { groups, openTransactions: open } = coordinators
  const byType = Object.entries(groups).map(([type, names]) => `${names.length} ${type}`)
  const users = [...image.scram.names()].length
  const quotas = [...image.quotas.all()].length
  const rows: readonly (readonly [string, string])[] = [
    ['directory', logDirs.join(', ')],
    ['cluster', `${clusterId}, node ${nodeId}`],
    ['levels', levels.map(([name, level]) => `${name} ${level}`).join(', ')],
    ['opened by', releasesText(survey)],
    ['topics', `${image.topics.size} with ${counted(partitions, 'partition')}`],
    ...tieredRows(survey),
    [
      'groups',
      `${byType.join(', ')}; ${counted(coordinators.committedOffsets, 'committed offset')}, ` +
        `${counted(coordinators.sharePartitions, 'share partition')}`,
    ],
    [
      'transactions',
      `${counted(coordinators.transactionalIds, 'transactional id')}, ` +
        (open.length === 0 ? 'none open' : `open: ${open.join(', ')}`),
    ],
    [
      'security',
      `${counted(image.acls.size, 'ACL')}, ${counted(users, 'SCRAM user')}, ` +
        `${counted(quotas, 'entity', 'entities')} with quotas`,
    ],
  ]
  const lines = rows.map(([name, text]) => `${out.style('dim', name.padEnd(13))}${text}\n`)
  return lines.join('') + survey.reports.map((report) => reportText(report, out)).join('')
}

/** What is archived does not go along with the directory. */
function tieredRows({ tiered }: Survey): (readonly [string, string])[] {
  if (tiered.length === 0) return []
  const need = 'their archived segments need remote storage set up in Apache Kafka first'
  return [['tiered', `${tiered.join(', ')}: ${need}`]]
}

function releasesText({ releases }: Survey): string {
  const able = releases.filter(({ fault }) => fault === undefined).map(({ name }) => name)
  const unable = releases.filter(({ fault }) => fault !== undefined)
  const not = unable.map(({ name, fault }) => `${name} (${fault})`)
  const yes = able.length === 0 ? 'no release' : `Apache Kafka ${able.join(', ')}`
  return not.length === 0 ? yes : `${yes}; not by ${not.join(', ')}`
}

/** The configuration for one node, and the steps to three. */
export function planText({ properties, steps }: Plan, out: Terminal): string {
  const title = (text: string) => `\n${out.style('bold', text)}\n`
  const one =
    title('One node: server.properties (the directory is ready: do not format it)') +
    `${properties}\n${commandText({ tool: 'kafka-server-start', args: ['server.properties'] })}\n`
  const three = steps.map((step, i) => stepText(step, i + 1, out)).join('')
  return `${one}${title('Three nodes, from the running one (Apache Kafka 4.1 or later)')}${three}`
}

function stepText(step: GrowthStep, number: number, out: Terminal): string {
  const where = step.node === undefined ? '' : ` (on node ${step.node})`
  const lines = [out.style('bold', `${number}. ${step.title}${where}`)]
  for (const { name, text } of step.files ?? []) {
    lines.push(`cat > ${name} <<'END'`, text.trimEnd(), 'END')
  }
  lines.push(...step.commands.map(commandText))
  return `\n${lines.join('\n')}\n`
}

export function commandText({ tool, args, ...how }: ToolCommand): string {
  const quoted = args.map((arg) => (/^[\w.:/,=-]+$/.test(arg) ? arg : `'${arg}'`))
  const line = [`bin/${tool}.sh`, ...quoted].join(' ')
  if (how.isServer) return `${line} &`
  if (how.isRetried) return `${line}   # again until it succeeds: the node must have come up`
  return how.repeatWhile ? `${line}   # again while it says "${how.repeatWhile}"` : line
}
