/** Our consumer and transactional producer copy a topic exactly once while the broker is killed. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Kafka } from '@ottla/client'
import { expect, test } from 'vitest'
import { type OttlaProcess, startOttlaProcess } from '../support/ottla-process.ts'

const RECORDS = 1500
const KILLS = 3
const BATCH = 20

test('a topic is copied exactly once through kills of the broker', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'ottla-transform-'))
  let broker: OttlaProcess = await startOttlaProcess({ dataDir })
  const { port } = broker
  const kafka = new Kafka({ brokers: broker.bootstrap })
  await kafka.admin.createTopics([
    { topic: 'input', partitions: 1 },
    { topic: 'output', partitions: 1 },
  ])
  {
    await using feeder = kafka.producer({ linger: 0 })
    for (let i = 0; i < RECORDS; i += BATCH) {
      const batch = Array.from({ length: BATCH }, (_value, j) => ({ value: `${i + j}` }))
      await feeder.send('input', batch)
    }
  }
  let copied = 0
  const stop = new AbortController()
  const kill = async () => {
    for (let i = 1; i <= KILLS; i++) {
      while (copied < (i * RECORDS) / (KILLS + 1)) await new Promise((r) => setTimeout(r, 5))
      await broker.kill9()
      broker = await startOttlaProcess({ dataDir, port })
    }
  }
  const killed = kill()
  const copy = async () => {
    await using producer = kafka.producer({ transactionalId: 'copier' })
    await using consumer = kafka.consumer({
      ...{ group: 'copiers', from: 'earliest', autoCommit: false, maxPollRecords: BATCH },
      isolationLevel: 'read_committed',
    })
    await producer.transform(
      consumer,
      'input',
      async (batch, tx) => {
        for (const { value } of batch) void tx.send('output', { value })
        copied = Number(batch.nextOffset)
        if (copied >= RECORDS) stop.abort()
      },
      { signal: stop.signal },
    )
  }
  await copy()
  await killed
  const values: string[] = []
  await using reader = kafka.consumer({ from: 'earliest', isolationLevel: 'read_committed' })
  for await (const batch of reader.subscribe('output', { signal: AbortSignal.timeout(30_000) })) {
    for (const { value } of batch) values.push(String(value))
    if (values.length >= RECORDS) break
  }
  expect(values).toEqual(Array.from({ length: RECORDS }, (_value, i) => `${i}`))
  await kafka.close()
  await broker.stop()
  rmSync(dataDir, { recursive: true, force: true })
}, 120_000)
