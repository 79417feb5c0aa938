import { SeededRandom, silentLogger, VirtualClock } from '@ottla/base'
import { openMetadataFrame } from '@ottla/protocol'
import {
  defaultLogConfig,
  LogDirectories,
  MemoryFileSystem,
  readWholeFile,
  writeAndSync,
} from '@ottla/storage'
import { describe, expect, it } from 'vitest'
import { initialLevels, releaseFault, releases } from '../features.ts'
import { imageRecords } from './image-records.ts'
import { MetadataImage } from './metadata-image.ts'
import { encodeMetadataRecord, type MetadataRecord, metadataRecord } from './metadata-record.ts'
import { listSnapshots, readSnapshot } from './metadata-snapshot.ts'
import type { SnapshotSettings } from './metadata-snapshots.ts'
import { MetadataStore } from './metadata-store.ts'

const FOLDER = '/data/__cluster_metadata-0'
const HOUR_MS = 3_600_000
const ID = 'AAECAwQFBgcICQoLDA0ODw'

const KEEPS_ALL: SnapshotSettings = {
  recordBytesMax: 1_000_000,
  intervalMsMax: HOUR_MS,
  retentionBytes: -1,
  retentionMs: -1,
}

interface World {
  readonly fileSystem: MemoryFileSystem
  readonly clock: VirtualClock
}

interface Opened extends AsyncDisposable {
  readonly store: MetadataStore
  readonly image: MetadataImage
  readonly logs: LogDirectories
  /** Commits records and waits for the snapshot they may bring about. */
  commit(...records: MetadataRecord[]): Promise<void>
}

const world = (): World => ({ fileSystem: new MemoryFileSystem(), clock: new VirtualClock() })

async function open(
  { fileSystem, clock }: World,
  snapshots: Partial<SnapshotSettings> = {},
  release = '4.4',
): Promise<Opened> {
  const random = new SeededRandom(1)
  const logs = await LogDirectories.open({
    fileSystem,
    clock,
    random,
    logger: silentLogger,
    logDirs: ['/data'],
    privateDir: '/private',
    nodeId: 1,
    flushPolicy: 'fsync',
    schedule: queueMicrotask,
    onFatal: (error) => {
      throw error
    },
  })
  const image = new MetadataImage()
  const store = await MetadataStore.open({
    nodeId: 1,
    logs,
    logDir: '/data',
    fileSystem,
    image,
    clock,
    random,
    logger: silentLogger,
    config: { ...defaultLogConfig, segmentBytes: 500, retentionMs: -1 },
    snapshots: { ...KEEPS_ALL, ...snapshots },
    initialLevels: initialLevels(release),
  })
  return {
    store,
    image,
    logs,
    commit: async (...records) => {
      await store.change(() => ({ records, response: undefined }))
      await store.settle()
    },
    [Symbol.asyncDispose]: () => logs.close(),
  }
}

const setting = (name: string, value: string | null) =>
  metadataRecord('ConfigRecord', { resourceType: 2, resourceName: 't', name, value })

/** One of everything an image holds. */
const EVERYTHING: readonly MetadataRecord[] = [
  metadataRecord('TopicRecord', { name: 't', topicId: ID }),
  metadataRecord('PartitionRecord', {
    partitionId: 0,
    topicId: ID,
    replicas: [1, 2],
    isr: [1],
    removingReplicas: [2],
    addingReplicas: [3],
    leader: 1,
    leaderRecoveryState: 1,
    leaderEpoch: 4,
    partitionEpoch: 5,
    directories: [ID, ID],
    eligibleLeaderReplicas: [2],
    lastKnownElr: [2],
  }),
  setting('retention.ms', '1000'),
  metadataRecord('ClientQuotaRecord', {
    entity: [
      { entityType: 'user', entityName: 'u' },
      { entityType: 'client-id', entityName: null },
    ],
    key: 'producer_byte_rate',
    value: 1.5,
    remove: false,
  }),
  metadataRecord('ProducerIdsRecord', { brokerId: 1, nextProducerId: 3000 }),
  metadataRecord('AccessControlEntryRecord', {
    id: ID,
    resourceType: 2,
    resourceName: 't',
    patternType: 3,
    principal: 'User:u',
    host: '*',
    operation: 3,
    permissionType: 3,
  }),
  metadataRecord('UserScramCredentialRecord', {
    name: 'u',
    mechanism: 1,
    salt: Buffer.from('s'),
    storedKey: Buffer.from('k'),
    serverKey: Buffer.from('v'),
    iterations: 4096,
  }),
  metadataRecord('DelegationTokenRecord', {
    owner: 'User:u',
    requester: 'User:u',
    renewers: [],
    issueTimestamp: 1,
    maxTimestamp: 2,
    expirationTimestamp: 3,
    tokenId: 'token',
  }),
  metadataRecord('RegisterControllerRecord', {
    controllerId: 1,
    incarnationId: ID,
    zkMigrationReady: false,
    endPoints: [],
    features: [],
  }),
]

