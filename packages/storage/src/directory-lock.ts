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
 * as its tools expect. Node cannot take such a lock, but Linux tells who holds one: a directory
 * that Apache Kafka has open is refused there. Apache Kafka itself does not see ottla's lock.
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
  if (process.platform === 'linux' && isLockedByFcntl(path)) throw lockedError(directory)
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

/** Somebody holds a lock on the file, by `/proc/locks`: `... WRITE 4711 08:01:131073 0 EOF`. */
function isLockedByFcntl(path: string): boolean {
  let locks: string
  try {
    locks = fs.readFileSync('/proc/locks', 'latin1')
  } catch {
    // Not told in this container: nothing is known.
    return false
  }
  const { dev, ino } = fs.statSync(path, { bigint: true })
  const hex = (part: bigint) => part.toString(16).padStart(2, '0')
  const major = (dev >> 8n) & 0xfffn
  const minor = (dev & 0xffn) | ((dev >> 12n) & 0xfff00n)
  return locks.includes(` ${hex(major)}:${hex(minor)}:${ino} `)
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
