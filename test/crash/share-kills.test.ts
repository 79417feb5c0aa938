/**
 * Members of a share group, of our client, work through a topic while the broker is killed: every
 * record is accepted at least once, and in the end nothing is left over.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Kafka } from '@ottla/client'
import { expect, test } from 'vitest'
import { type OttlaProcess, startOttlaProcess } from '../support/ottla-process.ts'

const RECORDS = 1_500
const KILLS = 3
const PARTITIONS = 2
const SETTINGS = {
  'group.share.min.record.lock.duration.ms': '1000',
  'group.share.record.lock.duration.ms': '1000',
  'group.share.min.heartbeat.interval.ms': '100',
  'group.share.heartbeat.interval.ms': '200',
  // Deliveries that a kill cuts short count, and must not use a record up.
  'group.share.delivery.count.limit': '10',
}

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

test('members of a share group lose no record through kills of the broker', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'ottla-share-'))
  let broker: OttlaProcess = await startOttlaProcess({ dataDir, settings: SETTINGS })
  const { port } = broker
  const kafka = new Kafka({ brokers: broker.bootstrap })
  await kafka.admin.createTopics([{ topic: 'jobs', partitions: PARTITIONS }])
  const configs = [{ name: 'share.auto.offset.reset', value: 'earliest' }]
  await kafka.admin.incrementalAlterConfigs([{ type: 'group', name: 'workers', configs }])
  {
    await using feeder = kafka.producer()
    const records = Array.from({ length: RECORDS }, (_value, i) => ({
      value: String(i),
      partition: i % PARTITIONS,
    }))
    await feeder.send('jobs', records)
  }
  const done = new Set<string>()
  const stop = new AbortController()
  const members = [1, 2].map(() =>
    kafka.shareConsumer({ group: 'workers', maxRecords: 20 }).run(
      'jobs',
      async ({ value }) => {
        await pause(1)
        done.add(String(value))
      },
      { concurrency: 3, signal: stop.signal },
    ),
  )
  for (let i = 1; i <= KILLS; i++) {
    while (done.size < (i * RECORDS) / (KILLS + 1)) await pause(5)
    await broker.kill9()
    broker = await startOttlaProcess({ dataDir, port, settings: SETTINGS })
  }
  const lags = async () => {
    const offsets = await kafka.admin.listShareGroupOffsets('workers')
    return offsets.map(({ lag }) => lag)
  }
  while (String(await lags()) !== '0,0') await pause(50)
  stop.abort()
  await Promise.all(members)
  expect(done.size).toBe(RECORDS)
  await kafka.close()
  await broker.stop()
  rmSync(dataDir, { recursive: true, force: true })
}, 120_000)