/** As bytes, where fields that were left out have their defaults. */
const recordsOf = (image: MetadataImage) =>
  [...imageRecords(image)].map((record) => encodeMetadataRecord(record, 33).toString('latin1'))

describe('a snapshot', () => {
  it('is taken after so many bytes, and a start from it gives the same image', async () => {
    const disk = world()
    let before: string[]
    let lastOffset: number
    {
      await using opened = await open(disk, { recordBytesMax: 2_000 })
      await opened.store.registerBroker([{ name: 'PLAINTEXT', host: 'h', port: 9092 }])
      await opened.commit(...EVERYTHING)
      expect(listSnapshots(disk.fileSystem, FOLDER)).toHaveLength(0)
      for (let i = 0; i < 20; i++) await opened.commit(setting('retention.bytes', String(i)))
      before = recordsOf(opened.image)
      lastOffset = opened.store.lastOffset
    }
    const [snapshot] = listSnapshots(disk.fileSystem, FOLDER)
    expect(snapshot).toMatchObject({ epoch: 1 })
    expect(snapshot?.endOffset).toBeLessThanOrEqual(lastOffset + 1)
    await using again = await open(disk)
    expect(recordsOf(again.image)).toEqual(before)
    expect(again.store.leaderEpoch).toBe(2)
  })

  it('is taken after so much time, when anything changed', async () => {
    const disk = world()
    await using opened = await open(disk)
    disk.clock.advance(HOUR_MS)
    await opened.commit(setting('a', '1'))
    expect(listSnapshots(disk.fileSystem, FOLDER)).toHaveLength(1)
    await opened.commit(setting('a', '2'))
    expect(listSnapshots(disk.fileSystem, FOLDER)).toHaveLength(1)
  })

  it('is refused when a bit of it flips, and when its end is missing', async () => {
    const disk = world()
    {
      await using opened = await open(disk, { recordBytesMax: 1 })
      await opened.commit(...EVERYTHING)
    }
    const path = listSnapshots(disk.fileSystem, FOLDER).at(-1)?.path as string
    const whole = Buffer.from(readWholeFile(disk.fileSystem, path) as Buffer)
    for (const bytes of [whole.subarray(0, -80), Buffer.from(whole)]) {
      if (bytes.length === whole.length) bytes[100] = (bytes[100] as number) ^ 1
      await writeAndSync(disk.fileSystem, path, bytes)
      expect(() => readSnapshot(disk.fileSystem, path)).toThrow(/checksum|footer/)
    }
  })

  it('half written, is removed at the next start', async () => {
    const disk = world()
    {
      await using opened = await open(disk)
      await opened.commit(setting('a', '1'))
    }
    const part = `${FOLDER}/00000000000000000003-0000000001.checkpoint.part`
    await writeAndSync(disk.fileSystem, part, Buffer.from('half'))
    await using again = await open(disk)
    expect(disk.fileSystem.stat(part)).toBeUndefined()
    expect(again.image.config(2, 't')?.get('a')).toBe('1')
  })
})

