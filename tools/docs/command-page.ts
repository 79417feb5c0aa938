/** The command line, from the definitions that the program itself parses with. */
import { Command } from 'commander'
import { COMMANDS } from '../../packages/cli/src/program.ts'
import { page } from './markdown.ts'

const COLUMNS = 100

/** Commands that do something themselves: the leaves of the tree. */
function leavesOf(command: Command): Command[] {
  return command.commands.length === 0 ? [command] : command.commands.flatMap(leavesOf)
}

function fullName(command: Command): string {
  return command.parent ? `${fullName(command.parent)} ${command.name()}` : command.name()
}

function section(command: Command): string[] {
  command.configureHelp({ helpWidth: COLUMNS })
  const help = command.helpInformation().trimEnd()
  return [`### ${fullName(command)}`, ['```text', help, '```'].join('\n')]
}

export async function commandPage(): Promise<string> {
  const program = new Command('ottla')
  const sections: string[] = []
  for (const { name, summary, define } of COMMANDS) {
    const command = program.command(name).summary(summary).description(summary)
    const defineCommand = await define()
    defineCommand(command)
    const title = summary.charAt(0).toUpperCase() + summary.slice(1)
    sections.push(`## ${name}`, `${title}.`, ...leavesOf(command).flatMap(section))
  }
  return page(
    'Command line',
    'What `ottla COMMAND --help` prints. In a clone it is `npx ottla`, after `npm start` or ' +
      '`npm run build` has built it once. Exit codes and what all commands share are in the ' +
      '[README of the package](../../packages/cli/README.md).',
    ...sections,
  )
}
