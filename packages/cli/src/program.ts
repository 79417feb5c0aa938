/** The commands and where they live. A command's module is loaded only when it is called. */
import { Command, CommanderError } from 'commander'
import { ExitCode, exitCodeOf, explain } from './cli-error.ts'
import { VERSION } from './version.ts'

interface Entry {
  readonly name: string
  readonly summary: string
  /** Adds arguments, options and actions to the command. */
  readonly define: () => Promise<(command: Command) => void>
}

export const COMMANDS: readonly Entry[] = [
  {
    name: 'start',
    summary: 'start a broker in this terminal',
    define: async () => (await import('./commands/start.ts')).defineStart,
  },
]

/** Runs one command line; resolves with the exit code. */
export async function runCli(argv: readonly string[]): Promise<number> {
  const program = new Command('ottla')
    .description('Kafka for TypeScript: a broker, and tools for every Kafka.')
    .version(VERSION)
    .showSuggestionAfterError()
    .exitOverride()
  const wanted = argv[2]
  for (const { name, summary, define } of COMMANDS) {
    const command = program.command(name).summary(summary).description(summary)
    if (name === wanted || (wanted === 'help' && argv[3] === name)) (await define())(command)
  }
  try {
    await program.parseAsync(argv)
    return ExitCode.DONE
  } catch (error) {
    if (error instanceof CommanderError) {
      return error.exitCode === 0 ? ExitCode.DONE : ExitCode.USAGE
    }
    process.stderr.write(`${explain(error)}\n`)
    return exitCodeOf(error)
  }
}
