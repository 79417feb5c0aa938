/** Some of kafkajs's own specs; `npm run test:kafkajs` runs all of them. */
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { REPOSITORY_ROOT } from '../support/apache-jars.ts'
import { INSTALL_TIMEOUT_MS } from '../support/peers.ts'
import { outputOf } from '../support/run-program.ts'

const SPECS = '(seek|subscribe|setOffsets|listGroups|concurrentTransaction|assignerProtocol)[.]spec'

test(
  'specs of kafkajs pass with the package in the place of its modules',
  async () => {
    const require = createRequire(join(REPOSITORY_ROOT, 'package.json'))
    const tsx = join(require.resolve('tsx/package.json'), '..', 'dist', 'cli.mjs')
    const run = join(REPOSITORY_ROOT, 'test', 'conformance', 'kafkajs', 'run.ts')
    const args = [tsx, '--conditions=@ottla/source', run, '--specs', SPECS]
    const output = await outputOf(process.execPath, args, {
      cwd: REPOSITORY_ROOT,
      timeoutMs: INSTALL_TIMEOUT_MS,
    })
    expect(output).toMatch(/ottla: \d+ tests passed, 0 failed, in 7 spec files/)
  },
  INSTALL_TIMEOUT_MS,
)
