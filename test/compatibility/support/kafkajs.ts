/** kafkajs with all codecs, and the part of its surface the tests use, spelled as types. */
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { ensureKafkajs } from './peers.ts'

export interface KafkajsMessage {
  readonly key?: Buffer | string | null
  readonly value: Buffer | string | null
  readonly headers?: Readonly<Record<string, Buffer | string>>
  readonly partition?: number
  readonly timestamp?: string
}

export interface KafkajsReceived {
  readonly topic: string
  readonly partition: number
  readonly message: {
    readonly key: Buffer | null
    readonly value: Buffer | null
    readonly headers: Readonly<Record<string, Buffer>>
    readonly offset: string
    readonly timestamp: string
  }
}

export interface KafkajsProducer {
  connect(): Promise<void>
  disconnect(): Promise<void>
  send(record: {
    topic: string
    messages: readonly KafkajsMessage[]
    acks?: number
    compression?: number
  }): Promise<{ partition: number; errorCode: number; baseOffset: string }[]>
}

export interface KafkajsConsumer {
  connect(): Promise<void>
  disconnect(): Promise<void>
  subscribe(to: { topics: readonly string[]; fromBeginning?: boolean }): Promise<void>
  run(how: {
    autoCommit?: boolean
    eachMessage(received: KafkajsReceived): Promise<void>
  }): Promise<void>
  commitOffsets(
    offsets: readonly { topic: string; partition: number; offset: string; metadata?: string }[],
  ): Promise<void>
  seek(to: { topic: string; partition: number; offset: string }): void
  on(event: string, listener: (event: { payload: Record<string, unknown> }) => void): void
}

type Json = Record<string, unknown>
/** Calls of the admin client: arguments and answers are plain objects, checked by the tests. */
export interface KafkajsAdmin {
  connect(): Promise<void>
  disconnect(): Promise<void>
  createTopics(options: Json): Promise<boolean>
  deleteTopics(options: Json): Promise<void>
  createPartitions(options: Json): Promise<boolean>
  listTopics(): Promise<string[]>
  fetchTopicMetadata(options: Json): Promise<{ topics: { partitions: Json[]; name: string }[] }>
  fetchTopicOffsets(topic: string): Promise<Json[]>
  fetchTopicOffsetsByTimestamp(topic: string, timestamp: number): Promise<Json[]>
  deleteTopicRecords(options: Json): Promise<void>
  fetchOffsets(options: Json): Promise<{ topic: string; partitions: Json[] }[]>
  setOffsets(options: Json): Promise<void>
  resetOffsets(options: Json): Promise<void>
  describeConfigs(options: Json): Promise<{ resources: { configEntries: Json[] }[] }>
  alterConfigs(options: Json): Promise<Json>
  describeCluster(): Promise<{ clusterId: string; controller: number; brokers: Json[] }>
  listGroups(): Promise<{ groups: Json[] }>
  describeGroups(groups: readonly string[]): Promise<{ groups: Json[] }>
  deleteGroups(groups: readonly string[]): Promise<Json[]>
}

export interface Kafkajs {
  producer(options?: Json): KafkajsProducer
  consumer(options: Json): KafkajsConsumer
  admin(): KafkajsAdmin
}

export const KAFKAJS_CODECS = { none: 0, gzip: 1, snappy: 2, lz4: 3, zstd: 4 } as const

/** All that kafkajs exports; who has its types gives them to it. */
export async function kafkajsLibrary(): Promise<unknown> {
  return createRequire(join(await ensureKafkajs(), 'package.json'))('kafkajs')
}

/** A kafkajs client for a broker. */
export async function kafkajs(bootstrap: string, clientId = 'judge'): Promise<Kafkajs> {
  const require = createRequire(join(await ensureKafkajs(), 'package.json'))
  const library = require('kafkajs')
  if (!isSetUp) {
    await registerCodecs(library.CompressionCodecs)
    isSetUp = true
  }
  return new library.Kafka({
    clientId,
    brokers: [bootstrap],
    logLevel: library.logLevel.NOTHING,
    requestTimeout: 60_000,
  })
}

let isSetUp = false

interface Codec {
  compress(encoder: { buffer: Buffer }): Promise<Buffer>
  decompress(buffer: Buffer): Promise<Buffer>
}

/** Codecs kafkajs leaves to its users, from packages that are not ours either. */
export async function registerCodecs(codecs: Record<number, () => Codec>): Promise<void> {
  const require = createRequire(join(await ensureKafkajs(), 'package.json'))
  codecs[KAFKAJS_CODECS.snappy] = require('kafkajs-snappy')
  const lz4 = require('lz4-napi')
  codecs[KAFKAJS_CODECS.lz4] = () => ({
    compress: (encoder) => lz4.compressFrame(encoder.buffer),
    decompress: (buffer) => lz4.decompressFrame(buffer),
  })
  const zstd = await loadZstd(require)
  codecs[KAFKAJS_CODECS.zstd] = () => ({
    compress: async (encoder) => Buffer.from(zstd.compress(encoder.buffer, 3)),
    decompress: async (buffer) => Buffer.from(zstd.decompress(buffer)),
  })
}

interface Zstd {
  compress(bytes: Uint8Array, level: number): Uint8Array
  decompress(bytes: Uint8Array): Uint8Array
}

function loadZstd(require: NodeJS.Require): Promise<Zstd> {
  const { ZstdCodec } = require('zstd-codec')
  return new Promise((resolve) => {
    ZstdCodec.run((zstd: { Streaming: new () => Zstd }) => resolve(new zstd.Streaming()))
  })
}
