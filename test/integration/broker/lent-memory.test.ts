/**
 * Answers to consumers that read slowly refer to memory of the tail cache. Meanwhile a producer
 * writes many times what the cache holds, so that its memory is used again as soon as it may be:
 * every batch must arrive as it was sent.
 */
import { connect, type Socket } from 'node:net'
import { FrameSplitter } from '@ottla/network'
import {
  apis,
  BatchBuilder,
  baseOffsetOf,
  batchSizeOf,
  contiguousRecords,
  decodeResponse,
  encodeRequest,
  isBatchCrcValid,
  type RequestInputOf,
} from '@ottla/protocol'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startTestBroker, type TestBroker } from '../support/broker.ts'

const TOPIC = 'lent'
const BATCH_BYTES = 60_000
const ROUNDS = 4
const BATCHES_PER_ROUND = 100
const READERS = 3
/** Together more than the buffers of a socket on both sides take. */
const ANSWERS_OWED = 4

let broker: TestBroker

beforeAll(async () => {
  broker = await startTestBroker({ 'tail.cache.bytes.max': '7000000' })
}, 60_000)
afterAll(() => broker.stop())

interface PromiseSettlers {
  readonly resolve: (frame: Buffer) => void
  readonly reject: (error: Error) => void
}

/** A connection whose reading is stopped and begun by hand. */
class SlowWire implements Disposable {
  private readonly socket: Socket
  private readonly splitter = new FrameSplitter()
  private readonly waiting: PromiseSettlers[] = []

  constructor(bootstrap: string) {
    const [host, port] = bootstrap.split(':')
    this.socket = connect(Number(port), host)
    this.socket.on('data', (chunk) => {
      this.splitter.push(chunk, (frame) => this.waiting.shift()?.resolve(Buffer.from(frame)))
    })
    this.socket.on('close', () => {
      for (const { reject } of this.waiting.splice(0)) reject(new Error('closed by the broker'))
    })
  }

  pause(): void {
    this.socket.pause()
  }

  resume(): void {
    this.socket.resume()
  }

  send(...request: Parameters<typeof encodeRequest>): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ resolve, reject })
      this.socket.write(Buffer.concat(encodeRequest(...request)))
    })
  }

  [Symbol.dispose](): void {
    this.socket.destroy()
  }
}

const header = { correlationId: 1, clientId: 'lent' }

function produceBody(seed: number): RequestInputOf<typeof apis.produce> {
  const builder = new BatchBuilder()
  builder.append(Date.now(), null, Buffer.alloc(BATCH_BYTES, seed))
  const partitionData = [{ index: 0, records: builder.finish() }]
  return { acks: -1, timeoutMs: 30_000, topicData: [{ name: TOPIC, partitionData }] }
}

async function produceMany(wire: SlowWire): Promise<void> {
  const answers = Array.from({ length: BATCHES_PER_ROUND }, (_, i) =>
    wire.send(apis.produce, 9, header, produceBody(i)),
  )
  for (const frame of await Promise.all(answers)) {
    const { responses } = decodeResponse(apis.produce, 9, frame)
    expect(responses[0]?.partitionResponses[0]?.errorCode).toBe(0)
  }
}

const fetchBody = (offset: number): RequestInputOf<typeof apis.fetch> => ({
  maxWaitMs: 10_000,
  minBytes: 1,
  maxBytes: 8_000_000,
  topics: [
    {
      topic: TOPIC,
      partitions: [{ partition: 0, fetchOffset: offset, partitionMaxBytes: 8_000_000 }],
    },
  ],
})

/** Checks every batch of an answer; returns how many there were. */
function checkBatches(frame: Buffer, fromOffset: number): number {
  const { responses } = decodeResponse(apis.fetch, 11, frame)
  const records = contiguousRecords(responses[0]?.partitions[0]?.records ?? null)
  let count = 0
  for (let at = 0; at < records.length; at += batchSizeOf(records, at)) {
    expect(baseOffsetOf(records, at)).toBe(fromOffset + count)
    expect(isBatchCrcValid(records, at)).toBe(true)
    count++
  }
  return count
}

it('batches that slow readers are owed stay as they were', async () => {
  using producer = new SlowWire(broker.bootstrap)
  const metadata = { topics: [{ name: TOPIC }], allowAutoTopicCreation: true }
  await producer.send(apis.metadata, 9, header, metadata)
  const readers = Array.from({ length: READERS }, () => new SlowWire(broker.bootstrap))
  try {
    let read = 0
    for (let round = 0; round < ROUNDS; round++) {
      // Two times as many batches come in each round as its answers hold.
      const offset = round * 2 * BATCHES_PER_ROUND
      await produceMany(producer)
      for (const reader of readers) reader.pause()
      const owed = readers.flatMap((reader) =>
        Array.from({ length: ANSWERS_OWED }, () =>
          reader.send(apis.fetch, 11, header, fetchBody(offset)),
        ),
      )
      // The answers fill the sockets' buffers; the rest stays with the broker while this goes on.
      await produceMany(producer)
      for (const reader of readers) reader.resume()
      for (const frame of await Promise.all(owed)) read += checkBatches(frame, offset)
    }
    expect(read).toBeGreaterThanOrEqual(ROUNDS * READERS * ANSWERS_OWED * BATCHES_PER_ROUND)
  } finally {
    for (const reader of readers) reader[Symbol.dispose]()
  }
}, 120_000)
