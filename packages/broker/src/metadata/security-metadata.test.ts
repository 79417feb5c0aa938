import { randomBytes } from 'node:crypto'
import { SeededRandom } from '@ottla/base'
import { describe, expect, it } from 'vitest'
import { createAcls, deleteAcls, matches } from './acl-controller.ts'
import { cidrFault } from './cidr.ts'
import { updateFeatures } from './feature-controller.ts'
import { MetadataImage } from './metadata-image.ts'
import {
  decodeMetadataRecord,
  encodeMetadataRecord,
  type MetadataRecord,
  metadataRecord,
} from './metadata-record.ts'
import { alterQuotas, describeQuotas } from './quota-controller.ts'
import { alterScram } from './scram-controller.ts'
import { Refusal } from './topic-controller.ts'

/** Replays records as a restart would: through their bytes. */
function replay(image: MetadataImage, records: readonly MetadataRecord[]): void {
  for (const record of records) image.replay(decodeMetadataRecord(encodeMetadataRecord(record, 33)))
}

const random = new SeededRandom(3)
const acl = (resourceName: string, change: object = {}) => ({
  resourceType: 2,
  resourceName,
  resourcePatternType: 3,
  principal: 'User:a',
  host: '*',
  operation: 3,
  permissionType: 3,
  ...change,
})
const filter = (change: object = {}) => ({
  resourceTypeFilter: 1,
  resourceNameFilter: null,
  patternTypeFilter: 1,
  principalFilter: null,
  hostFilter: null,
  operation: 1,
  permissionType: 1,
  ...change,
})

describe('ACLs', () => {
  it('are made once, however often they are asked for', () => {
    const image = new MetadataImage()
    const first = createAcls(image, random, [acl('t'), acl('t'), acl('u')])
    expect(first.records).toHaveLength(2)
    replay(image, first.records)
    expect(createAcls(image, random, [acl('t')]).records).toEqual([])
    expect(image.acls.size).toBe(2)
  })

  it('are removed by every filter that matches, with one record', () => {
    const image = new MetadataImage()
    replay(image, createAcls(image, random, [acl('t'), acl('u')]).records)
    const named = filter({ resourceNameFilter: 't', patternTypeFilter: 3 })
    const { records, response } = deleteAcls(image.acls, [named, named])
    expect(records).toHaveLength(1)
    expect(response.map(({ matchingAcls }) => matchingAcls.length)).toEqual([1, 1])
    replay(image, records)
    expect(image.acls.size).toBe(1)
  })

  it.each([
    [3, 'orders', true],
    [3, '*', true],
    [3, 'ord', false],
    [4, 'ord', true],
    [4, 'orders-', false],
  ])('of pattern type %i named %s concern the topic orders: %s', (patternType, name, expected) => {
    const { resourcePatternType: _, ...rest } = acl(name)
    const asked = filter({ patternTypeFilter: 2, resourceNameFilter: 'orders' })
    expect(matches(asked, { ...rest, patternType })).toBe(expected)
  })

  it('have ranges of hosts from the level on at which Apache Kafka knows them', () => {
    const image = new MetadataImage()
    const make = () => createAcls(image, random, [acl('t', { host: '10.0.0.0/8' })])
    const level = (featureLevel: number) => [
      metadataRecord('FeatureLevelRecord', { name: 'metadata.version', featureLevel }),
    ]
    replay(image, level(30))
    expect(make().records).toEqual([])
    expect(make().response).toMatchObject([{ errorCode: 35 }])
    replay(image, level(33))
    expect(make().records).toHaveLength(1)
  })

  it.each(['10.0.0.0/33', '10.0.0.256/8', '10.0.0/8', 'a/8', '::1/129', '::1/x', ':::/8'])(
    'have no host %s',
    (host) => expect(cidrFault(host)).toBeDefined(),
  )

  it.each(['10.0.0.0/8', '0.0.0.0/0', '2001:db8::/32', '::/0', '::1/128'])(
    'may have the host %s',
    (host) => expect(cidrFault(host)).toBeUndefined(),
  )
})

