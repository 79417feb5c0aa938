import { murmur2, partitionOfKey, SeededRandom } from '@ottla/base'
import { describe, expect, test } from 'vitest'
import type { TopicMetadata } from '../cluster/cluster-metadata.ts'
import { keyedPartition, type PartitionHints, StickyPartition } from './partitioner.ts'

describe('murmur2', () => {
  // Computed with org.apache.kafka.common.utils.Utils of kafka-clients 4.4.0.
  test.each([
    ['', 275646681],
    ['a', -1563381124],
    ['ab', 316155434],
    ['abc', 479470107],
    ['abcd', -1323649548],
    ['21', -973932308],
    ['foobar', -790332482],
    ['a-little-bit-long-string', -985981536],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
    ['äöü€', 563110447],
  ])('of %j is that of the Java client', (text, hash) => {
    expect(murmur2(Buffer.from(text))).toBe(hash)
  })

  test('text and its bytes have the same partition, also when long', () => {
    for (const key of ['a', 'schlüssel', 'x'.repeat(5_000)]) {
      expect(keyedPartition(key, 17)).toBe(partitionOfKey(Buffer.from(key), 17))
    }
  })
})

describe('sticky partition', () => {
  const partition = (index: number, leaderId: number) => ({
    index,
    leaderId,
    leaderEpoch: 0,
    replicas: [],
    isr: [],
    offlineReplicas: [],
  })
  const topic = (leaders: number[]): TopicMetadata => ({
    name: 't',
    id: '',
    isInternal: false,
    partitions: leaders.map((leader, i) => partition(i, leader)),
  })

  test('stays until enough bytes went there, and visits all partitions', () => {
    const sticky = new StickyPartition(new SeededRandom(1), 100)
    const visited = new Set<number>()
    for (let i = 0; i < 100; i++) {
      const chosen = sticky.choose(topic([1, 1, 1]))
      visited.add(chosen)
      for (let n = 0; n < 9; n++) {
        sticky.add(10)
        expect(sticky.choose(topic([1, 1, 1]))).toBe(chosen)
      }
      sticky.add(10)
    }
    expect([...visited].sort()).toEqual([0, 1, 2])
  })

  test('avoids partitions without a leader', () => {
    const sticky = new StickyPartition(new SeededRandom(2), 1)
    for (let i = 0; i < 50; i++) {
      expect(sticky.choose(topic([-1, 1, -1]))).toBe(1)
      sticky.add(1)
    }
  })

  test('goes less often where batches wait, and never nowhere', () => {
    const waiting = [9, 0, 4]
    const sticky = new StickyPartition(new SeededRandom(3), 1, {
      waitingOf: (i) => waiting[i] ?? 0,
    })
    const chosen = [0, 0, 0]
    for (let i = 0; i < 1_700; i++) {
      const partition = sticky.choose(topic([1, 1, 1]))
      chosen[partition] = (chosen[partition] ?? 0) + 1
      sticky.add(1)
    }
    // One chance, ten, and six of seventeen.
    expect(Math.abs((chosen[0] as number) - 100)).toBeLessThan(40)
    expect(Math.abs((chosen[1] as number) - 1_000)).toBeLessThan(100)
    expect(Math.abs((chosen[2] as number) - 600)).toBeLessThan(100)
  })

  const choices = (hints: PartitionHints, leaders: number[]): number[] => {
    const sticky = new StickyPartition(new SeededRandom(4), 1, hints)
    const chosen = new Set<number>()
    for (let i = 0; i < 200; i++) {
      chosen.add(sticky.choose(topic(leaders)))
      sticky.add(1)
    }
    return [...chosen].sort()
  }

  test('leaves out what no broker comes to, unless that is all of them', () => {
    expect(choices({ isAvailable: (i) => i !== 1 }, [1, 1, 1])).toEqual([0, 2])
    expect(choices({ isAvailable: () => false }, [1, 1, 1])).toEqual([0, 1, 2])
  })

  test('keeps to leaders in its rack while one of them is available', () => {
    const isNear = (leaderId: number) => leaderId === 7
    expect(choices({ isNear }, [1, 7, 7])).toEqual([1, 2])
    expect(choices({ isNear, isAvailable: (i) => i !== 1 }, [1, 7, 7])).toEqual([2])
    expect(choices({ isNear, isAvailable: (i) => i === 0 }, [1, 7, 7])).toEqual([0])
    expect(choices({ isNear }, [1, 2, 1])).toEqual([0, 1, 2])
    const waiting = [0, 9, 9]
    expect(choices({ isNear, waitingOf: (i) => waiting[i] ?? 0 }, [1, 7, 7])).toEqual([1, 2])
  })
})
