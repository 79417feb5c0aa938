import { describe, expect, test } from 'vitest'
import { TestRegistry } from '../testing/test-registry.ts'
import type { SchemaDefinition } from './schema.ts'
import { SchemaRegistryClient } from './schema-registry-client.ts'
import { SchemaRegistryError } from './schema-registry-error.ts'

const text: SchemaDefinition = { schema: '"string"', schemaType: 'AVRO', references: [] }
const UNAVAILABLE = [503, { error_code: 50301, message: 'not now' }] as const
const fast = { retryBackoffMs: 1 }

const failureOf = async (promise: Promise<unknown>): Promise<SchemaRegistryError> => {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(SchemaRegistryError)
  return error as SchemaRegistryError
}

describe('the registry client', () => {
  test('registers, looks up and reads schemas', async () => {
    await using registry = await TestRegistry.start()
    const client = new SchemaRegistryClient({ urls: `${registry.url}/` })
    const id = await client.register('a/b-value', text)
    expect(await client.lookup('a/b-value', text)).toBe(id)
    expect(await client.schemaById(id)).toEqual({ ...text, id })
    const latest = { ...text, id, subject: 'a/b-value', version: 1 }
    expect(await client.latest('a/b-value')).toEqual(latest)
    expect(await client.version('a/b-value', 1)).toEqual(latest)
    expect(registry.lines[0]).toBe('POST /subjects/a/b-value/versions')
    registry.compatibility = { is_compatible: false, messages: ['no'] }
    expect(await client.checkCompatibility('a/b-value', text)).toEqual({
      isCompatible: false,
      messages: ['no'],
    })
  })

  test('asks once for what many want, and keeps it', async () => {
    await using registry = await TestRegistry.start()
    const client = new SchemaRegistryClient({ urls: registry.url })
    const ids = await Promise.all([client.register('s', text), client.register('s', text)])
    expect(ids).toEqual([1, 1])
    await Promise.all([client.schemaById(1), client.schemaById(1)])
    await client.schemaById(1)
    expect(registry.lines).toEqual(['POST /subjects/s/versions', 'GET /schemas/ids/1'])
  })

  test('forgets failures and what does not fit the cache', async () => {
    await using registry = await TestRegistry.start()
    const client = new SchemaRegistryClient({ urls: registry.url, cacheSize: 1 })
    await failureOf(client.schemaById(1))
    await client.register('s', text)
    await client.register('s', { ...text, schema: '"int"' })
    for (const id of [1, 2, 1]) await client.schemaById(id)
    expect(registry.lines.filter((line) => line === 'GET /schemas/ids/1')).toHaveLength(3)
  })

  test('resolves references, each after what it needs', async () => {
    await using registry = await TestRegistry.start()
    const client = new SchemaRegistryClient({ urls: registry.url })
    await client.register('low', text)
    const toLow = [{ name: 'Low', subject: 'low', version: 1 }]
    await client.register('high', { ...text, schema: '"int"', references: toLow })
    const references = [{ name: 'High', subject: 'high', version: 1 }, ...toLow]
    expect(await client.resolveReferences({ ...text, references })).toEqual([
      { name: 'Low', schema: '"string"' },
      { name: 'High', schema: '"int"' },
    ])
  })

  test('retries what may pass, within bounds, and nothing else', async () => {
    await using registry = await TestRegistry.start()
    const client = new SchemaRegistryClient({ urls: registry.url, retries: 2, ...fast })
    registry.faults.push(UNAVAILABLE, UNAVAILABLE)
    expect(await client.register('s', text)).toBe(1)
    registry.faults.push(UNAVAILABLE, UNAVAILABLE, UNAVAILABLE, UNAVAILABLE)
    const error = await failureOf(client.latest('s'))
    expect(error).toMatchObject({ errorCode: 50301, isRetriable: true, subject: 's' })
    expect(registry.faults).toHaveLength(1)
    registry.faults.length = 0
    const before = registry.requests.length
    await failureOf(client.latest('none'))
    expect(registry.requests).toHaveLength(before + 1)
  })

  test('goes to the next URL when one fails, and stays there', async () => {
    await using down = await TestRegistry.start()
    await using up = await TestRegistry.start()
    down.faults.push(UNAVAILABLE)
    const client = new SchemaRegistryClient({ urls: [down.url, up.url], ...fast })
    await client.register('s', text)
    await client.latest('s')
    expect([down.requests.length, up.requests.length]).toEqual([1, 2])
    const nobody = new SchemaRegistryClient({ urls: 'http://127.0.0.1:1', retries: 1, ...fast })
    const error = await failureOf(nobody.schemaById(7))
    expect(error).toMatchObject({ code: 'REGISTRY_UNREACHABLE', id: 7, isRetriable: true })
    expect(error.message).toMatch(/id 7: http:\/\/127\.0\.0\.1:1 did not answer/)
  })

  test('says what was wrong and how to mend it', async () => {
    await using registry = await TestRegistry.start()
    const client = new SchemaRegistryClient({ urls: registry.url })
    const error = await failureOf(client.schemaById(9))
    expect(error).toMatchObject({ code: 'SCHEMA_NOT_FOUND', errorCode: 40403, id: 9 })
    expect(error.message).toBe('Getting the schema of id 9: Schema 9 not found (40403)')
    expect(error.hint).toContain('another registry')
    registry.faults.push([200, '<html>'])
    const html = new SchemaRegistryClient({ urls: registry.url, retries: 0 })
    expect((await failureOf(html.latest('s'))).message).toContain('no JSON')
  })

  test('sends credentials, and shows them in no error', async () => {
    await using registry = await TestRegistry.start()
    const withUser = registry.url.replace('//', '//me:s%40cret@')
    let renewed = 0
    const auths = [
      new SchemaRegistryClient({ urls: withUser }),
      new SchemaRegistryClient({ urls: registry.url, auth: { token: 's@cret' } }),
      new SchemaRegistryClient({ urls: registry.url, auth: { token: () => `t${++renewed}` } }),
    ]
    for (const client of auths) {
      registry.faults.push([401, { error_code: 401, message: 'Unauthorized' }])
      const error = await failureOf(client.latest('s'))
      expect(error.code).toBe('REGISTRY_UNAUTHORIZED')
      expect(JSON.stringify(error) + error.stack + error.hint).not.toMatch(/cret|me:/)
    }
    expect(registry.requests.map(({ authorization }) => authorization)).toEqual([
      `Basic ${Buffer.from('me:s@cret').toString('base64')}`,
      'Bearer s@cret',
      'Bearer t1',
    ])
    expect(() => new SchemaRegistryClient({ urls: 'me:s@cret' })).toThrow(/no HTTP URL$/)
  })
})
