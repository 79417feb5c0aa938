/**
 * The least that any client in Node must do: bytes that are ready go to the socket, bytes that
 * come are taken from it and counted by the headers of their batches, one batch compressed or
 * decompressed where the load says so. No record is made or looked at, no checksum is computed,
 * nothing is copied. How far a peer is from this is the most that anybody can be better.
 */
import { createConnection, type Socket } from 'node:net'
import {
  apis,
  BATCH_OVERHEAD,
  BatchBuilder,
  batchSizeOf,
  COMPRESSION,
  type CompressionName,
  compress,
  decodeResponse,
  decompress,
  encodeRequest,
  lastOffsetOf,
  loadCodec,
  recordsCountOf,
} from '@ottla/protocol'

interface Options {
  readonly bootstrap: string
  readonly topic: string
  readonly size: number
  readonly codec: CompressionName
}

const HEADER = { correlationId: 1, clientId: 'bare' }
const FETCH_VERSION = 12
const PRODUCE_VERSION = 11
const FETCH_BYTES = 4 * 1024 * 1024
const LENGTH_SIZE = 4
/** Holds a whole answer to a Fetch. */
const READ_SIZE = 2 * FETCH_BYTES
const DECOMPRESSED_BYTES_MAX = 64 * 1024 * 1024

/** A socket that reads into one piece of memory and shows each frame once it is whole. */
function openBare(bootstrap: string, onFrame: (frame: Buffer) => void): Promise<Socket> {
  const memory = Buffer.allocUnsafeSlow(READ_SIZE)
  let filled = 0
  const take = (count: number): boolean => {
    filled += count
    let at = 0
    while (filled - at >= LENGTH_SIZE) {
      const end = at + LENGTH_SIZE + memory.readInt32BE(at)
      if (end > filled) break
      onFrame(memory.subarray(at + LENGTH_SIZE, end))
      at = end
    }
    memory.copyWithin(0, at, filled)
    filled -= at
    return true
  }
  const [host, port] = bootstrap.split(':')
  return new Promise((resolve, reject) => {
    const socket = createConnection({
      host: host as string,
      port: Number(port),
      noDelay: true,
      onread: { buffer: () => memory.subarray(filled), callback: take },
    })
    socket.once('connect', () => resolve(socket)).once('error', reject)
  })
}

const write = (socket: Socket, chunks: readonly Buffer[]): void => {
  socket.cork()
  for (const chunk of chunks) socket.write(chunk)
  socket.uncork()
}

export async function openProducer({ bootstrap, topic, codec }: Options) {
  await loadCodec(COMPRESSION[codec])
  const waiting: (() => void)[] = []
  const socket = await openBare(bootstrap, (frame) => {
    const { responses } = decodeResponse(apis.produce, PRODUCE_VERSION, frame)
    const errorCode = responses[0]?.partitionResponses[0]?.errorCode
    if (errorCode !== 0) throw new Error(`Produce answered ${errorCode}`)
    waiting.shift()?.()
  })
  const frames = new Map<readonly Buffer[], Buffer[]>()
  const frameOf = (values: readonly Buffer[]): Buffer[] => {
    const builder = new BatchBuilder({ compression: COMPRESSION[codec] })
    for (const value of values) builder.append(Date.now(), null, value)
    const partitionData = [{ index: 0, records: builder.finish() }]
    const topicData = [{ name: topic, partitionData }]
    const body = { transactionalId: null, acks: -1, timeoutMs: 30_000, topicData }
    return encodeRequest(apis.produce, PRODUCE_VERSION, HEADER, body)
  }
  return {
    send: (values: readonly Buffer[]) => {
      const known = frames.get(values)
      const frame = known ?? frameOf(values)
      if (!known) frames.set(values, frame)
      // The codec's work is done anew, if not with the very same bytes.
      else if (codec !== 'none') compress(COMPRESSION[codec], Buffer.concat(values))
      write(socket, frame)
      return new Promise<void>((resolve) => waiting.push(resolve))
    },
    close: async () => void socket.destroy(),
  }
}

export async function openConsumer({ bootstrap, topic, size, codec }: Options) {
  await loadCodec(COMPRESSION[codec])
  return {
    run: (onRecords: (count: number, bytes: number) => void) =>
      new Promise<void>((_resolve, reject) => {
        let next = 0
        const ask = (socket: Socket) => write(socket, fetchRequest(topic, next))
        const opened = openBare(bootstrap, (frame) => {
          const { responses } = decodeResponse(apis.fetch, FETCH_VERSION, frame)
          const records = responses[0]?.partitions[0]?.records
          if (!Buffer.isBuffer(records)) throw new Error('Fetch answered no records')
          for (let at = 0; at + BATCH_OVERHEAD < records.length; ) {
            const end = at + batchSizeOf(records, at)
            if (end > records.length) break
            if (codec !== 'none') {
              const body = records.subarray(at + BATCH_OVERHEAD, end)
              decompress(COMPRESSION[codec], body, { sizeMax: DECOMPRESSED_BYTES_MAX })
            }
            const count = recordsCountOf(records, at)
            next = lastOffsetOf(records, at) + 1
            onRecords(count, count * size)
            at = end
          }
          opened.then(ask, reject)
        })
        opened.then(ask, reject)
      }),
    close: async () => undefined,
  }
}

function fetchRequest(topic: string, fetchOffset: number): Buffer[] {
  const partition = { partition: 0, fetchOffset, partitionMaxBytes: FETCH_BYTES }
  return encodeRequest(apis.fetch, FETCH_VERSION, HEADER, {
    ...{ replicaId: -1, maxWaitMs: 500, minBytes: 1, maxBytes: FETCH_BYTES },
    ...{ isolationLevel: 0, sessionId: 0, sessionEpoch: -1, forgottenTopicsData: [], rackId: '' },
    topics: [{ topic, partitions: [partition] }],
  })
}
