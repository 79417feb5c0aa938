/** ESLint itself, as a user starts it, with the built plugin and the configuration of the guide. */
import { execFile, execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { ESLint } from 'eslint'
import { afterAll, beforeAll, expect, test } from 'vitest'

const ROOT = join(import.meta.dirname, '..', '..', '..')
const ESLINT = join(ROOT, 'node_modules', 'eslint', 'bin', 'eslint.js')
const run = promisify(execFile)

const PROGRAM = `import { Kafka } from 'kafkajs'

const kafka = new Kafka({ brokers: ['localhost:9092'], ssl: true })
const consumer = kafka.consumer({ groupId: 'billing' })

await consumer.connect()
await consumer.subscribe({ topic: 'orders' })
await consumer.run({
  eachMessage: async ({ message }) => console.log(message.value, message.offset),
})
`
const ELSEWHERE = `import { Kafka } from '@ottla/client'

const consumer = new Kafka({ brokers: 'a:1', ssl: true }).consumer({ groupId: 'billing' })
await consumer.connect()
`
const SAID = [
  ...['1:10 Kafka', '3:56 ssl', '4:24 consumer', '4:35 groupId', '6:16 connect', '7:16 subscribe'],
  ...['7:28 topic', '8:16 run', '9:3 eachMessage', '9:25 message', '9:74 offset'],
]

/** Below the root, so that packages are found as a program of the workspace finds them. */
let directory: string

beforeAll(() => {
  execFileSync(process.execPath, [join(ROOT, 'tools', 'run.mjs'), 'build'], { stdio: 'pipe' })
  const cache = join(ROOT, 'node_modules', '.cache')
  mkdirSync(cache, { recursive: true })
  directory = mkdtempSync(join(cache, 'linter-'))
}, 240_000)
afterAll(() => rmSync(directory, { recursive: true, force: true }))

/** The block of the guide. */
function configuration(): string {
  const guide = readFileSync(join(ROOT, 'docs', 'guide', 'migrate.md'), 'utf8')
  const [, section = ''] = guide.split('\n## Let a linter show the way\n')
  const [, code] = /^```js\n([\s\S]*?)```$/m.exec(section) ?? []
  if (!code) throw new Error('the guide has no configuration for ESLint')
  return code
}

test.each([
  ['eslint.config.mjs', () => configuration()],
  [
    'eslint.config.cjs',
    () => "module.exports = [require('@ottla/kafkajs/eslint').configs.migrate]\n",
  ],
])('a program for kafkajs is told what takes its place, by %s', async (name, text) => {
  const folder = mkdtempSync(join(directory, 'program-'))
  writeFileSync(join(folder, name), text())
  writeFileSync(join(folder, 'program.mjs'), PROGRAM)
  writeFileSync(join(folder, 'elsewhere.mjs'), ELSEWHERE)
  const args = [ESLINT, '--format', 'json', 'program.mjs', 'elsewhere.mjs']
  const { stdout } = await run(process.execPath, args, { cwd: folder, timeout: 50_000 })
  const results = JSON.parse(stdout) as ESLint.LintResult[]
  const [program, elsewhere] = ['program.mjs', 'elsewhere.mjs'].map((file) =>
    results.find(({ filePath }) => filePath.endsWith(file)),
  )
  expect(elsewhere?.messages).toEqual([])
  const said = program?.messages.map(({ line, column, message }) => {
    return `${line}:${column} ${message.split(' ')[0]}`
  })
  expect(said).toEqual(SAID)
  const [, ssl] = program?.messages ?? []
  expect(ssl).toMatchObject({ ruleId: 'ottla/migrate', severity: 1 })
  expect(ssl?.message).toBe(
    'ssl of kafkajs, in @ottla/client: `tls`. See "Logins and TLS" in docs/guide/migrate.md.',
  )
  const at = PROGRAM.indexOf('ssl')
  expect(ssl?.suggestions?.map(({ fix }) => fix)).toEqual([{ range: [at, at + 3], text: 'tls' }])
})
