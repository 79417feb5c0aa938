/** The examples of the documentation run as they stand there. */
import { readFileSync } from 'node:fs'
import { startBroker } from '@ottla/testing'
import { afterEach, expect, it, vi } from 'vitest'

afterEach(() => {
  vi.restoreAllMocks()
  vi.unstubAllEnvs()
})

it('the example of the README sends a record and reads it', async () => {
  await using broker = await startBroker()
  vi.stubEnv('OTTLA_BROKERS', broker.address)
  const log = vi.spyOn(console, 'log').mockImplementation(() => undefined)
  await import('../../../docs/examples/orders.ts')
  expect(log.mock.calls).toEqual([['o1', 9]])
})

it('the README shows that example', () => {
  const example = readFileSync(new URL('../../../docs/examples/orders.ts', import.meta.url), 'utf8')
  const readme = readFileSync(new URL('../../../README.md', import.meta.url), 'utf8')
  expect(readme).toContain(example)
})
