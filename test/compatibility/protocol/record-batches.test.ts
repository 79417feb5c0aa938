/** Record batches between us and Apache Kafka, every codec, both directions. */
import { SeededRandom, ZERO_UUID } from '@ottla/base'
import {
  BatchBuilder,
  buildEndTransactionMarker,
  buildKRaftVersion,
  buildLeaderChange,
  buildSnapshotFooter,
  buildSnapshotHeader,
  buildVoters,
  COMPRESSION,
  loadCodec,
  type RecordBatch,
  readBatches,
  recompress,
} from '@ottla/protocol'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Judge } from './judge.ts'

interface JsonRecord {
  readonly offset?: number
  readonly timestamp: number
  readonly key: string | null
  readonly value: string | null
  readonly headers: readonly { readonly key: string; readonly value: string | null }[]
}

interface JsonBatch {
  readonly error?: string
  readonly records: readonly JsonRecord[]
}

let judge: Judge

beforeAll(async () => {
  judge = await Judge.start()
  await loadCodec(COMPRESSION.zstd)
})
afterAll(() => judge?.[Symbol.asyncDispose]())

const text = (data: Buffer | null): string | null => data?.toString('base64') ?? null
const data = (base64: string | null): Buffer | null =>
  base64 === null ? null : Buffer.from(base64, 'base64')

function randomData(random: SeededRandom): string | null {
  const kind = random.integer(8)
  if (kind === 0) return null
  if (kind === 1) return ''
  const size = kind === 2 ? 70_000 : 200
  const isText = random.chance(0.6)
  if (isText)
    return text(Buffer.from('some words that repeat, '.repeat(1 + random.integer(size / 20))))
  return text(Buffer.from(random.bytes(random.integer(size))))
}

function randomRecords(random: SeededRandom): JsonRecord[] {
  const spread = random.pick([0, 1000, 10 ** 12])
  return Array.from({ length: 1 + random.integer(40) }, () => ({
    timestamp: 1_790_000_000_000 + random.integer(1 + spread) - Math.floor(spread / 2),
    key: randomData(random),
    value: randomData(random),
    headers: Array.from({ length: random.chance(0.3) ? random.integer(4) : 0 }, () => ({
      key: random.pick(['', 'trace', 'größe']),
      value: randomData(random),
    })),
  }))
}

function randomFields(random: SeededRandom) {
  const isIdempotent = random.chance(0.5)
  return {
    baseOffset: random.pick([0, 5, 2 ** 40]),
    leaderEpoch: random.pick([-1, 0, 7]),
    producerId: isIdempotent ? random.pick([0, 2 ** 45]) : -1,
    producerEpoch: isIdempotent ? random.integer(32767) : -1,
    baseSequence: isIdempotent ? random.pick([0, 2 ** 31 - 5]) : -1,
    isTransactional: isIdempotent && random.chance(0.5),
  }
}

function build(records: readonly JsonRecord[], compression: number, fields: object): Buffer {
  const builder = new BatchBuilder({ compression })
  for (const { timestamp, key, value, headers } of records) {
    const own = headers.map((header) => ({ key: header.key, value: data(header.value) }))
    builder.append(timestamp, data(key), data(value), own)
  }
  return builder.finish(fields)
}

/** A batch of ours in the words of the Java program. */
function batchJson(batch: RecordBatch): JsonBatch {
  expect(batch.isCrcValid).toBe(true)
  const { baseOffset, lastOffset, leaderEpoch, compression, maxTimestamp, isLogAppendTime } = batch
  const { isTransactional, isControl, producerId, producerEpoch, baseSequence } = batch
  const facts = { baseOffset, lastOffset, leaderEpoch, compression, maxTimestamp, isLogAppendTime }
  const producer = { isTransactional, isControl, producerId, producerEpoch, baseSequence }
  const records = batch.records().map(({ offset, timestamp, key, value, headers }) => ({
    offset,
    timestamp,
    key: text(key),
    value: text(value),
    headers: headers.map((header) => ({ key: header.key, value: text(header.value) })),
  }))
  return { ...facts, ...producer, recordsCount: batch.recordsCount, records } as JsonBatch
}

