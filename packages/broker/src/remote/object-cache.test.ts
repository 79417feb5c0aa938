import { describe, expect, test } from 'vitest'
import { ObjectCache } from './object-cache.ts'

const bytes = (size: number) => async () => Buffer.alloc(size, size)

describe('the cache of archived objects', () => {
  test('fetches once what several ask for, and again what failed', async () => {
    const cache = new ObjectCache(1000)
    let fetches = 0
    const fetch = async () => {
      fetches++
      if (fetches === 1) throw new Error('no answer')
      return Buffer.alloc(10)
    }
    const asked = [cache.get('a', fetch), cache.get('a', fetch)]
    expect((await Promise.allSettled(asked)).map(({ status }) => status)).toEqual([
      'rejected',
      'rejected',
    ])
    expect((await cache.get('a', fetch)).length).toBe(10)
    expect(fetches).toBe(2)
    expect([cache.hits, cache.misses]).toEqual([1, 2])
  })

  test('gives up what was used longest ago', async () => {
    const cache = new ObjectCache(100)
    for (const name of ['a', 'b', 'c']) await cache.get(name, bytes(30))
    await cache.get('a', bytes(30))
    await cache.get('d', bytes(30))
    expect(['a', 'b', 'c', 'd'].map((name) => cache.has(name))).toEqual([true, false, true, true])
    expect(cache.size).toBe(90)
    await cache.get('huge', bytes(500))
    expect(cache.size).toBe(0)
  })

  test('a prefetch that fails is met by the next who asks', async () => {
    const cache = new ObjectCache(100)
    cache.prefetch('a', () => Promise.reject(new Error('no answer')))
    await new Promise((resolve) => setImmediate(resolve))
    expect((await cache.get('a', bytes(5))).length).toBe(5)
  })
})
