import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { startApacheBroker } from './support/apache-broker.ts'
import { runTool } from './support/apache-tools.ts'

describe('Apache Kafka as a judge', () => {
  test('starts, answers its own tools, and leaves files its dump tool reads', async () => {
    await using broker = await startApacheBroker({ heap: '512m' })
    const bootstrap = ['--bootstrap-server', broker.bootstrap]
    const created = await runTool('TopicCommand', [...bootstrap, '--create', '--topic', 'seen'])
    expect(created, created.stderr).toMatchObject({ code: 0 })
    const produced = await runTool('ConsoleProducer', [...bootstrap, '--topic', 'seen'], {
      input: 'one\ntwo\n',
    })
    expect(produced, produced.stderr).toMatchObject({ code: 0 })
    const folder = join(broker.dataDir, 'data', 'seen-0')
    const log = (await readdir(folder)).find((name) => name.endsWith('.log')) as string
    const dump = await runTool('DumpLogSegments', [
      '--print-data-log',
      '--files',
      join(folder, log),
    ])
    expect(dump.stdout).toContain('payload: two')
  }, 120_000)
})