describe('what snapshots replace', () => {
  it('goes when log and snapshots are too large, the newest snapshot never', async () => {
    const disk = world()
    const limits = { recordBytesMax: 300, retentionBytes: 3_000 }
    await using opened = await open(disk, limits)
    for (let i = 0; i < 200; i++) await opened.commit(setting('retention.bytes', String(i)))
    const snapshots = listSnapshots(disk.fileSystem, FOLDER)
    const log = opened.logs.get('__cluster_metadata', 0)
    expect(snapshots.length).toBeGreaterThan(0)
    expect(log?.logStartOffset).toBe(snapshots[0]?.endOffset)
    expect(log?.sizeBytes).toBeLessThan(3_500)
    const image = recordsOf(opened.image)
    await opened.logs.close()
    await using again = await open(disk, limits)
    expect(recordsOf(again.image)).toEqual(image)
  })

  it('goes when it is too old', async () => {
    const disk = world()
    await using opened = await open(disk, { recordBytesMax: 1, retentionMs: HOUR_MS })
    await opened.commit(setting('a', '1'))
    const [first] = listSnapshots(disk.fileSystem, FOLDER)
    disk.clock.advance(2 * HOUR_MS)
    await opened.commit(setting('a', '2'))
    const left = listSnapshots(disk.fileSystem, FOLDER)
    expect(left).toHaveLength(1)
    expect(left[0]?.endOffset).toBeGreaterThan(first?.endOffset as number)
  })

  it('is missed: a log whose beginning no snapshot reaches does not open', async () => {
    const disk = world()
    {
      await using opened = await open(disk, { recordBytesMax: 300, retentionBytes: 1_000 })
      for (let i = 0; i < 100; i++) await opened.commit(setting('retention.bytes', String(i)))
    }
    for (const { path } of listSnapshots(disk.fileSystem, FOLDER)) disk.fileSystem.unlink(path)
    await expect(open(disk)).rejects.toThrow(/begins at offset \d+ and no snapshot reaches it/)
  })
})

describe('levels of releases', () => {
  it.each([
    ['4.0', { 'metadata.version': 25, 'group.version': 1, 'transaction.version': 2 }],
    [
      '4.2',
      {
        'metadata.version': 29,
        'group.version': 1,
        'transaction.version': 2,
        'share.version': 1,
        'streams.version': 1,
        'eligible.leader.replicas.version': 1,
      },
    ],
  ])('a directory for %s has those that it knows', async (release, levels) => {
    await using opened = await open(world(), {}, release)
    expect(Object.fromEntries(opened.image.features)).toEqual(levels)
    const oldest = releases.find((one) => releaseFault(one, opened.image.features) === undefined)
    expect(oldest?.name).toBe(release)
  })

  it.each([
    [25, 3],
    [33, 4],
    [16, 2],
  ])('at metadata.version %i a registration is written in version %i', (level, version) => {
    const broker = {
      brokerId: 1,
      incarnationId: ID,
      brokerEpoch: 1,
      endPoints: [],
      features: [],
      rack: null,
    }
    const bytes = encodeMetadataRecord(metadataRecord('RegisterBrokerRecord', broker), level)
    expect(openMetadataFrame(bytes).version).toBe(version)
  })
})

describe('a start', () => {
  it.each([
    ['that Apache Kafka left without a leader', { leader: -1, isr: [] }],
    ['that was taken over as it stood', { leader: 1, isr: [1] }],
  ])('has no eligible replica beside the ISR of a partition %s', async (_, led) => {
    const disk = world()
    await using opened = await open(disk)
    const replicas = {
      replicas: [1],
      removingReplicas: [],
      addingReplicas: [],
      directories: [ID],
      eligibleLeaderReplicas: [1],
      lastKnownElr: [1],
    }
    const partition = { partitionId: 0, topicId: ID, leaderEpoch: 4, ...replicas, ...led }
    await opened.commit(
      metadataRecord('TopicRecord', { name: 't', topicId: ID }),
      metadataRecord('PartitionRecord', partition),
    )
    await opened.store.registerBroker([{ name: 'PLAINTEXT', host: 'h', port: 9092 }])
    expect(opened.image.topics.get('t')?.partitions[0]).toMatchObject({
      leader: 1,
      isr: [1],
      leaderEpoch: led.leader === 1 ? 4 : 5,
      eligibleLeaderReplicas: [],
      lastKnownElr: [],
    })
  })
})

describe('a metadata transaction that nobody ended', () => {
  it('is aborted by the next leader, whose records count', async () => {
    const disk = world()
    {
      await using opened = await open(disk)
      await opened.commit(metadataRecord('BeginTransactionRecord', { name: 'left open' }))
      await opened.commit(setting('never', '1'))
    }
    await using again = await open(disk)
    await again.commit(setting('after', '1'))
    expect([...(again.image.config(2, 't') ?? [])]).toEqual([['after', '1']])
  })
})
