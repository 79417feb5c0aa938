/**
 * What the broker does with bytes: orderly, hostile and half-sent ones. Holds for Apache Kafka too.
 */
import { connect, type Socket } from 'node:net'
import {
  apis,
  BatchBuilder,
  decodeResponse,
  encodeRequest,
  errorName,
  type RequestInputOf,
} from '@ottla/protocol'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTestBroker, type TestBroker } from '../support/broker.ts'

let broker: TestBroker

beforeAll(async () => {
  broker = await startTestBroker({ 'auto.create.topics.enable': 'true' })
}, 60_000)
afterAll(() => broker.stop())

/** A bare connection: writes what it is given, collects frames, notices the end. */
class Wire implements Disposable {
  readonly frames: Buffer[] = []
  isClosed = false
  private readonly socket: Socket
  private pending = Buffer.alloc(0)
  private wake: () => void = () => {}

  constructor(bootstrap: string) {
    const [host, port] = bootstrap.split(':')
    this.socket = connect(Number(port), host)
    this.socket.on('data', (chunk) => this.receive(chunk))
    this.socket.on('close', () => {
      this.isClosed = true
      this.wake()
    })
    this.socket.on('error', () => {})
  }

  private receive(chunk: Buffer): void {
    this.pending = Buffer.concat([this.pending, chunk])
    while (this.pending.length >= 4) {
      const size = this.pending.readInt32BE(0)
      if (this.pending.length < size + 4) break
      this.frames.push(this.pending.subarray(4, size + 4))
      this.pending = this.pending.subarray(size + 4)
    }
    this.wake()
  }

  write(bytes: Buffer): void {
    this.socket.write(bytes)
  }

  /** Waits until `count` frames have come, or the connection has been closed. */
  async until(count: number): Promise<void> {
    const deadline = Date.now() + 15_000
    while (this.frames.length < count && !this.isClosed) {
      if (Date.now() > deadline) throw new Error(`${this.frames.length} of ${count} frames came`)
      await new Promise<void>((resolve) => {
        this.wake = resolve
        setTimeout(resolve, 100)
      })
    }
  }

  [Symbol.dispose](): void {
    this.socket.destroy()
  }
}

const frame = (...parts: Parameters<typeof encodeRequest>) => Buffer.concat(encodeRequest(...parts))
const header = (correlationId: number) => ({ correlationId, clientId: 'wire' })

const batch = (value: string): Buffer => {
  const builder = new BatchBuilder()
  builder.append(Date.now(), null, value)
  return builder.finish()
}

const produceBody = (
  topic: string,
  records: Buffer | null,
  acks = -1,
): RequestInputOf<typeof apis.produce> => ({
  acks,
  timeoutMs: 10_000,
  topicData: [{ name: topic, partitionData: [{ index: 0, records }] }],
})

async function createTopic(wire: Wire, name: string): Promise<void> {
  const before = wire.frames.length
  const topics = [{ name, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }]
  wire.write(frame(apis.createTopics, 7, header(1), { topics }))
  await wire.until(before + 1)
  for (let tries = 0; tries < 100; tries++) {
    const asked = wire.frames.length
    wire.write(frame(apis.metadata, 9, header(2), { topics: [{ name }] }))
    await wire.until(asked + 1)
    const answer = decodeResponse(apis.metadata, 9, wire.frames.at(-1) as Buffer)
    if (answer.topics[0]?.errorCode === 0 && answer.topics[0].partitions[0]?.leaderId === 1) return
  }
  throw new Error(`${name} got no leader`)
}

describe('a connection', () => {
  it('answers pipelined requests in the order they came', async () => {
    using wire = new Wire(broker.bootstrap)
    await createTopic(wire, 'ordered')
    const before = wire.frames.length
    for (let id = 100; id < 130; id++) {
      wire.write(
        id % 3 === 0
          ? frame(apis.produce, 9, header(id), produceBody('ordered', batch(`v${id}`)))
          : frame(apis.metadata, 9, header(id), { topics: [] }),
      )
    }
    await wire.until(before + 30)
    const ids = wire.frames.slice(before).map((bytes) => bytes.readInt32BE(0))
    expect(ids).toEqual(Array.from({ length: 30 }, (_, i) => 100 + i))
  })

  it('takes a request in single bytes', async () => {
    using wire = new Wire(broker.bootstrap)
    for (const byte of frame(apis.apiVersions, 0, header(7), {} as never)) {
      wire.write(Buffer.from([byte]))
      await new Promise((resolve) => setImmediate(resolve))
    }
    await wire.until(1)
    expect(decodeResponse(apis.apiVersions, 0, wire.frames[0] as Buffer).errorCode).toBe(0)
  })

  it('is told in version 0 when its ApiVersions is too new', async () => {
    using wire = new Wire(broker.bootstrap)
    const request = frame(apis.apiVersions, 3, header(9), {
      clientSoftwareName: 'x',
      clientSoftwareVersion: '1',
    })
    request.writeInt16BE(99, 6)
    wire.write(request)
    await wire.until(1)
    const answer = decodeResponse(apis.apiVersions, 0, wire.frames[0] as Buffer)
    expect(errorName(answer.errorCode)).toBe('UNSUPPORTED_VERSION')
    expect(answer.apiKeys.map((api) => api.apiKey)).toEqual([18])
  })

  it('gets no answer to acks=0, and is closed when that fails', async () => {
    using wire = new Wire(broker.bootstrap)
    await createTopic(wire, 'fire-and-forget')
    const before = wire.frames.length
    wire.write(frame(apis.produce, 9, header(50), produceBody('fire-and-forget', batch('x'), 0)))
    wire.write(frame(apis.metadata, 9, header(51), { topics: [] }))
    await wire.until(before + 1)
    expect(wire.frames.at(-1)?.readInt32BE(0)).toBe(51)
    wire.write(frame(apis.produce, 9, header(52), produceBody('does-not-exist', batch('x'), 0)))
    await wire.until(before + 2)
    expect(wire.isClosed).toBe(true)
  })
})

