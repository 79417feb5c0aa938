import { SeededRandom, VirtualClock } from '@ottla/base'
import { errorCode } from '@ottla/protocol'
import { expect, test } from 'vitest'
import { KafkaError } from '../errors.ts'
import type { ClientContext } from './client-context.ts'
import { retry } from './retry.ts'

/** When the attempts are made, in milliseconds, if each but the last ends with this error. */
async function attemptsAfter(name: Parameters<typeof errorCode>[0]): Promise<number[]> {
  const clock = new VirtualClock()
  const retryBackoff = { minMs: 100, maxMs: 1_000 }
  const context = { clock, random: new SeededRandom(1), retryBackoff } as unknown as ClientContext
  const times: number[] = []
  const done = retry(context, { what: 'test', timeoutMs: 60_000 }, async () => {
    times.push(clock.monotonicMs())
    if (times.length < 4) throw new KafkaError(errorCode(name), 'test')
  })
  let isDone = false
  void done.then(() => {
    isDone = true
  })
  while (!isDone) {
    await new Promise((resolve) => setImmediate(resolve))
    clock.advance(1)
  }
  return times
}

const pauses = (times: readonly number[]) => times.slice(1).map((t, i) => t - (times[i] as number))

test('the pauses grow, with jitter', async () => {
  const [first = 0, second = 0, third = 0] = pauses(await attemptsAfter('NOT_COORDINATOR'))
  expect([first, second, third].map((ms) => Math.round(Math.log2(ms / 100)))).toEqual([0, 1, 2])
})

test('the end of the transaction before is waited for in short steps', async () => {
  const [first = 0, second = 0, third = 0] = pauses(await attemptsAfter('CONCURRENT_TRANSACTIONS'))
  expect([first, second, third].map((ms) => Math.round(Math.log2(ms / 20)))).toEqual([0, 1, 2])
})
