import { SeededRandom } from '@ottla/base'
import { type Fault, FaultyFileSystem, type FileCall, MemoryFileSystem } from '@ottla/storage'
import { describe, expect, test } from 'vitest'
import { DirectoryStore } from './directory-store.ts'
import { contentOf, isObjectMissing, type StoredObject } from './remote-store.ts'

const random = new SeededRandom(1)
const KEY = 't-0-LWgrMmVrT0a__7a4SasuPA/00000000000000000000-bCqX9U--S-6U8XUM9II25Q.log'

async function open(memory = new MemoryFileSystem()) {
  const disk = new FaultyFileSystem(memory)
  return { memory, disk, store: await DirectoryStore.open(disk, '/archive', random) }
}

async function list(store: DirectoryStore, prefix = ''): Promise<StoredObject[]> {
  const objects: StoredObject[] = []
  for await (const object of store.list(prefix)) objects.push(object)
  return objects
}

describe('an archive in a directory', () => {
  test('keeps, lists, gives back and deletes', async () => {
    const { store } = await open()
    await store.put(KEY, contentOf(Buffer.from('0123456789')))
    expect(await store.get(KEY, 2, 5)).toEqual(Buffer.from('234'))
    expect(await store.get(KEY, 0)).toEqual(Buffer.from('0123456789'))
    expect(await list(store)).toEqual([{ key: KEY, size: 10 }])
    expect(await list(store, 't-0-LWgrMmVrT0a__7a4SasuPA/')).toHaveLength(1)
    expect(await list(store, 't-1')).toEqual([])
    await store.put(KEY, contentOf(Buffer.from('new')))
    expect(await store.get(KEY, 0)).toEqual(Buffer.from('new'))
    await store.delete(KEY)
    await store.delete(KEY)
    expect(await list(store)).toEqual([])
    expect(isObjectMissing(await store.get(KEY, 0).catch((error: unknown) => error))).toBe(true)
  })

  test('what was put survives a power cut, whatever else is lost', async () => {
    const { memory, store } = await open()
    await store.put(KEY, contentOf(Buffer.from('kept')))
    const image = memory.crash({ bytes: 'lost', names: 'lost', random })
    const again = await DirectoryStore.open(image, '/archive', random)
    expect(await again.get(KEY, 0)).toEqual(Buffer.from('kept'))
    await again.delete(KEY)
    const later = image.crash({ bytes: 'lost', names: 'lost', random })
    expect(await list(await DirectoryStore.open(later, '/archive', random))).toEqual([])
  })

  test('a put that fails anywhere leaves the old or the new object whole', async () => {
    const old = Buffer.alloc(300, 1)
    const fresh = Buffer.alloc(900, 2)
    for (let failing = 1; ; failing++) {
      const { disk, store } = await open()
      await store.put(KEY, contentOf(old))
      let calls = 0
      disk.decide = (call: FileCall): Fault =>
        call !== 'unlink' && ++calls === failing ? { kind: 'error', code: 'EIO' } : undefined
      const failure = await store.put(KEY, contentOf(fresh)).then(
        () => undefined,
        (error: unknown) => error,
      )
      disk.decide = () => undefined
      const found = await store.get(KEY, 0)
      expect(found.equals(old) || found.equals(fresh)).toBe(true)
      expect(await list(store)).toHaveLength(1)
      if (failure === undefined) {
        expect(failing).toBeGreaterThan(4)
        return
      }
      expect(failure).toMatchObject({ code: 'STORE_FAILED' })
    }
  })

  test('half an upload is cleared away when the archive is tidied', async () => {
    const { memory, disk, store } = await open()
    disk.decide = (call) =>
      call === 'sync' || call === 'unlink' ? { kind: 'error', code: 'EIO' } : undefined
    await expect(store.put(KEY, contentOf(Buffer.from('half')))).rejects.toThrow(
      /cannot be written/,
    )
    const parts = () =>
      memory.list(`/archive/${KEY.split('/')[0]}`)?.filter(({ name }) => name.endsWith('.part'))
    expect(parts()).toHaveLength(1)
    const again = await DirectoryStore.open(memory, '/archive', random)
    expect(await list(again)).toEqual([])
    await again.tidy()
    expect(parts()).toEqual([])
  })

  test('content that is shorter than it says is refused', async () => {
    const { store } = await open()
    const content = { ...contentOf(Buffer.from('short')), size: 6 }
    await expect(store.put(KEY, content)).rejects.toThrow(/5 bytes came instead of 6/)
    expect(await list(store)).toEqual([])
  })
})