const readByJava = (bytes: Buffer): Promise<JsonBatch[]> =>
  judge.ask({ op: 'readBatch', bytes: bytes.toString('base64') })

async function writtenByJava(request: object): Promise<Buffer> {
  const answer = await judge.ask<{ readonly bytes: string; readonly error?: string }>(request)
  expect(answer.error).toBeUndefined()
  return Buffer.from(answer.bytes, 'base64')
}

describe.each(Object.entries(COMPRESSION))('batches packed with %s', (_, compression) => {
  test('are read by Apache Kafka as we wrote them', async () => {
    for (let seed = 1; seed <= 25; seed++) {
      const random = new SeededRandom(seed)
      const bytes = build(randomRecords(random), compression, randomFields(random))
      expect(await readByJava(bytes), `seed ${seed}`).toEqual(readBatches(bytes).map(batchJson))
    }
  })

  test('are read by us as Apache Kafka wrote them, at every level', async () => {
    for (let seed = 1; seed <= 25; seed++) {
      const random = new SeededRandom(seed + 100)
      const records = randomRecords(random)
      const isLogAppendTime = random.chance(0.3)
      const fields = randomFields(random)
      const request = {
        ...fields,
        compression,
        level: random.pick([0, 1, 9]),
        records,
        isLogAppendTime,
        logAppendTime: isLogAppendTime ? 1_790_000_000_999 : -1,
      }
      const bytes = await writtenByJava({ op: 'writeBatch', ...request })
      const [batch] = readBatches(bytes) as [RecordBatch]
      expect([batchJson(batch)], `seed ${seed}`).toEqual(await readByJava(bytes))
      const plain = batchJson(batch).records.map(({ offset, timestamp, ...rest }) => rest)
      expect(plain).toEqual(records.map(({ timestamp, ...rest }) => rest))
      if (compression === COMPRESSION.none && !isLogAppendTime) {
        const ours = build(records, compression, fields)
        expect(ours.toString('hex'), `seed ${seed}`).toBe(bytes.toString('hex'))
      }
    }
  })

  test('are read by Apache Kafka after we changed their codec', async () => {
    const records = randomRecords(new SeededRandom(5))
    for (const to of Object.values(COMPRESSION)) {
      const bytes = recompress(build(records, compression, {}), to, { sizeMax: 1 << 26 })
      expect(await readByJava(bytes)).toEqual(readBatches(bytes).map(batchJson))
    }
  })
})

describe('control batches', () => {
  const place = { timestamp: 1_790_000_000_123, baseOffset: 17, leaderEpoch: 4 }
  const voters = [{ voterId: 3 }, { voterId: 4 }]
  const end = { producerId: 99, producerEpoch: 3, coordinatorEpoch: 12 }
  const change = { version: 0, leaderId: 3, voters, grantingVoters: voters.slice(0, 1) }
  const set = [
    {
      voterId: 3,
      voterDirectoryId: ZERO_UUID,
      endpoints: [{ name: 'CONTROLLER', host: '::1', port: 65535 }],
      kRaftVersionFeature: { minSupportedVersion: 0, maxSupportedVersion: 1 },
    },
  ]
  const cases: [string, object, Buffer][] = [
    ['COMMIT', end, buildEndTransactionMarker({ ...end, isCommit: true }, place)],
    ['ABORT', end, buildEndTransactionMarker({ ...end, isCommit: false }, place)],
    ['LEADER_CHANGE', change, buildLeaderChange(change, place)],
    [
      'SNAPSHOT_HEADER',
      { version: 0, lastContainedLogTimestamp: 77 },
      buildSnapshotHeader(77, place),
    ],
    ['SNAPSHOT_FOOTER', { version: 0 }, buildSnapshotFooter(place)],
    ['KRAFT_VERSION', { version: 0, kRaftVersion: 1 }, buildKRaftVersion(1, place)],
    ['KRAFT_VOTERS', { version: 0, voters: set }, buildVoters(set, place)],
  ]
  test.each(cases)('%s is the same to the byte', async (type, value, ours) => {
    const bytes = await writtenByJava({ op: 'writeControl', type, value, ...place })
    expect(ours.toString('hex')).toBe(bytes.toString('hex'))
  })
})
