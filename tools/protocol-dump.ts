/**
 * Prints the code that is compiled for one API, or one message, in one version, for human eyes:
 *
 *   npm run protocol:dump -- Fetch 12
 *   npm run protocol:dump -- OffsetCommitValue 4
 *
 * Without a version the newest is taken, without a name all names are listed. The code is indented
 * here; at run time it is not.
 */
import { emitReader } from '../packages/protocol/src/schema/emit-reader.ts'
import { emitWriter } from '../packages/protocol/src/schema/emit-writer.ts'
import { everyMessage } from '../packages/protocol/src/schema/every-message.ts'
import type { Message } from '../packages/protocol/src/schema/schema.ts'

/** Two spaces per open bracket. */
function indent(source: string): string {
  let depth = 1
  return source
    .split('\n')
    .map((line) => {
      const closes = /^[}\]) ]*/.exec(line)?.[0].match(/[}\])]/g)?.length ?? 0
      const text = `${'  '.repeat(Math.max(0, depth - closes))}${line}`
      depth += (line.match(/[{[(]/g)?.length ?? 0) - (line.match(/[}\])]/g)?.length ?? 0)
      return text
    })
    .join('\n')
}

const constantText = (value: unknown): string =>
  typeof value === 'function' ? '(a test for the default)' : (JSON.stringify(value) ?? 'undefined')

/** The two functions of a message in one version, as text. */
export function dumpMessage(message: Message, version: number): string {
  const directions = [
    ['read', 'r', emitReader(message, version)],
    ['write', 'w, value', emitWriter(message, version)],
  ] as const
  return directions
    .map(([verb, parameters, code]) => {
      const constants = code.constants.map((value, i) => `// c${i} = ${constantText(value)}`)
      const head = `function ${verb}${message.name}V${version}(${parameters}) {`
      return [...new Set(constants), head, indent(code.source), '}'].join('\n')
    })
    .join('\n\n')
}

/** The messages that a name on the command line means: both halves of an API, or one message. */
export function messagesNamed(name: string): Message[] {
  const wanted = name.toLowerCase()
  return everyMessage.filter((message) => {
    const own = message.name.toLowerCase()
    return own === wanted || own === `${wanted}request` || own === `${wanted}response`
  })
}

function main(name: string | undefined, version: string | undefined): number {
  const messages = name === undefined ? [] : messagesNamed(name)
  if (messages.length === 0) {
    const names = everyMessage.map((message) => message.name).sort()
    process.stderr.write(`usage: npm run protocol:dump -- NAME [VERSION]\n${names.join(' ')}\n`)
    return 1
  }
  for (const message of messages) {
    const wanted = Number(version ?? message.highest)
    if (!(wanted >= message.lowest && wanted <= message.highest)) {
      process.stderr.write(`${message.name} has versions ${message.versions}\n`)
      return 1
    }
    process.stdout.write(`${dumpMessage(message, wanted)}\n\n`)
  }
  return 0
}

if (process.argv[1]?.endsWith('protocol-dump.ts')) {
  process.exitCode = main(process.argv[2], process.argv[3])
}
