/**
 * One process per log directory. Node has no flock, so the lock is a name that the kernel hands to
 * one listener at a time and takes back by itself when the process dies, kill -9 included:
 *
 * - Linux: a unix socket in the abstract name space, named by device and inode of the directory.
 * - macOS: the open flag O_EXLOCK on `.lock`, which Node passes through.
 * - Windows: a named pipe.
 *
 * A pid file would need a check of the process's start time and races between check and creation;
 * a socket file would outlive its process. Not covered: two containers with separate network
 * name spaces on one volume, where the abstract names differ.
 *
 * Apache Kafka's own `.lock` (empty, locked by fcntl) is kept present, so that the directory looks
 * as its tools expect.
 */
import fs from 'node:fs'
import net from 'node:net'
import { codeOf, OttlaError } from '@ottla/base'
import type { DirectoryLock } from './file-system.ts'

const O_EXLOCK_NONBLOCK_MACOS = 0x20 | 0x4

export async function lockDirectory(directory: string): Promise<DirectoryLock> {
  const path = `${directory}/.lock`
  if (process.platform === 'darwin') return lockByOpenFlag(directory, path)
  fs.closeSync(fs.openSync(path, 'a'))
  const { dev, ino } = fs.statSync(directory, { bigint: true })
  const name = `ottla-log-dir-${dev}-${ino}`
  const address = process.platform === 'win32' ? `\\\\.\\pipe\\${name}` : `\0${name}`
  const server = net.createServer((socket) => socket.destroy())
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => {
      reject(codeOf(error) === 'EADDRINUSE' ? lockedError(directory) : error)
    })
    server.listen({ path: address, exclusive: true }, resolve)
  })
  server.unref()
  return {
    release: () => new Promise((resolve) => void server.close(() => resolve())),
  }
}

async function lockByOpenFlag(directory: string, path: string): Promise<DirectoryLock> {
  const flags = fs.constants.O_RDWR | fs.constants.O_CREAT | O_EXLOCK_NONBLOCK_MACOS
  try {
    const fd = fs.openSync(path, flags, 0o644)
    return { release: async () => fs.closeSync(fd) }
  } catch (error) {
    if (codeOf(error) === 'EAGAIN') throw lockedError(directory)
    throw error
  }
}

/** Another broker has the directory. */
export function lockedError(directory: string): OttlaError {
  return new OttlaError(`The log directory ${directory} is in use by another broker`, {
    code: 'DIRECTORY_LOCKED',
    hint: 'Stop the other broker, or give this one a directory of its own.',
  })
}
