import { SeededRandom, ZERO_UUID } from '@ottla/base'
import { describe, expect, it } from 'vitest'
import {
  AlterOperation,
  incrementalAlter,
  replaceConfigs,
  topicConfigFault,
} from './config-controller.ts'
import { MetadataImage } from './metadata-image.ts'
import {
  decodeMetadataRecord,
  encodeMetadataRecord,
  type MetadataRecord,
  metadataRecord,
} from './metadata-record.ts'
import {
  type ControllerContext,
  createPartitions,
  createTopics,
  deleteTopicRecords,
  Refusal,
} from './topic-controller.ts'
import { topicNameFault } from './topic-names.ts'

const CONTEXT: ControllerContext = {
  nodeId: 1,
  place: (count) => Array.from({ length: count }, () => ZERO_UUID),
  random: new SeededRandom(7),
  partitionsDefault: 3,
  partitionsMax: 100,
  topicConfigFault,
  tieringFault: () => undefined,
}

const topic = (name: string, change: object = {}) => ({
  name,
  numPartitions: 2,
  replicationFactor: 1,
  assignments: [],
  configs: [],
  ...change,
})

/** Replays records as a restart would: through their bytes. */
function replay(image: MetadataImage, records: readonly MetadataRecord[]): MetadataImage {
  for (const record of records) image.replay(decodeMetadataRecord(encodeMetadataRecord(record, 33)))
  return image
}

function imageWith(...names: string[]): MetadataImage {
  const image = new MetadataImage()
  return replay(
    image,
    createTopics(
      image,
      CONTEXT,
      names.map((name) => topic(name)),
    ).records,
  )
}

const errorOf = (image: MetadataImage, ...topics: ReturnType<typeof topic>[]) =>
  createTopics(image, CONTEXT, topics).response.map((answer) => answer.errorMessage ?? 'created')

const refusal = (work: () => unknown): string => {
  try {
    work()
  } catch (error) {
    if (error instanceof Refusal) return error.error
    throw error
  }
  return 'NONE'
}

describe('creating topics', () => {
  it('makes them with their partitions and settings, found by name and by id', () => {
    const image = new MetadataImage()
    const { records, response } = createTopics(image, CONTEXT, [
      topic('orders', { configs: [{ name: 'retention.ms', value: '1000' }] }),
      topic('defaulted', { numPartitions: -1, replicationFactor: -1 }),
    ])
    replay(image, records)
    const created = image.topics.get('orders')
    expect(created?.partitions.map((p) => [p.partition, p.leader, p.leaderEpoch])).toEqual([
      [0, 1, 0],
      [1, 1, 0],
    ])
    expect(image.topicsById.get(response[0]?.topicId as string)).toBe(created)
    expect(image.config(2, 'orders')?.get('retention.ms')).toBe('1000')
    expect(image.topics.get('defaulted')?.partitions).toHaveLength(3)
    expect(image.partitionCount).toBe(5)
  })

  it.each([
    ['an existing name', topic('a'), "Topic 'a' already exists."],
    ['a name that collides', topic('a.b'), "Topic 'a.b' collides with existing topic: a_b"],
    ['no partitions', topic('x', { numPartitions: 0 }), 'non-positive'],
    ['too many replicas', topic('x', { replicationFactor: 3 }), 'only 1 broker'],
    [
      'an unknown setting',
      topic('x', { configs: [{ name: 'retension.ms', value: '1' }] }),
      'did you mean retention.ms',
    ],
    [
      'a bad value',
      topic('x', { configs: [{ name: 'retention.ms', value: 'soon' }] }),
      'retention.ms',
    ],
    ['more partitions than fit', topic('x', { numPartitions: 101 }), 'partitions.max'],
    [
      'an unknown broker',
      topic('x', {
        numPartitions: -1,
        replicationFactor: -1,
        assignments: [{ partitionIndex: 0, brokerIds: [9] }],
      }),
      'broker 9',
    ],
  ])('refuses %s', (_, wanted, text) => {
    expect(errorOf(imageWith('a', 'a_b'), wanted)[0]).toContain(text)
  })

  it('refuses both of two topics of one name in a request', () => {
    expect(errorOf(new MetadataImage(), topic('x'), topic('x'), topic('y'))).toEqual([
      'Duplicate topic name.',
      'created',
    ])
  })

  it.each(['', '.', '..', 'a b', 'ä', 'x'.repeat(250)])('refuses the name "%s"', (name) => {
    expect(topicNameFault(name)).toBeDefined()
  })

  it.each(['__proto__', 'constructor', 'toString', 'x'.repeat(249)])('accepts "%s"', (name) => {
    expect(topicNameFault(name)).toBeUndefined()
    expect(imageWith(name).topics.get(name)?.partitions).toHaveLength(2)
  })
})

