import { beforeAll, describe, expect, it } from 'vitest'
import { readWholeFile, writeAndSync } from '../file-system.ts'
import type { MemoryFileSystem } from '../memory-file-system.ts'
import { dumpFile } from './dump-file.ts'
import { SNAPSHOT, sampleDirectory } from './testing-directory.ts'
import { verifyLogDirectory } from './verify-directory.ts'

const ORDERS = '/data/orders-0'
const METADATA = '/data/__cluster_metadata-0'

let fileSystem: MemoryFileSystem
beforeAll(async () => {
  fileSystem = await sampleDirectory()
})

const bytesOf = (path: string): Buffer => {
  const bytes = readWholeFile(fileSystem, path)
  if (!bytes) throw new Error(`no ${path}`)
  return Buffer.from(bytes)
}

/** Findings while a file has other bytes; it is whole again afterwards. */
async function findingsWith(path: string, bytes: Buffer) {
  const before = bytesOf(path)
  await writeAndSync(fileSystem, path, bytes)
  try {
    return (await verifyLogDirectory('/data', { fileSystem })).findings
  } finally {
    await writeAndSync(fileSystem, path, before)
  }
}

const filesIn = (folder: string, suffix: string): string[] =>
  (fileSystem.list(folder) ?? [])
    .map(({ name }) => name)
    .filter((name) => name.endsWith(suffix))
    .sort()

describe('a whole directory', () => {
  it('has no findings, and is counted', async () => {
    const { findings, ...report } = await verifyLogDirectory('/data', { fileSystem })
    expect(findings).toEqual([])
    expect(report).toMatchObject({ directory: '/data', wasClean: true, partitions: 5, records: 20 })
  })

  it('holds every kind of file that the table damages', () => {
    expect(filesIn(ORDERS, '.log').length).toBeGreaterThan(2)
    expect(filesIn(ORDERS, '.txnindex')).toHaveLength(1)
    expect(filesIn(ORDERS, '.snapshot').length).toBeGreaterThan(1)
  })
})

describe('one bit flipped', () => {
  const BINARY: readonly (readonly [string, string, string])[] = [
    ['a segment', ORDERS, '.log'],
    ['an offset index', ORDERS, '.index'],
    ['a time index', ORDERS, '.timeindex'],
    ['a transaction index', ORDERS, '.txnindex'],
    ['a producer snapshot', ORDERS, '.snapshot'],
    ['the metadata log', METADATA, '.log'],
    ['a metadata snapshot', METADATA, '.checkpoint'],
    ['committed offsets', '/data/__consumer_offsets-0', '.log'],
    ['the state of transactions', '/data/__transaction_state-0', '.log'],
    ['the state of share groups', '/data/__share_group_state-0', '.log'],
  ]

  const timeout = 120_000
  it.each(BINARY)('anywhere in %s is found, and the file is named', { timeout }, async (...row) => {
    const [, folder, suffix] = row
    for (const name of filesIn(folder, suffix)) {
      const path = `${folder}/${name}`
      const whole = bytesOf(path)
      for (let at = 0; at < whole.length; at++) {
        const bytes = Buffer.from(whole)
        bytes.writeUInt8((bytes[at] as number) ^ (1 << (at % 8)), at)
        const findings = await findingsWith(path, bytes)
        const named = findings.filter(
          ({ severity, file }) => severity === 'damage' && file === path,
        )
        // No checksum covers epoch and base offset of a batch: of the last one they have their
        // second witness beside the log.
        const beside = findings.filter(({ file }) => file.endsWith('-checkpoint'))
        expect([...named, ...beside].length, `${path} at ${at}`).toBeGreaterThan(0)
      }
    }
  })
})

describe('damage', () => {
  /** What, the file, its text before and after, and what is said. */
  const TEXTS: readonly (readonly [string, string, string, string, RegExp])[] = [
    ['another topic id', `${ORDERS}/partition.metadata`, 'AAEC', 'BAEC', /metadata log has AAEC/],
    ['no topic id', `${ORDERS}/partition.metadata`, 'topic_id', 'tppic_id', /no topic id/],
    [
      'an epoch',
      `${ORDERS}/leader-epoch-checkpoint`,
      '2 3',
      '2 2',
      /leader epoch 2 begins at offset 3/,
    ],
    [
      'an epoch number',
      `${ORDERS}/leader-epoch-checkpoint`,
      '2 3',
      '6 3',
      /epoch 2 .* not in the file/,
    ],
    ['a count', `${ORDERS}/leader-epoch-checkpoint`, '0\n2\n', '0\n3\n', /announces 3 entries/],
    [
      'another node',
      '/data/meta.properties',
      'node.id=1',
      'node.id=3',
      /node 3 has never registered/,
    ],
    ['another version', '/data/meta.properties', 'version=1', 'version=3', /version 3 is not 1/],
    [
      'a recovery point',
      '/data/recovery-point-offset-checkpoint',
      'orders 0 9',
      'orders 0 99',
      /log ends at 9/,
    ],
    [
      'a high watermark',
      '/data/replication-offset-checkpoint',
      'orders 0 9',
      'orders 0 x',
      /"x" is no number/,
    ],
    [
      'the quorum',
      `${METADATA}/quorum-state`,
      '"leaderEpoch":1',
      '"leaderEpoch":0',
      /below the log's 1/,
    ],
    ['no JSON', `${METADATA}/quorum-state`, '{', '[', /not JSON/],
  ]

  it.each(TEXTS)('%s is found', async (_, path, before, after, what) => {
    const text = bytesOf(path).toString()
    expect(text).toContain(before)
    const findings = await findingsWith(path, Buffer.from(text.replace(before, after)))
    expect(findings).toMatchObject([{ severity: 'damage', file: path }])
    expect(findings[0]?.what).toMatch(what)
    expect(findings[0]?.mend).toBeDefined()
  })

  it('inside a batch names position and offset, and what lies behind is read', async () => {
    const [name] = filesIn(ORDERS, '.log')
    const path = `${ORDERS}/${name}`
    const bytes = bytesOf(path)
    const size = bytes.readInt32BE(8) + 12
    bytes[size + 65] = (bytes[size + 65] as number) ^ 4
    const findings = await findingsWith(path, bytes)
    expect(findings).toMatchObject([{ severity: 'damage', file: path, position: size, offset: 1 }])
    expect(findings[0]?.what).toMatch(/^checksum does not agree; \d+ bytes are no batch/)
  })

  it('of a segment that is gone is told by the next one', async () => {
    const [, second, third] = filesIn(ORDERS, '.log')
    const path = `${ORDERS}/${second}`
    const bytes = bytesOf(path)
    fileSystem.unlink(path)
    const { findings } = await verifyLogDirectory('/data', { fileSystem })
    await writeAndSync(fileSystem, path, bytes)
    const damages = findings.filter(({ severity }) => severity === 'damage')
    const told = damages.find(({ file }) => file === `${ORDERS}/${third}`)
    expect(told?.what).toMatch(/^offsets \d+ to \d+ are in no segment$/)
  })
})

