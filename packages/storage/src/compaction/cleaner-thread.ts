/**
 * The engine that cleans in a thread of its own, so that the loop which serves clients is not held
 * up. The thread lives for one cleaning: it opens the files itself, and each group that is done is
 * handed to the log here.
 *
 *   here    start(job) ........ taken(true) .......... taken(true) ...
 *   thread        group ->  ...  group ->  ...  result ->
 */
import { Worker } from 'node:worker_threads'
import type { Timer } from '@ottla/base'
import { type CleanedGroup, type CleaningResult, cleanLog } from './clean-log.ts'
import type { CleaningEngine } from './log-cleaner.ts'
import { Throttle } from './throttle.ts'

export type FromThread =
  | { readonly kind: 'group'; readonly group: CleanedGroup }
  | { readonly kind: 'result'; readonly result: CleaningResult }
  | { readonly kind: 'error'; readonly message: string }

/** Cleans between other work of the same thread. */
export const cleanHere: CleaningEngine = (job, { clock, ...io }) =>
  cleanLog(job, { ...io, throttle: new Throttle(clock, job.bytesPerSecondMax) })

/** From sources there is no script that a thread could run; only tests do that. */
const isBuilt = !import.meta.url.endsWith('.ts')
const STOP_CHECK_MS = 100

export const cleanInThread: CleaningEngine = (job, io) => {
  if (!isBuilt) return cleanHere(job, io)
  const worker = new Worker(new URL('./cleaner-worker.js', import.meta.url), { workerData: job })
  let timer: Timer
  const checkAgain = () => {
    timer = io.clock.setTimer(STOP_CHECK_MS, () => {
      if (io.isStopped()) worker.postMessage('stop')
      else checkAgain()
    })
  }
  checkAgain()
  const done = new Promise<CleaningResult>((resolve, reject) => {
    worker.on('message', (message: FromThread) => {
      if (message.kind === 'result') resolve(message.result)
      else if (message.kind === 'error') reject(new Error(message.message))
      else {
        io.onGroup(message.group).then((isTaken) => worker.postMessage(isTaken), reject)
      }
    })
    worker.on('error', reject)
    worker.on('exit', (code) => reject(new Error(`the cleaner's thread ended with ${code}`)))
  })
  return done.finally(async () => {
    timer.cancel()
    await worker.terminate()
  })
}