describe('SCRAM credentials', () => {
  const keysOf = () => ({ storedKey: Buffer.from('stored'), serverKey: Buffer.from('server') })
  const upsertion = (name: string, mechanism = 1) => ({
    name,
    mechanism,
    iterations: 4096,
    salt: randomBytes(8),
    saltedPassword: Buffer.from('p'),
  })

  it('come and go per user and mechanism', () => {
    const image = new MetadataImage()
    const alter = (deletions: { name: string; mechanism: number }[], names: [string, number][]) => {
      const upsertions = names.map(([name, mechanism]) => upsertion(name, mechanism))
      const { records, response } = alterScram(image.scram, { deletions, upsertions }, keysOf)
      replay(image, records)
      return response.map(({ errorCode }) => errorCode)
    }
    expect(alter([], [['a', 1]])).toEqual([0])
    expect(alter([], [['a', 2]])).toEqual([0])
    expect(image.scram.of('a').map(({ mechanism }) => mechanism)).toEqual([1, 2])
    expect(alter([{ name: 'a', mechanism: 1 }], [])).toEqual([0])
    expect(alter([{ name: 'a', mechanism: 1 }], [])).toEqual([91])
    expect(alter([{ name: 'a', mechanism: 2 }], [])).toEqual([0])
    expect([...image.scram.names()]).toEqual([])
  })

  it('keep no memory of the request', () => {
    const image = new MetadataImage()
    const asked = upsertion('a')
    const salt = Buffer.from(asked.salt)
    for (const record of alterScram(image.scram, { deletions: [], upsertions: [asked] }, keysOf)
      .records) {
      image.replay(record)
    }
    asked.salt.fill(0)
    expect(image.scram.get('a', 1)?.salt).toEqual(salt)
  })

  it('change once per request, or not at all', () => {
    const request = { deletions: [], upsertions: [upsertion('a'), upsertion('a', 2)] }
    const { records, response } = alterScram(new MetadataImage().scram, request, keysOf)
    expect(records).toEqual([])
    expect(response).toMatchObject([{ user: 'a', errorCode: 92 }])
  })
})

describe('client quotas', () => {
  const alter = (image: MetadataImage, entity: Record<string, string | null>, value?: number) => {
    const parts = Object.entries(entity).map(([entityType, entityName]) => ({
      entityType,
      entityName,
    }))
    const key = 'producer_byte_rate'
    const ops = [{ key, value: value ?? 0, remove: value === undefined }]
    const decision = alterQuotas(image.quotas, [{ entity: parts, ops }], () => true)
    replay(image, decision.records)
    return decision
  }
  const userIs = (match: string | null, matchType = 0) => [{ entityType: 'user', matchType, match }]

  it('tell an entity from its default and from larger ones', () => {
    const image = new MetadataImage()
    alter(image, { user: 'a' }, 1)
    alter(image, { user: null }, 2)
    alter(image, { user: 'a', 'client-id': 'c' }, 3)
    const values = (...args: [Parameters<typeof describeQuotas>[1], boolean]) =>
      describeQuotas(image.quotas, ...args).map((found) => [...found.values.values()][0])
    expect(values(userIs('a'), false)).toEqual([1, 3])
    expect(values(userIs('a'), true)).toEqual([1])
    expect(values(userIs(null, 1), true)).toEqual([2])
    expect(values(userIs(null, 2), true)).toEqual([1, 2])
    expect(values([], false)).toEqual([1, 2, 3])
  })

  it('write nothing when nothing changes, and go with their last value', () => {
    const image = new MetadataImage()
    expect(alter(image, { user: 'a' }, 1).records).toHaveLength(1)
    expect(alter(image, { user: 'a' }, 1).records).toHaveLength(0)
    expect(alter(image, { user: 'a' }).records).toHaveLength(1)
    expect(alter(image, { user: 'a' }).records).toHaveLength(0)
    expect([...image.quotas.all()]).toEqual([])
  })
})

describe('features', () => {
  const context = { nodeId: 1, minInsyncReplicas: 1 }
  const imageAt = (levels: Record<string, number>) => {
    const image = new MetadataImage()
    const records = Object.entries(levels).map(([name, featureLevel]) =>
      metadataRecord('FeatureLevelRecord', { name, featureLevel }),
    )
    replay(image, records)
    return image
  }
  const update = (image: MetadataImage, feature: string, level: number, upgradeType = 1) =>
    updateFeatures(image, context, [
      { feature, maxVersionLevel: level, upgradeType, allowDowngrade: false },
    ])

  it('go down only when that is asked for', () => {
    const image = imageAt({ 'metadata.version': 33, 'group.version': 1 })
    expect(() => update(image, 'group.version', 0)).toThrow(Refusal)
    replay(image, update(image, 'group.version', 0, 2))
    expect(image.level('group.version')).toBe(0)
  })

  it.each([
    [31, 30, true],
    [29, 23, true],
    [29, 22, false],
    [33, 32, false],
    [30, 33, true],
  ])('lead metadata.version from %i to %i: %s', (from, to, isAllowed) => {
    const image = imageAt({ 'metadata.version': from })
    const run = () => update(image, 'metadata.version', to, to < from ? 2 : 1)
    if (isAllowed) expect(run()).toHaveLength(1)
    else expect(run).toThrow(Refusal)
  })

  it('put the minimum in sync into the log with eligible leader replicas', () => {
    const image = imageAt({ 'metadata.version': 33 })
    const names = update(image, 'eligible.leader.replicas.version', 1).map(({ name }) => name)
    expect(names).toEqual(['ConfigRecord', 'FeatureLevelRecord'])
  })
})