describe('what a crash leaves', () => {
  it('is a note: a torn tail, and zeros behind the indexes', async () => {
    const marker = '/data/.kafka_cleanshutdown'
    const clean = bytesOf(marker)
    fileSystem.unlink(marker)
    try {
      const last = `${ORDERS}/${filesIn(ORDERS, '.log').at(-1)}`
      const torn = await findingsWith(last, bytesOf(last).subarray(0, -5))
      expect(torn.filter(({ severity }) => severity === 'damage')).toEqual([])
      expect(torn.find(({ file }) => file === last)?.mend).toMatch(/next start cuts it off/)
      const index = `${ORDERS}/${filesIn(ORDERS, '.index').at(-1)}`
      const zeros = Buffer.concat([bytesOf(index), Buffer.alloc(800)])
      expect(await findingsWith(index, zeros)).toMatchObject([{ severity: 'note', file: index }])
    } finally {
      await writeAndSync(fileSystem, marker, clean)
    }
  })
})

describe('a dump', () => {
  const rowsOf = async (path: string) => {
    const rows = []
    for await (const row of dumpFile(path, { fileSystem, withRecords: true })) rows.push(row)
    return rows
  }

  it('shows records of internal topics by their fields', async () => {
    expect(await rowsOf('/data/__consumer_offsets-0/00000000000000000000.log')).toMatchObject([
      { row: 'batch', baseOffset: 0, count: 1 },
      {
        row: 'record',
        type: 'OffsetCommit',
        version: 3,
        key: { group: 'g' },
        value: { offset: 5 },
      },
    ])
    expect(await rowsOf(`${METADATA}/${SNAPSHOT}`)).toMatchObject([
      { row: 'batch', isControl: true },
      { row: 'record', type: 'SNAPSHOT_HEADER' },
      { row: 'batch', isControl: false },
      { row: 'record', type: 'FeatureLevelRecord', value: { featureLevel: 33 } },
      { row: 'batch', isControl: true },
      { row: 'record', type: 'SNAPSHOT_FOOTER' },
    ])
  })

  it('shows indexes, producers, epochs and checkpoints', async () => {
    const [index] = filesIn(ORDERS, '.index')
    expect((await rowsOf(`${ORDERS}/${index}`))[0]).toMatchObject({ row: 'index', offset: 1 })
    const [aborted] = filesIn(ORDERS, '.txnindex')
    expect(await rowsOf(`${ORDERS}/${aborted}`)).toMatchObject([
      { row: 'aborted', producerId: 9, firstOffset: 6, lastOffset: 7, lastStableOffset: 8 },
    ])
    expect(await rowsOf(`${ORDERS}/leader-epoch-checkpoint`)).toEqual([
      { row: 'epoch', epoch: 0, startOffset: 0 },
      { row: 'epoch', epoch: 2, startOffset: 3 },
    ])
    const points = await rowsOf('/data/recovery-point-offset-checkpoint')
    expect(points).toContainEqual({ row: 'offset', partition: 'orders-0', offset: 9 })
  })

  it('counts the zeros behind an index instead of showing them', async () => {
    const path = `${ORDERS}/${filesIn(ORDERS, '.index').at(-1)}`
    const before = bytesOf(path)
    await writeAndSync(fileSystem, path, Buffer.concat([before, Buffer.alloc(80_000)]))
    const rows = await rowsOf(path)
    await writeAndSync(fileSystem, path, before)
    expect(rows).toHaveLength(before.length / 8 + 1)
    expect(rows.at(-1)).toEqual({ row: 'zeros', position: before.length, size: 80_000 })
  })

  it('goes on behind damage, and shows where it was', async () => {
    const [name] = filesIn(ORDERS, '.log')
    const path = `${ORDERS}/${name}`
    const before = bytesOf(path)
    const bytes = Buffer.from(before)
    bytes[70] = (bytes[70] as number) ^ 1
    await writeAndSync(fileSystem, path, bytes)
    const rows = await rowsOf(path)
    await writeAndSync(fileSystem, path, before)
    expect(rows[0]).toMatchObject({ row: 'damage', position: 0, offset: 0, resumesAt: 1 })
    expect(rows[1]).toMatchObject({ row: 'batch', baseOffset: 1 })
  })
})
