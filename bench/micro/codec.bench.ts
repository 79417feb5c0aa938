/**
 * Compiled readers and writers beside the interpreter, for the messages that carry the load.
 *
 *   npm run build && npx tsx bench/micro/codec.bench.ts
 *
 * Values are checked before anything is timed. Figures of one machine say little: look at the ratio
 * of the two ways, which decides whether the emitters are worth having.
 */
import { deepStrictEqual } from 'node:assert/strict'
import {
  FetchRequest,
  FetchResponse,
  interpretRead,
  interpretWrite,
  type Message,
  MetadataResponse,
  ProduceRequest,
  Reader,
  readerOf,
  Writer,
  writerOf,
} from '@ottla/protocol'
import { printTimings, time } from './time.ts'

const topicId = 'jzretXQu327KRJSVVTokTA'
const PARTITIONS = 50
const list = <T>(make: (index: number) => T): T[] =>
  Array.from({ length: PARTITIONS }, (_, i) => make(i))

const fetchRequest = {
  maxWaitMs: 500,
  minBytes: 1,
  topics: [
    {
      topicId,
      partitions: list((partition) => ({
        partition,
        fetchOffset: 10 ** 9 + partition,
        partitionMaxBytes: 1 << 20,
      })),
    },
  ],
}
const fetchResponse = {
  throttleTimeMs: 0,
  responses: [
    {
      topicId,
      partitions: list((partitionIndex) => ({
        partitionIndex,
        errorCode: 0,
        highWatermark: 10 ** 9,
        lastStableOffset: 10 ** 9,
        logStartOffset: 0,
        abortedTransactions: null,
        records: Buffer.alloc(1000, partitionIndex),
      })),
    },
  ],
}
const produceRequest = {
  transactionalId: null,
  acks: -1,
  timeoutMs: 30_000,
  topicData: [
    { topicId, partitionData: list((index) => ({ index, records: Buffer.alloc(1000, index) })) },
  ],
}
const metadataResponse = {
  brokers: list((nodeId) => ({ nodeId, host: `broker-${nodeId}.example.org`, port: 9092 })),
  topics: list((i) => ({
    errorCode: 0,
    name: `topic-${i}`,
    topicId,
    partitions: [
      {
        errorCode: 0,
        partitionIndex: 0,
        leaderId: i,
        replicaNodes: [1, 2, 3],
        isrNodes: [1, 2, 3],
        offlineReplicas: [],
      },
    ],
  })),
}

const cases = [
  [FetchRequest, 17, fetchRequest],
  [FetchResponse, 17, fetchResponse],
  [ProduceRequest, 13, produceRequest],
  [MetadataResponse, 13, metadataResponse],
] as unknown as [Message, number, never][]

for (const [message, version, value] of cases) {
  const [read, write] = [readerOf(message, version), writerOf(message, version)]
  const written = (run: (writer: Writer) => void): Buffer => {
    const writer = new Writer()
    run(writer)
    return Buffer.concat(writer.finish())
  }
  const bytes = written((writer) => write(writer, value))
  deepStrictEqual(
    bytes,
    written((writer) => interpretWrite(message, version, writer, value)),
  )
  deepStrictEqual(
    { ...read(new Reader(bytes)) },
    interpretRead(message, version, new Reader(bytes)),
  )
  const finish = (run: (writer: Writer) => void) => () => {
    const writer = new Writer()
    run(writer)
    return writer.finish()
  }
  const timings = time([
    { name: 'read, compiled', count: 1, run: () => read(new Reader(bytes)) },
    {
      name: 'read, interpreted',
      count: 1,
      run: () => interpretRead(message, version, new Reader(bytes)),
    },
    { name: 'write, compiled', count: 1, run: finish((writer) => write(writer, value)) },
    {
      name: 'write, interpreted',
      count: 1,
      run: finish((writer) => interpretWrite(message, version, writer, value)),
    },
  ])
  printTimings(`${message.name} v${version}, ${bytes.length} bytes`, 'message', timings)
}
