import { describe, expect, test } from 'vitest'
import { LentBytes, ObjectCache } from './object-cache.ts'

const bytes = (size: number) => async () => new LentBytes(Buffer.alloc(size, size))

/** Asks and lets go at once. */
async function touch(cache: ObjectCache, key: string, fetch = bytes(30)): Promise<number> {
  const lent = await cache.get(key, fetch)
  lent.release()
  return lent.bytes.length
}

describe('the cache of archived objects', () => {
  test('fetches once what several ask for, and again what failed', async () => {
    const cache = new ObjectCache(1000)
    let fetches = 0
    const fetch = async () => {
      fetches++
      if (fetches === 1) throw new Error('no answer')
      return new LentBytes(Buffer.alloc(10))
    }
    const asked = [cache.get('a', fetch), cache.get('a', fetch)]
    expect((await Promise.allSettled(asked)).map(({ status }) => status)).toEqual([
      'rejected',
      'rejected',
    ])
    expect(await touch(cache, 'a', fetch)).toBe(10)
    expect(fetches).toBe(2)
    expect([cache.hits, cache.misses]).toEqual([1, 2])
  })

  test('gives up what was used longest ago', async () => {
    const cache = new ObjectCache(100)
    for (const name of ['a', 'b', 'c', 'a', 'd']) await touch(cache, name)
    expect(['a', 'b', 'c', 'd'].map((name) => cache.has(name))).toEqual([true, false, true, true])
    expect(cache.size).toBe(90)
    await touch(cache, 'huge', bytes(500))
    expect(cache.size).toBe(0)
  })

  test('keeps few of those read to their end, and longer those asked for again', async () => {
    const cache = new ObjectCache(1000, 2)
    const names = ['a', 'b', 'c', 'd']
    const here = () => names.filter((name) => cache.has(name)).join('')
    for (const name of names) await touch(cache, name)
    for (const name of ['a', 'b', 'c']) cache.pass(name)
    expect(here()).toBe('bcd')
    await touch(cache, 'b')
    cache.pass('d')
    expect(here()).toBe('bcd')
    cache.pass('b')
    expect(here()).toBe('bd')
    expect(cache.size).toBe(60)
  })

  test('a prefetch that fails is met by the next who asks', async () => {
    const cache = new ObjectCache(100)
    cache.prefetch('a', () => Promise.reject(new Error('no answer')))
    await new Promise((resolve) => setImmediate(resolve))
    expect(await touch(cache, 'a', bytes(5))).toBe(5)
  })

  test('memory is used again when nobody holds it, and not before', async () => {
    const cache = new ObjectCache(100)
    const again: string[] = []
    const named = (name: string) => async () =>
      new LentBytes(Buffer.alloc(60), () => again.push(name))
    cache.prefetch('a', named('a'))
    const first = cache.get('a', named('a'))
    const second = cache.get('a', named('a'))
    // Is here after the others, and pushes them out before their readers come to run.
    const other = await cache.get('b', named('b'))
    expect(cache.has('a')).toBe(false)
    expect(again).toEqual([])
    ;(await first).release()
    expect(again).toEqual([])
    ;(await second).release()
    expect(again).toEqual(['a'])
    await touch(cache, 'c', named('c'))
    expect(again).toEqual(['a'])
    other.release()
    expect(again).toEqual(['a', 'b'])
  })
})
