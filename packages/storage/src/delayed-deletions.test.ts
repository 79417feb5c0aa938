import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { silentLogger, VirtualClock } from '@ottla/base'
import { expect, test } from 'vitest'
import { DelayedDeletions } from './delayed-deletions.ts'
import type { FileSystem } from './file-system.ts'
import { MemoryFileSystem } from './memory-file-system.ts'
import { RealFileSystem } from './real-file-system.ts'

async function checkRemoval(fileSystem: FileSystem, root: string): Promise<void> {
  fileSystem.makeDirectory(`${root}/t-0.x-delete`)
  for (const name of ['t-0.x-delete/a.log', 't-0.x-delete/a.index', 'b.log.deleted']) {
    fileSystem.open(`${root}/${name}`, 'write').close()
  }
  const clock = new VirtualClock()
  const deletions = new DelayedDeletions(fileSystem, clock, silentLogger)
  deletions.schedule([`${root}/t-0.x-delete`, `${root}/b.log.deleted`], 1000)
  clock.advance(999)
  expect(fileSystem.list(root)).toHaveLength(2)
  clock.advance(1)
  expect(fileSystem.list(root)).toEqual([])
  deletions.close()
}

test('files and directories go when their time has come, on the real disk', async () => {
  const root = fs.mkdtempSync(path.join(os.tmpdir(), 'ottla-storage-'))
  try {
    await checkRemoval(new RealFileSystem(), root)
  } finally {
    fs.rmSync(root, { recursive: true, force: true })
  }
})

test('files and directories go when their time has come, in memory', async () => {
  const fileSystem = new MemoryFileSystem()
  fileSystem.makeDirectory('/data')
  await checkRemoval(fileSystem, '/data')
})

test('a file is no directory, on either file system', () => {
  expect(new RealFileSystem().list(import.meta.filename)).toBeUndefined()
  const fileSystem = new MemoryFileSystem()
  fileSystem.open('/a', 'write').close()
  expect(fileSystem.list('/a')).toBeUndefined()
})
