// What a program of kafkajs does at its best settings: eachBatch, no callback for each message.
// kafkajs has neither zstd nor lz4 itself; its documentation shows how to register a codec, and the
// fastest there are get used. Works with whatever package stands for kafkajs.
import zlib from 'node:zlib'
import * as lz4 from 'lz4-napi'

export function programOf(kafkajs) {
  const { CompressionCodecs, CompressionTypes, Kafka, Partitioners, logLevel } = kafkajs
  const client = (bootstrap) =>
    new Kafka({ clientId: 'bench', brokers: [bootstrap], logLevel: logLevel.ERROR })

  CompressionCodecs[CompressionTypes.ZSTD] = () => ({
    compress: async (encoder) => zlib.zstdCompressSync(encoder.buffer),
    decompress: async (buffer) => zlib.zstdDecompressSync(buffer),
  })
  CompressionCodecs[CompressionTypes.LZ4] = () => ({
    compress: async (encoder) => lz4.compressFrameSync(encoder.buffer),
    decompress: async (buffer) => lz4.decompressFrameSync(buffer),
  })
  const COMPRESSION = {
    none: CompressionTypes.None,
    lz4: CompressionTypes.LZ4,
    zstd: CompressionTypes.ZSTD,
  }

  async function openProducer({ bootstrap, topic, codec }) {
    const producer = client(bootstrap).producer({
      createPartitioner: Partitioners.DefaultPartitioner,
    })
    await producer.connect()
    const compression = COMPRESSION[codec]
    return {
      send: (values) => {
        const messages = values.map((value) => ({ value }))
        return producer.send({ topic, acks: -1, compression, messages })
      },
      close: () => producer.disconnect(),
    }
  }

  async function openConsumer({ bootstrap, topic }) {
    const consumer = client(bootstrap).consumer({ groupId: `bench-${process.pid}-${Date.now()}` })
    await consumer.connect()
    await consumer.subscribe({ topic, fromBeginning: true })
    return {
      run: (onRecords) =>
        consumer.run({
          autoCommit: false,
          eachBatchAutoResolve: true,
          eachBatch: async ({ batch }) => {
            let bytes = 0
            for (const message of batch.messages) bytes += message.value.length
            onRecords(batch.messages.length, bytes)
          },
        }),
      close: () => consumer.disconnect(),
    }
  }

  return { openProducer, openConsumer }
}
