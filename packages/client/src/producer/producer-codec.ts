import {
  COMPRESSION,
  type CompressionName,
  compress,
  isCodecReady,
  loadCodec,
} from '@ottla/protocol'

/** How the records of a batch are compressed. One object for each codec of a producer. */
export class ProducerCodec {
  /** Its number in the attributes of a batch. */
  readonly id: number
  /** Undefined for no compression. What it returns is valid until the next call. */
  readonly compress: ((records: Buffer) => Buffer) | undefined
  isReady: boolean
  /** Resolves when the codec may be used; rejects when it cannot be loaded. */
  readonly loaded: Promise<void>
  private scratch = Buffer.alloc(0)

  /** Without a level the codec chooses. */
  constructor(name: CompressionName, level?: number) {
    const id = COMPRESSION[name]
    const allocate = (size: number) => this.memoryOf(size)
    this.id = id
    this.compress = id === 0 ? undefined : (records) => compress(id, records, { allocate, level })
    this.isReady = isCodecReady(id)
    this.loaded = loadCodec(id).then(() => {
      this.isReady = true
    })
    this.loaded.catch(() => {
      // Every call awaits it before it appends, and fails with the reason.
    })
  }

  private memoryOf(size: number): Buffer {
    if (size > this.scratch.length) this.scratch = Buffer.allocUnsafeSlow(size * 2)
    return this.scratch
  }
}

export class ProducerCodecs {
  /** That of records whose call names none. */
  readonly usual: ProducerCodec
  private readonly byName = new Map<CompressionName, ProducerCodec>()

  /** The level is that of the usual one. */
  constructor(usual: CompressionName, level?: number) {
    this.usual = this.get(usual, level)
  }

  get(name: CompressionName, level?: number): ProducerCodec {
    let codec = this.byName.get(name)
    if (!codec) {
      if (!Object.hasOwn(COMPRESSION, name)) {
        const names = Object.keys(COMPRESSION).join(', ')
        throw new TypeError(`compression is one of ${names}, not ${name}`)
      }
      codec = new ProducerCodec(name, level)
      this.byName.set(name, codec)
    }
    return codec
  }
}
