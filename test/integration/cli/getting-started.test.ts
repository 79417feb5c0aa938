/** Every command of the first page a user reads, as it stands there. */
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { startBroker } from '@ottla/testing'
import { expect, test } from 'vitest'

const ROOT = fileURLToPath(new URL('../../..', import.meta.url))
const guide = readFileSync(`${ROOT}docs/guide/getting-started.md`, 'utf8')

const blocks = (language: string): string[] =>
  [...guide.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\`$`, 'gms'))].map(
    ([, text]) => text as string,
  )

function shell(script: string, brokers: string): Promise<{ code: number | null; out: string }> {
  // The built program, without the time that npx takes to find it.
  const prelude = `
    set -e
    npx() {
      if [ "$1" = ottla ]; then shift; node packages/cli/bundle/main.js "$@"
      else program=$1; shift; node_modules/.bin/$program "$@"; fi
    }
  `
  const child = spawn('bash', ['-c', prelude + script], {
    cwd: ROOT,
    env: { ...process.env, OTTLA_BROKERS: brokers },
    timeout: 30_000,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let out = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      out += text
    })
  }
  return new Promise((resolve) => {
    child.on('close', (code) => resolve({ code, out }))
  })
}

test('every command of the guide works, in order', async () => {
  await using broker = await startBroker()
  const scripts = blocks('sh').filter((script) => !script.startsWith('npm start'))
  const outputs: string[] = []
  for (const script of scripts) {
    const { code, out } = await shell(script, broker.address)
    expect(out).not.toContain('ottla: ')
    expect(code).toBe(0)
    outputs.push(out)
  }
  expect(outputs).toHaveLength(5)
  expect(outputs[0]).toContain('{"id":42,"total":9}')
  expect(outputs[1]).toContain('sent 100 records')
  expect(outputs[2]).toContain('billing   Empty')
  expect(outputs[3]).toContain('moved billing')
  expect(outputs[4]).toBe('stored as offset 0 of partition 0\norder 42: 9\n')
})

test('the program in the guide is the one that was run', () => {
  expect(blocks('ts')).toEqual([readFileSync(`${ROOT}docs/examples/first-steps.ts`, 'utf8')])
})
