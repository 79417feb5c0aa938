/** The script of the cleaner's thread; see cleaner-thread.ts. */
import { parentPort, workerData } from 'node:worker_threads'
import { assert, messageOf, realClock } from '@ottla/base'
import { RealFileSystem } from '../real-file-system.ts'
import { type CleaningJob, cleanLog } from './clean-log.ts'
import type { FromThread } from './cleaner-thread.ts'
import { Throttle } from './throttle.ts'

const port = parentPort
assert(port, 'this script runs as a thread')
const job = workerData as CleaningJob
let isStopped = false
let answer: ((isTaken: boolean) => void) | undefined
const tell = (message: FromThread): void => port.postMessage(message)

port.on('message', (message: boolean | 'stop') => {
  if (message === 'stop') isStopped = true
  else answer?.(message)
})

try {
  const result = await cleanLog(job, {
    fileSystem: new RealFileSystem(),
    throttle: new Throttle(realClock, job.bytesPerSecondMax),
    isStopped: () => isStopped,
    onGroup: (group) =>
      new Promise((resolve) => {
        answer = resolve
        tell({ kind: 'group', group })
      }),
  })
  tell({ kind: 'result', result })
} catch (error) {
  tell({ kind: 'error', message: messageOf(error) })
}
