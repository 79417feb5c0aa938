import { ZERO_UUID } from '@ottla/base'
import { errorCode } from '@ottla/protocol'
import { describe, expect, test } from 'vitest'
import { parseAddress } from './client-context.ts'
import { ClusterMetadata } from './cluster-metadata.ts'

const ID = 'aaaaaaaaaaaaaaaaaaaaaa'

function response(
  topics: {
    name: string
    id?: string
    error?: number
    leaders?: [leader: number, epoch: number][]
  }[],
): Parameters<ClusterMetadata['update']>[0] {
  return {
    throttleTimeMs: 0,
    brokers: [1, 2].map((nodeId) => ({ nodeId, host: 'h', port: 9092 + nodeId, rack: null })),
    clusterId: 'c',
    controllerId: 1,
    errorCode: 0,
    clusterAuthorizedOperations: 0,
    topics: topics.map(({ name, id, error, leaders }) => ({
      errorCode: error ?? 0,
      name,
      topicId: id ?? ID,
      isInternal: false,
      topicAuthorizedOperations: 0,
      partitions: (leaders ?? []).map(([leaderId, leaderEpoch], partitionIndex) => ({
        errorCode: 0,
        partitionIndex,
        leaderId,
        leaderEpoch,
        replicaNodes: [],
        isrNodes: [],
        offlineReplicas: [],
      })),
    })),
  }
}

describe('cluster metadata', () => {
  test('does not go back to an older leader epoch', () => {
    const metadata = new ClusterMetadata()
    metadata.update(response([{ name: 't', leaders: [[2, 5]] }]), false)
    metadata.update(response([{ name: 't', leaders: [[1, 4]] }]), false)
    expect(metadata.partition('t', 0)).toMatchObject({ leaderId: 2, leaderEpoch: 5 })
    metadata.update(response([{ name: 't', leaders: [[1, 6]] }]), false)
    expect(metadata.partition('t', 0)?.leaderId).toBe(1)
  })

  test('a new topic id begins anew', () => {
    const metadata = new ClusterMetadata()
    metadata.update(response([{ name: 't', leaders: [[2, 5]] }]), false)
    metadata.update(response([{ name: 't', id: 'b'.repeat(22), leaders: [[1, 0]] }]), false)
    expect(metadata.partition('t', 0)).toMatchObject({ leaderId: 1, leaderEpoch: 0 })
    expect(metadata.nameOf(ID)).toBeUndefined()
    expect(metadata.nameOf('b'.repeat(22))).toBe('t')
  })

  test('takes a newer leader from a produce or fetch response', () => {
    const metadata = new ClusterMetadata()
    metadata.update(response([{ name: 't', leaders: [[1, 5]] }]), false)
    expect(metadata.updateLeader('t', 0, 2, 5)).toBe(false)
    expect(metadata.updateLeader('t', 0, 9, 6)).toBe(false)
    expect(metadata.updateLeader('t', 0, 2, 6)).toBe(true)
    expect(metadata.partition('t', 0)?.leaderId).toBe(2)
  })

  test('forgets topics that are gone', () => {
    const metadata = new ClusterMetadata()
    metadata.update(
      response([{ name: 'a', id: ZERO_UUID, leaders: [[1, 0]] }, { name: 'b' }]),
      true,
    )
    const gone = errorCode('UNKNOWN_TOPIC_OR_PARTITION')
    metadata.update(response([{ name: 'a', error: gone }]), false)
    expect(metadata.topic('a')).toBeUndefined()
    expect(metadata.topicError('a')).toBe(gone)
    metadata.update(response([]), true)
    expect(metadata.topicNames()).toEqual([])
  })
})

describe('broker addresses', () => {
  test.each([
    ['host:1234', 'host', 1234],
    ['host', 'host', 9092],
    ['kafka://host:1/', 'host', 1],
    ['[::1]:9093', '::1', 9093],
    ['10.0.0.1:2', '10.0.0.1', 2],
  ])('%s', (text, host, port) => {
    expect(parseAddress(text)).toEqual({ host, port })
  })

  test.each(['', ':9092', 'a:b', 'a:1:2'])('%j is refused', (text) => {
    expect(() => parseAddress(text)).toThrow('Expected host:port')
  })
})