describe('changing topics', () => {
  it('only ever adds partitions', () => {
    const image = imageWith('a')
    const to = (count: number) => ({ name: 'a', count, assignments: null })
    replay(image, createPartitions(image, CONTEXT, to(4)))
    expect(image.topics.get('a')?.partitions).toHaveLength(4)
    expect(refusal(() => createPartitions(image, CONTEXT, to(4)))).toBe('INVALID_PARTITIONS')
    expect(refusal(() => createPartitions(image, CONTEXT, to(1)))).toBe('INVALID_PARTITIONS')
    const ghost = { ...to(9), name: 'ghost' }
    expect(refusal(() => createPartitions(image, CONTEXT, ghost))).toBe(
      'UNKNOWN_TOPIC_OR_PARTITION',
    )
  })

  it('removes a topic with its settings, and a new one of its name has another id', () => {
    const image = imageWith('a')
    const old = image.topics.get('a')
    if (!old) throw new Error('not created')
    replay(image, deleteTopicRecords([old]))
    expect(image.topics.size + image.topicsById.size + image.partitionCount).toBe(0)
    replay(image, createTopics(image, CONTEXT, [topic('a')]).records)
    expect(image.topics.get('a')?.id).not.toBe(old.id)
  })

  it('bumps the leader epoch with a leader, and the partition epoch with any change', () => {
    const image = imageWith('a')
    const topicId = image.topics.get('a')?.id as string
    replay(image, [metadataRecord('PartitionChangeRecord', { partitionId: 0, topicId, leader: 1 })])
    expect(image.topics.get('a')?.partitions[0]).toMatchObject({
      leaderEpoch: 1,
      partitionEpoch: 1,
    })
    replay(image, [metadataRecord('PartitionChangeRecord', { partitionId: 0, topicId, isr: [1] })])
    expect(image.topics.get('a')?.partitions[0]).toMatchObject({
      leaderEpoch: 1,
      partitionEpoch: 2,
    })
  })
})

