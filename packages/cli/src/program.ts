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
  {
    name: 'topic',
    summary: 'list, describe, create, alter and delete topics',
    define: async () => (await import('./commands/topic.ts')).defineTopic,
  },
  {
    name: 'produce',
    summary: 'send records',
    define: async () => (await import('./commands/produce.ts')).defineProduce,
  },
  {
    name: 'consume',
    summary: 'read records',
    define: async () => (await import('./commands/consume.ts')).defineConsume,
  },
  {
    name: 'group',
    summary: 'list, describe, reset and delete groups',
    define: async () => (await import('./commands/group.ts')).defineGroup,
  },
  {
    name: 'config',
    summary: 'get and set settings of topics, brokers and groups',
    define: async () => (await import('./commands/config.ts')).defineConfig,
  },
  {
    name: 'archive',
    summary: 'verify the archive of tiered topics',
    define: async () => (await import('./commands/archive.ts')).defineArchive,
  },
  {
    name: 'perf',
    summary: 'measure producing, consuming and latency',
    define: async () => (await import('./commands/perf.ts')).definePerf,
  },
  {
    name: 'log',
    summary: 'look into the files of a Kafka directory and verify them',
    define: async () => (await import('./commands/log.ts')).defineLog,
  },
  {
    name: 'graduate',
    summary: 'check a stopped directory and show how Apache Kafka takes it over',
    define: async () => (await import('./commands/graduate.ts')).defineGraduate,
  },
  {
    name: 'doctor',
    summary: 'check a connection step by step and say how to mend it',
    define: async () => (await import('./commands/doctor.ts')).defineDoctor,
  },
]

/** Runs one command line; resolves with the exit code. */
export async function runCli(argv: readonly string[]): Promise<number> {
  const program = new Command('ottla')
    .description('Kafka for TypeScript: a broker, and tools for every Kafka.')
    .version(VERSION)
    .showSuggestionAfterError()
    .configureOutput({ outputError: (text, write) => write(usageText(text)) })
    .exitOverride()
  const wanted = argv[2]
  try {
    for (const { name, summary, define } of COMMANDS) {
      const command = program.command(name).summary(summary).description(summary)
      if (name === wanted || (wanted === 'help' && argv[3] === name)) (await define())(command)
    }
    await program.parseAsync(argv)
    return Number(process.exitCode ?? ExitCode.DONE)
  } catch (error) {
    if (error instanceof CommanderError) {
      return error.exitCode === 0 ? ExitCode.DONE : ExitCode.USAGE
    }
    const text = explain(error)
    if (text !== '') process.stderr.write(`${text}\n`)
    return exitCodeOf(error)
  }
}

/** Commander's errors in the form of all others. */
export function usageText(text: string): string {
  const [first = '', ...rest] = text.trim().split('\n')
  const message = first.replace(/^error: /, '')
  const suggestion = rest.join(' ').replace(/^\((.*)\)$/, '$1')
  const mend = suggestion || 'Add --help to see what can be given.'
  return `ottla: ${message[0]?.toUpperCase() ?? ''}${message.slice(1)}\n  Mend  ${mend}\n`
}
