import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { realClock } from '@ottla/base'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { RealFileSystem } from './real-file-system.ts'
import { makeBatch } from './testing-batches.ts'
import { appendDurably, createLog, openLogs, readAll } from './testing-logs.ts'

let directory = ''
beforeEach(() => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), 'ottla-storage-'))
})
afterEach(() => fs.rmSync(directory, { recursive: true, force: true }))

const places = () => ({ logDir: `${directory}/data`, privateDir: `${directory}/private` })
const openReal = () => openLogs(new RealFileSystem(), { ...places(), schedule: setImmediate })

test('a log on the real disk survives a clean restart and an abrupt end', async () => {
  const { manager } = await openReal()
  const log = await createLog(manager, { segmentBytes: 5000 })
  const sent: Buffer[] = []
  for (let i = 0; i < 100; i++) {
    const batch = makeBatch({ seed: i, bodySize: 100 + i })
    sent.push(batch)
    await appendDurably(log, batch)
  }
  await manager.close()
  const again = await openReal()
  expect(again.manager.wasCleanShutdown).toBe(true)
  expect(again.manager.clusterId).toBe(manager.clusterId)
  const reopened = again.manager.get('t', 0)
  await reopened?.ready()
  expect(reopened?.topicId).toBe(log.topicId)
  expect(reopened && (await readAll(reopened))).toEqual(Buffer.concat(sent))
  await again.manager.close()
})

test('a directory is opened once at a time', async () => {
  const { manager } = await openReal()
  await expect(openReal()).rejects.toMatchObject({ code: 'DIRECTORY_LOCKED' })
  await manager.close()
  const again = await openReal()
  await again.manager.close()
})

test('the lock of another process holds, and goes with it at kill -9', async () => {
  fs.mkdirSync(places().logDir)
  const { dev, ino } = fs.statSync(places().logDir, { bigint: true })
  const script = `require('net').createServer().listen({ path: '\\0ottla-log-dir-${dev}-${ino}' },
    () => process.kill(process.pid, 'SIGKILL'))`
  if (process.platform !== 'linux') return
  expect(spawnSync(process.execPath, ['-e', script]).signal).toBe('SIGKILL')
  const { manager } = await openReal()
  await manager.close()
})

test('a directory of another node or cluster is refused', async () => {
  const { manager } = await openReal()
  await manager.close()
  const options = { ...places(), schedule: setImmediate }
  await expect(openLogs(new RealFileSystem(), { ...options, nodeId: 2 })).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
  })
  await expect(
    openLogs(new RealFileSystem(), { ...options, clusterId: 'another' }),
  ).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
})

test('2,000 partitions are listed in under half a second', async () => {
  const { logDir } = places()
  fs.mkdirSync(logDir)
  for (let i = 0; i < 2_000; i++) {
    fs.mkdirSync(`${logDir}/t-${i}`)
    fs.writeFileSync(
      `${logDir}/t-${i}/partition.metadata`,
      'version: 0\ntopic_id: AAECAwQFBgcICQoLDA0ODw',
    )
  }
  const start = realClock.monotonicMs()
  const { manager } = await openReal()
  expect(realClock.monotonicMs() - start).toBeLessThan(500)
  expect([...manager.partitions()].length).toBe(2_000)
  await manager.close()
})

test('more segments than open files are read all the same', async () => {
  const { manager } = await openLogs(new RealFileSystem(), {
    ...places(),
    schedule: setImmediate,
    openFilesMax: 3,
    tailCacheBytesMax: 0,
    indexCacheBytesMax: 0,
  })
  const log = await createLog(manager, { segmentBytes: 300 })
  const sent: Buffer[] = []
  for (let i = 0; i < 30; i++) {
    const batch = makeBatch({ seed: i })
    sent.push(batch)
    await appendDurably(log, batch)
  }
  expect(log.segmentCount).toBeGreaterThan(10)
  expect(await readAll(log)).toEqual(Buffer.concat(sent))
  await manager.close()
})
