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

/** Where the types part, by name of a declaration in the text below, and why. */
const DIFFERENT: Readonly<Record<string, string>> = {
  ...both('Broker', 'there are no objects for connections'),
  ...both('ConsumerGroup', 'its coordinator is such an object'),
  given_Cluster: 'brokers are named by their ids',
  taken_PartitionAssigner: 'may ask for broker objects',
  taken_ConsumerConfig: 'may have such assigners',
  takenValue_PartitionAssigners: 'may ask for broker objects',
  taken_KafkaJSDeleteTopicRecordsError: 'says which partitions here',
  takenValue_KafkaJSDeleteTopicRecordsError: 'says which partitions here',
}

function both(name: string, reason: string): Record<string, string> {
  return { [`mine_${name}`]: reason, [`taken_${name}`]: reason }
}

const PROJECT: ts.CompilerOptions = {
  module: ts.ModuleKind.CommonJS,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  ignoreDeprecations: '6.0',
  target: ts.ScriptTarget.ES2022,
  lib: ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts'],
  types: ['node'],
  typeRoots: [join(REPOSITORY_ROOT, 'node_modules', '@types')],
  strict: true,
  skipLibCheck: true,
  noEmit: true,
}

async function declarationsOfKafkajs(): Promise<string> {
  return join(await ensureKafkajs(), 'node_modules', 'kafkajs', 'types', 'index.d.ts')
}

const lineAt = (text: string, position: number): string =>
  text.slice(text.lastIndexOf('\n', position - 1) + 1).split('\n')[0] ?? ''

interface Problem {
  readonly line: string
  readonly message: string
}

async function problemsIn(text: string, library: string): Promise<Problem[]> {
  const directory = mkdtempSync(join(REPOSITORY_ROOT, 'node_modules', '.cache', 'kafkajs-types-'))
  try {
    const file = join(directory, 'application.ts')
    writeFileSync(file, text.replaceAll('LIBRARY', library))
    const paths = { kafkajs: [await declarationsOfKafkajs()] }
    const program = ts.createProgram([file], { ...PROJECT, paths })
    return ts.getPreEmitDiagnostics(program).map((one) => ({
      line: one.file ? lineAt(one.file.text, one.start ?? 0) : '',
      message: ts.flattenDiagnosticMessageText(one.messageText, '\n'),
    }))
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

async function problemsOf(text: string, library: string): Promise<string[]> {
  return (await problemsIn(text, library)).map(({ message }) => message)
}

/** Each name of kafkajs's types: what the one gives the other takes. */
async function everyName(): Promise<string> {
  const declarations = await declarationsOfKafkajs()
  const program = ts.createProgram([declarations], PROJECT)
  const checker = program.getTypeChecker()
  const source = program.getSourceFile(declarations) as ts.SourceFile
  const exported = checker.getExportsOfModule(checker.getSymbolAtLocation(source) as ts.Symbol)
  const lines = exported.flatMap(({ name, flags, declarations: [declaration] = [] }) => {
    const { typeParameters = [] } = declaration as ts.TypeAliasDeclaration
    const any = typeParameters.map(() => 'any').join()
    const type = `${name}${any && `<${any}>`}`
    const asType = [
      `export declare const mine_${name}: mine.${type}`,
      `export declare const theirs_${name}: theirs.${type}`,
      `export const given_${name}: theirs.${type} = mine_${name}`,
      `export const taken_${name}: mine.${type} = theirs_${name}`,
    ]
    const asValue = [
      `export const givenValue_${name}: typeof theirs.${name} = mine.${name}`,
      `export const takenValue_${name}: typeof mine.${name} = theirs.${name}`,
    ]
    const { Type, Value } = ts.SymbolFlags
    return [...(flags & Type ? asType : []), ...(flags & Value ? asValue : [])]
  })
  const head = ["import * as mine from '@ottla/kafkajs'", "import * as theirs from 'kafkajs'"]
  return [...head, ...lines].join('\n')
}

test.each(['kafkajs', '@ottla/kafkajs'])('an application compiles with %s', async (library) => {
  expect(await problemsOf(APPLICATION, library)).toEqual([])
})

test('values of the one fit the other, and no name is missing', async () => {
  expect(await problemsOf(EXCHANGE, '')).toEqual([])
})

test('every name of the types is there, and means the same', async () => {
  const text = await everyName()
  expect(text.split('\n').length).toBeGreaterThan(500)
  const problems = await problemsIn(text, '')
  const nameIn = (line: string) => /(?:mine|given|taken)(?:Value)?_\w+/.exec(line)?.[0] ?? line
  expect(problems.filter(({ line }) => !DIFFERENT[nameIn(line)])).toEqual([])
  const different = new Set(problems.map(({ line }) => nameIn(line)))
  expect([...different].sort()).toEqual(Object.keys(DIFFERENT).sort())
})