describe('changing settings', () => {
  const target = {
    resourceType: 2,
    resourceName: 'a',
    nodeId: 1,
    valueBehind: (name: string) => (name === 'cleanup.policy' ? 'delete' : null),
    tieringFault: () => undefined,
  }
  const change = (name: string, operation: number, value: string | null = null) => ({
    name,
    operation,
    value,
  })

  it('sets, extends, shortens and removes', () => {
    const image = imageWith('a')
    const apply = (...changes: ReturnType<typeof change>[]) => {
      replay(image, incrementalAlter(image, target, changes))
      return image.config(2, 'a')?.get('cleanup.policy')
    }
    expect(apply(change('cleanup.policy', AlterOperation.APPEND, 'compact'))).toBe('delete,compact')
    expect(apply(change('cleanup.policy', AlterOperation.SUBTRACT, 'delete'))).toBe('compact')
    expect(apply(change('cleanup.policy', AlterOperation.SET, 'delete'))).toBe('delete')
    expect(apply(change('cleanup.policy', AlterOperation.DELETE))).toBeUndefined()
  })

  it('replaces everything when asked to', () => {
    const image = imageWith('a')
    replay(image, replaceConfigs(image, target, [{ name: 'retention.ms', value: '1' }]))
    replay(image, replaceConfigs(image, target, [{ name: 'segment.ms', value: '2' }]))
    expect([...(image.config(2, 'a') ?? [])]).toEqual([['segment.ms', '2']])
  })

  it.each([
    ['APPEND to a number', change('retention.ms', AlterOperation.APPEND, '1'), 'INVALID_CONFIG'],
    ['no value', change('retention.ms', AlterOperation.SET), 'INVALID_REQUEST'],
    ['an unknown operation', change('retention.ms', 9, '1'), 'INVALID_REQUEST'],
    ['an unknown name', change('nope', AlterOperation.SET, '1'), 'INVALID_CONFIG'],
  ])('refuses %s', (_, wanted, error) => {
    expect(refusal(() => incrementalAlter(imageWith('a'), target, [wanted]))).toBe(error)
  })

  it('looks at the request first, then at the values, last at whether the topic is there', () => {
    const nowhere = { ...target, resourceName: 'nowhere' }
    const refused = (...configs: [string, string | null][]) =>
      refusal(() =>
        replaceConfigs(
          imageWith('a'),
          nowhere,
          configs.map(([name, value]) => ({ name, value })),
        ),
      )
    expect(refused(['retention.ms', null], ['nope', '1'])).toBe('INVALID_REQUEST')
    expect(refused(['nope', '1'])).toBe('INVALID_CONFIG')
    expect(refused(['retention.ms', '1'])).toBe('UNKNOWN_TOPIC_OR_PARTITION')
  })

  it('keeps one minimum in sync for all brokers with eligible leader replicas', () => {
    const image = new MetadataImage()
    const alter = (resourceName: string, operation: number, value: string | null) =>
      refusal(() => {
        const broker = { ...target, resourceType: 4, resourceName }
        incrementalAlter(image, broker, [change('min.insync.replicas', operation, value)])
      })
    expect(alter('1', AlterOperation.SET, '1')).toBe('NONE')
    const name = 'eligible.leader.replicas.version'
    replay(image, [metadataRecord('FeatureLevelRecord', { name, featureLevel: 1 })])
    expect(alter('1', AlterOperation.SET, '1')).toBe('INVALID_CONFIG')
    expect(alter('', AlterOperation.DELETE, null)).toBe('INVALID_CONFIG')
    expect(alter('', AlterOperation.SET, '1')).toBe('NONE')
  })

  it('refuses to change dynamically what needs a restart', () => {
    const broker = { ...target, resourceType: 4, resourceName: '' }
    const wanted = [change('log.dirs', AlterOperation.SET, '/x')]
    expect(refusal(() => incrementalAlter(new MetadataImage(), broker, wanted))).toBe(
      'INVALID_REQUEST',
    )
  })
})

describe('the metadata image', () => {
  it('applies a transaction as a whole or not at all', () => {
    const image = new MetadataImage()
    const feature = (name: string) =>
      metadataRecord('FeatureLevelRecord', { name, featureLevel: 1 })
    replay(image, [
      metadataRecord('BeginTransactionRecord', {}),
      feature('kept'),
      metadataRecord('EndTransactionRecord', {}),
      metadataRecord('BeginTransactionRecord', {}),
      feature('dropped'),
      metadataRecord('AbortTransactionRecord', {}),
    ])
    expect([...image.features.keys()]).toEqual(['kept'])
  })

  it('keeps tokens, which nobody acts on, until they are removed', () => {
    const image = new MetadataImage()
    const tokenId = 't'
    const token = metadataRecord('DelegationTokenRecord', {
      owner: 'User:a',
      requester: 'User:a',
      renewers: [],
      issueTimestamp: 1,
      maxTimestamp: 2,
      expirationTimestamp: 2,
      tokenId,
    })
    replay(image, [token])
    expect([...image.keptRecords()]).toHaveLength(1)
    replay(image, [metadataRecord('RemoveDelegationTokenRecord', { tokenId })])
    expect([...image.keptRecords()]).toHaveLength(0)
  })
})