const int32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}

describe('hostile bytes', () => {
  const cut = frame(apis.metadata, 9, header(1), { topics: [{ name: 'x' }] })
  const bomb = Buffer.concat([
    frame(apis.metadata, 4, header(1), { topics: [] }).subarray(4, -5),
    int32(0x7fffffff),
    Buffer.from([1]),
  ])
  it.each([
    ['a negative size', int32(-1)],
    ['a size above the limit', int32(0x7fffffff)],
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n')],
    [
      'an unknown api key',
      Buffer.concat([int32(10), Buffer.from([0x7f, 0, 0, 0, 0, 0, 0, 1, 0, 0])]),
    ],
    [
      'a version that is not served',
      Buffer.concat([int32(10), Buffer.from([0, 1, 0x7f, 0, 0, 0, 0, 1, 0, 0])]),
    ],
    ['an array of two thousand million', Buffer.concat([int32(bomb.length), bomb])],
    ['a body that is cut off', Buffer.concat([int32(cut.length - 6), cut.subarray(4, -2)])],
  ])('%s closes the connection and nothing else', async (_, bytes) => {
    using wire = new Wire(broker.bootstrap)
    using bystander = new Wire(broker.bootstrap)
    wire.write(bytes)
    await wire.until(1)
    expect(wire.isClosed).toBe(true)
    bystander.write(frame(apis.metadata, 9, header(3), { topics: [] }))
    await bystander.until(1)
    expect(bystander.frames).toHaveLength(1)
  })
})

describe('produce', () => {
  const tampered = () => {
    const bytes = batch('x')
    bytes[bytes.length - 1] = (bytes.at(-1) as number) ^ 1
    return bytes
  }
  const counted = () => {
    const bytes = batch('x')
    bytes.writeInt32BE(5, 57)
    return bytes
  }
  it.each([
    ['a batch whose checksum is wrong', tampered, 'CORRUPT_MESSAGE'],
    ['no batch at all', () => Buffer.alloc(0), 'INVALID_RECORD'],
    ['two batches', () => Buffer.concat([batch('a'), batch('b')]), 'INVALID_RECORD'],
    ['a batch that miscounts its records', counted, 'CORRUPT_MESSAGE'],
  ])('refuses %s and keeps the connection', async (_, records, error) => {
    using wire = new Wire(broker.bootstrap)
    await createTopic(wire, 'refusals')
    const before = wire.frames.length
    wire.write(frame(apis.produce, 9, header(60), produceBody('refusals', records())))
    await wire.until(before + 1)
    if (wire.isClosed) {
      // Apache Kafka cannot even parse some of these and closes instead of answering.
      expect(['INVALID_RECORD', 'CORRUPT_MESSAGE']).toContain(error)
      return
    }
    const answer = decodeResponse(apis.produce, 9, wire.frames.at(-1) as Buffer)
    const code = answer.responses[0]?.partitionResponses[0]?.errorCode ?? -1
    expect(['INVALID_RECORD', 'CORRUPT_MESSAGE']).toContain(errorName(code))
    wire.write(frame(apis.metadata, 9, header(61), { topics: [] }))
    await wire.until(before + 2)
    expect(wire.isClosed).toBe(false)
  })

  it.each([2, 5, -2])('refuses acks=%i', async (acks) => {
    using wire = new Wire(broker.bootstrap)
    await createTopic(wire, 'acks')
    const before = wire.frames.length
    wire.write(frame(apis.produce, 9, header(70), produceBody('acks', batch('x'), acks)))
    await wire.until(before + 1)
    const answer = decodeResponse(apis.produce, 9, wire.frames.at(-1) as Buffer)
    const code = answer.responses[0]?.partitionResponses[0]?.errorCode ?? -1
    expect(errorName(code)).toBe('INVALID_REQUIRED_ACKS')
  })
})
