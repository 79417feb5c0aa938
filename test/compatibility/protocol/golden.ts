/**
 * Golden bytes: values and their bytes as Apache Kafka writes them, kept in
 * packages/protocol/testdata/golden so that `npm test` can check them without Java.
 *
 *   npx tsx --conditions=@ottla/source test/compatibility/protocol/golden.ts
 *
 * writes them anew, one file per message: per line a version, the JSON of Apache Kafka's converter,
 * and the bytes in hex, for two values per version.
 */
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { SeededRandom } from '@ottla/base'
import { encodeMessage } from '@ottla/protocol'
import { everyMessage, versionsOf } from '../../../packages/protocol/src/schema/every-message.ts'
import { hasRecords } from '../../../packages/protocol/src/schema/message-json.ts'
import { randomMessage } from '../../../packages/protocol/src/schema/random-value.ts'
import type { Message } from '../../../packages/protocol/src/schema/schema.ts'
import { Judge } from './judge.ts'

const FOLDER = fileURLToPath(
  new URL('../../../packages/protocol/testdata/golden/', import.meta.url),
)
const BYTES_MAX = 400
const VALUES = 2

interface Answer {
  readonly error?: string
  readonly json: unknown
  readonly bytes: string
}

/** Values of a message that are neither empty nor long. */
function* shortValues(message: Message, version: number): Generator<Buffer> {
  let found = 0
  for (let seed = 1; found < VALUES && seed < 500; seed++) {
    const value = randomMessage(message, version, new SeededRandom(seed))
    const bytes = encodeMessage(message, version, value as never)
    const isLast = seed > 450
    if (!isLast && (bytes.length > BYTES_MAX || bytes.length < 12)) continue
    found++
    yield bytes
  }
}

async function linesOf(judge: Judge, message: Message): Promise<string[]> {
  const lines: string[] = []
  for (const version of versionsOf(message)) {
    for (const bytes of shortValues(message, version)) {
      const answer = await judge.ask<Answer>({
        op: 'message',
        name: message.name,
        version,
        bytes: bytes.toString('base64'),
        hasRecords: hasRecords(message.fields),
      })
      if (answer.error) throw new Error(`${message.name} v${version}: ${answer.error}`)
      const hex = Buffer.from(answer.bytes, 'base64').toString('hex')
      lines.push(`v${version} ${JSON.stringify(answer.json)} ${hex}`)
    }
  }
  return lines
}

await rm(FOLDER, { recursive: true, force: true })
await mkdir(FOLDER, { recursive: true })
await using judge = await Judge.start()
for (const message of everyMessage) {
  await writeFile(`${FOLDER}${message.name}.txt`, `${(await linesOf(judge, message)).join('\n')}\n`)
}
