import { silentLogger, VirtualClock } from '@ottla/base'
import { describe, expect, test } from 'vitest'
import type { Cluster } from '../cluster/cluster.ts'
import type { ConnectionPool } from '../cluster/connection-pool.ts'
import { topicOf } from '../serde/topic.ts'
import { resolveConsumerOptions } from './consumer-options.ts'
import { PartitionState, partitionKey } from './partition-state.ts'
import { PositionLookup } from './position-lookup.ts'

/** A partition whose leader epoch is 2, and whose leader answers about epochs when told to. */
function checked(position: number, positionEpoch: number) {
  const state = new PartitionState(topicOf('t'), 0)
  state.seek(position, positionEpoch)
  let answer = (_: { leaderEpoch: number; endOffset: number }) => {}
  const asked: number[] = []
  const cluster = {
    context: { clock: new VirtualClock(), logger: silentLogger },
    metadata: {
      partition: () => ({ leaderId: 1, leaderEpoch: 2 }),
      node: () => ({ id: 1, host: 'h', port: 1, rack: null }),
    },
    markStale: () => undefined,
    request: (_node: number, _api: unknown, body: AskedEpochs) => {
      asked.push(body.topics[0]?.partitions[0]?.leaderEpoch ?? -1)
      return new Promise((resolve) => {
        answer = (end) =>
          resolve({
            topics: [{ topic: 't', partitions: [{ partition: 0, errorCode: 0, ...end }] }],
          })
      })
    },
  }
  const errors: Error[] = []
  const done = new Promise<void>((resolve) => {
    const lookup = new PositionLookup(
      cluster as unknown as Cluster,
      undefined as unknown as ConnectionPool,
      resolveConsumerOptions({}),
      {
        states: new Map([[partitionKey('t', 0), state]]),
        onError: (error) => errors.push(error),
        onProgress: resolve,
        fetchCommitted: undefined,
      },
    )
    lookup.wake()
  })
  const answered = async (end: { leaderEpoch: number; endOffset: number }) => {
    answer(end)
    await done
    expect(errors).toEqual([])
  }
  return { state, asked, answered }
}

interface AskedEpochs {
  readonly topics: readonly { readonly partitions: readonly { readonly leaderEpoch: number }[] }[]
}

describe('a position under a new leader', () => {
  test('goes back to where the log of the new leader parts from what was read', async () => {
    const { state, asked, answered } = checked(5000, 0)
    expect(asked).toEqual([0])
    await answered({ leaderEpoch: 0, endOffset: 4000 })
    expect([state.position, state.fetchOffset, state.positionEpoch]).toEqual([4000, 4000, 0])
  })

  test('counts what was read of the epoch until the answer came', async () => {
    const { state, answered } = checked(3000, 0)
    state.position = 4500
    await answered({ leaderEpoch: 0, endOffset: 4000 })
    expect(state.position).toBe(4000)
  })

  test('stays where it is when the loop has read on into the next epoch meanwhile', async () => {
    const { state, answered } = checked(3000, 0)
    state.position = 5000
    state.positionEpoch = 1
    await answered({ leaderEpoch: 0, endOffset: 4000 })
    expect(state.position).toBe(5000)
    expect(state.validatedEpoch).toBe(2)
  })
})
