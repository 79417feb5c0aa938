import { realClock, SeededRandom } from '@ottla/base'
import { errorCode } from '@ottla/protocol'
import { describe, expect, test } from 'vitest'
import type { Cluster } from '../cluster/cluster.ts'
import { IdentitySource } from './identity-source.ts'

/** An identity from a cluster that answers with these error codes, and at last without one. */
function asking(codes: readonly number[], apiTimeoutMs: number) {
  let asked = 0
  const cluster = {
    context: {
      clock: realClock,
      random: new SeededRandom(1),
      apiTimeoutMs,
      retryBackoff: { minMs: 1, maxMs: 2 },
    },
    request: async () => {
      const code = codes[asked++] ?? codes.at(-1) ?? 0
      return { errorCode: code, producerId: 7, producerEpoch: 0 }
    },
  }
  const fatal: Error[] = []
  const source = new IdentitySource(cluster as unknown as Cluster, true, (e) => fatal.push(e))
  const loaded = () => new Promise<void>((resolve) => source.load(resolve))
  return { source, fatal, loaded, asked: () => asked }
}

const LOADING = errorCode('COORDINATOR_LOAD_IN_PROGRESS')
const REFUSED = errorCode('CLUSTER_AUTHORIZATION_FAILED')

describe('the identity of an idempotent producer', () => {
  test('is asked for until it comes', async () => {
    const { source, fatal, loaded, asked } = asking([LOADING, LOADING, 0], 5_000)
    await loaded()
    expect(source.current).toEqual({ producerId: 7, producerEpoch: 0 })
    expect([asked(), fatal]).toEqual([3, []])
  })

  test('that a cluster in trouble does not give in time is not the end of the producer', async () => {
    const { source, fatal, loaded } = asking([LOADING], 20)
    await loaded()
    expect(source.current).toBeUndefined()
    expect(source.lastError?.message).toContain('COORDINATOR_LOAD_IN_PROGRESS')
    expect(fatal).toEqual([])
  })

  test('that is refused is', async () => {
    const { fatal, loaded } = asking([REFUSED], 5_000)
    await loaded()
    expect(fatal).toHaveLength(1)
  })
})
