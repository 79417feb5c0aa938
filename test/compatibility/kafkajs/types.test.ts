/** Applications typed for kafkajs are typed for the package, and their values fit both ways. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'
import { expect, test } from 'vitest'
import { REPOSITORY_ROOT } from '../support/apache-jars.ts'
import { ensureKafkajs } from '../support/peers.ts'

/** What applications write, in every corner of the types. */
const APPLICATION = readFileSync(
  join(import.meta.dirname, 'programs', 'application.ts.txt'),
  'utf8',
)

/** Objects made with the one where a function wants those of the other. */
const EXCHANGE = `
import * as mine from '@ottla/kafkajs'
import * as theirs from 'kafkajs'

declare const kafka: mine.Kafka
type Sends = 'connect' | 'send' | 'sendBatch' | 'disconnect'
export const producer: Pick<theirs.Producer, Sends> = kafka.producer()
declare const received: mine.EachMessagePayload
export const message: theirs.EachMessagePayload = received
declare const sent: theirs.ProducerRecord
export const given: Omit<mine.ProducerRecord, 'compression'> = sent
declare const metadata: mine.RecordMetadata
export const stored: theirs.RecordMetadata = metadata
declare const logger: mine.Logger
export const log: Pick<theirs.Logger, 'info' | 'warn' | 'error' | 'debug'> = logger
declare const error: mine.KafkaJSProtocolError
export const failure: theirs.KafkaJSProtocolError = error
// Every name that kafkajs exports, values and classes alike.
export const names: Record<keyof typeof theirs, unknown> = mine
`

async function problemsOf(text: string, library: string): Promise<string[]> {
  const kafkajs = join(await ensureKafkajs(), 'node_modules', 'kafkajs')
  const directory = mkdtempSync(join(REPOSITORY_ROOT, 'node_modules', '.cache', 'kafkajs-types-'))
  try {
    const file = join(directory, 'application.ts')
    writeFileSync(file, text.replaceAll('LIBRARY', library))
    const program = ts.createProgram([file], {
      module: ts.ModuleKind.CommonJS,
      moduleResolution: ts.ModuleResolutionKind.Bundler,
      ignoreDeprecations: '6.0',
      target: ts.ScriptTarget.ES2022,
      lib: ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts'],
      paths: { kafkajs: [join(kafkajs, 'types', 'index.d.ts')] },
      types: ['node'],
      typeRoots: [join(REPOSITORY_ROOT, 'node_modules', '@types')],
      strict: true,
      skipLibCheck: true,
      noEmit: true,
    })
    const found = ts.getPreEmitDiagnostics(program)
    return found.map((one) => ts.flattenDiagnosticMessageText(one.messageText, '\n'))
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

test.each(['kafkajs', '@ottla/kafkajs'])('an application compiles with %s', async (library) => {
  expect(await problemsOf(APPLICATION, library)).toEqual([])
})

test('values of the one fit the other, and no name is missing', async () => {
  expect(await problemsOf(EXCHANGE, '')).toEqual([])
})
