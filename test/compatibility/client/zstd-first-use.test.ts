import { Kafka } from '@ottla/client'
import { expect, test } from 'vitest'
import { readAll } from '../../integration/support/read-all.ts'
import { startApacheBroker } from '../support/apache-broker.ts'
import { runTool } from '../support/apache-tools.ts'

// A file of its own, so that nothing else in this process has loaded the codec before.
test('a process that only reads loads zstd when it meets it', async () => {
  await using broker = await startApacheBroker({ heap: '512m' })
  const topic = ['--bootstrap-server', broker.bootstrap, '--topic', 'packed']
  const produced = await runTool('ConsoleProducer', [...topic, '--compression-codec', 'zstd'], {
    input: `${'line\n'.repeat(100)}`,
  })
  expect(produced.code, produced.stderr).toBe(0)
  await using kafka = new Kafka({ brokers: broker.bootstrap })
  const records = await readAll(kafka, 'packed', 100)
  expect(records.map((r) => String(r.value))).toEqual(new Array(100).fill('line'))
})
