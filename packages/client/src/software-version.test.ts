import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { SOFTWARE_VERSION } from './software-version.ts'

test('the version sent to brokers is that of the package', () => {
  const manifest = readFileSync(new URL('../package.json', import.meta.url), 'utf8')
  expect(JSON.parse(manifest).version).toBe(SOFTWARE_VERSION)
})
