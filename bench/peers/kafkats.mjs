// @kafkats/client at its best settings: runBatch, values as they are, large batches. zstd and lz4
// are registered as its documentation shows, with the fastest implementations there are.
import zlib from 'node:zlib'
import { CompressionType, compressionCodecs, createLz4Codec, KafkaClient } from '@kafkats/client'
import * as lz4 from 'lz4-napi'

const compress = (bytes) => zlib.zstdCompressSync(bytes)
const decompress = (bytes) => zlib.zstdDecompressSync(bytes)
compressionCodecs.register(CompressionType.Zstd, {
  compress: async (bytes) => compress(bytes),
  decompress: async (bytes) => decompress(bytes),
  compressSync: compress,
  decompressSync: decompress,
})
compressionCodecs.register(CompressionType.Lz4, createLz4Codec(lz4))
const connect = async (bootstrap) => {
  const kafka = new KafkaClient({ clientId: 'bench', brokers: [bootstrap] })
  await kafka.connect()
  return kafka
}

export async function openProducer({ bootstrap, topic, codec, mode }) {
  const kafka = await connect(bootstrap)
  const producer = kafka.producer({
    acks: 'all',
    compression: codec,
    lingerMs: mode === 'latency' ? 0 : 5,
    maxBatchBytes: mode === 'latency' ? 16_384 : 800_000,
  })
  return {
    send: (values) =>
      producer.send(
        topic,
        values.map((value) => ({ value })),
      ),
    close: () => producer.flush(),
  }
}

export async function openConsumer({ bootstrap, topic }) {
  const consumer = (await connect(bootstrap)).consumer({
    groupId: `bench-${process.pid}-${Date.now()}`,
    autoOffsetReset: 'earliest',
    isolationLevel: 'read_uncommitted',
    checkCrcs: false,
    maxRecords: 10_000,
  })
  return {
    run: (onRecords) =>
      consumer.runBatch(
        topic,
        async (messages) => {
          let bytes = 0
          for (const message of messages) bytes += message.value.length
          onRecords(messages.length, bytes)
        },
        { autoCommit: false, commitOffsets: false },
      ),
    close: () => consumer.stop(),
  }
}
