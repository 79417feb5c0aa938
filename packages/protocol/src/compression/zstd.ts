/**
 * Zstandard: node:zlib where it has it (Node 22.15 and newer), else the reference library as
 * WebAssembly. The wasm takes about 10 ms to compile, so it is loaded only when `loadZstd` is
 * called, once; afterwards both directions are synchronous.
 *
 * The memory of the wasm grows to what the largest batch needed and stays so.
 */

import { createRequire } from 'node:module'
import * as zlib from 'node:zlib'
import { assert, codeOf } from '@ottla/base'
import { CorruptCompressionError, DecompressedTooLargeError } from './compression-errors.ts'

/** What a zstd implementation offers. */
export interface ZstdImplementation {
  compress(bytes: Uint8Array, level: number): Buffer
  decompress(bytes: Buffer, sizeMax: number): Buffer
}

const DEFAULT_LEVEL = 3
/** True where node:zlib does the work. */
export const isZstdNative = (): boolean => 'zstdCompressSync' in zlib

let implementation = nodeZstd()
let loading: Promise<void> | undefined

export const isZstdReady = (): boolean => implementation !== undefined

export async function loadZstd(): Promise<void> {
  if (implementation) return
  loading ??= wasmZstd().then((loaded) => {
    implementation = loaded
  })
  await loading
}

function ready(): ZstdImplementation {
  assert(implementation, 'zstd is used before loadCodec')
  return implementation
}

export const compressZstd = (bytes: Uint8Array, level = DEFAULT_LEVEL): Buffer =>
  ready().compress(bytes, level)

export const decompressZstd = (bytes: Buffer, sizeMax: number): Buffer =>
  ready().decompress(bytes, sizeMax)

interface ZlibWithZstd {
  zstdCompressSync(
    bytes: Uint8Array,
    options: { params: Record<number, number>; pledgedSrcSize: number },
  ): Buffer
  zstdDecompressSync(
    bytes: Uint8Array,
    options: { maxOutputLength: number; chunkSize: number },
  ): Buffer
  readonly constants: { readonly ZSTD_c_compressionLevel: number }
}

function nodeZstd(): ZstdImplementation | undefined {
  if (!isZstdNative()) return undefined
  const node = zlib as unknown as ZlibWithZstd
  const levelKey = node.constants.ZSTD_c_compressionLevel
  return {
    // With its size in the frame, readers know how much room the content takes.
    compress: (bytes, level) =>
      node.zstdCompressSync(bytes, {
        params: { [levelKey]: level },
        pledgedSrcSize: bytes.length,
      }),
    decompress(bytes, sizeMax) {
      const maxOutputLength = Math.max(1, sizeMax)
      // Chunks of the output are joined by another copy, so it had better fit into one.
      const chunkSize = Math.max(CAPACITY_MIN, Math.min(likelySizeOf(bytes), maxOutputLength) + 1)
      try {
        return node.zstdDecompressSync(bytes, { maxOutputLength, chunkSize })
      } catch (error) {
        if (codeOf(error) === 'ERR_BUFFER_TOO_LARGE') {
          throw new DecompressedTooLargeError('zstd', sizeMax)
        }
        throw new CorruptCompressionError('zstd', 'frame cannot be decoded', error)
      }
    },
  }
}

/** The exported functions of the C library that we call; pointers are numbers. */
interface ZstdModule {
  readonly HEAPU8: Uint8Array
  _malloc(size: number): number
  _free(pointer: number): void
  _ZSTD_compressBound(size: number): number
  _ZSTD_createCCtx(): number
  _ZSTD_compress_usingDict: ZstdCompress
  _ZSTD_decompress(to: number, capacity: number, from: number, size: number): number
  _ZSTD_isError(code: number): number
}
type ZstdCompress = (
  context: number,
  to: number,
  capacity: number,
  from: number,
  size: number,
  dictionary: number,
  dictionarySize: number,
  level: number,
) => number

/** "Destination buffer is too small", the one error that asks for another try. */
const ERROR_TARGET_TOO_SMALL = -70
const CAPACITY_MIN = 64 * 1024
/** A frame that claims to grow more is not believed before it has done so. */
const LIKELY_RATIO_MAX = 64
const GUESSED_RATIO = 6
const FRAME_MAGIC = 0xfd2fb528

/** The content size in the header of the first frame, where it is stated. */
function contentSizeOf(bytes: Buffer): number | undefined {
  if (bytes.length < 16 || bytes.readUInt32LE(0) !== FRAME_MAGIC) return undefined
  const descriptor = bytes[4] as number
  const isSingleSegment = (descriptor & 0x20) !== 0
  const dictionaryBytes = [0, 1, 2, 4][descriptor & 3] as number
  const at = 5 + (isSingleSegment ? 0 : 1) + dictionaryBytes
  switch (descriptor >>> 6) {
    case 1:
      return bytes.readUInt16LE(at) + 256
    case 2:
      return bytes.readUInt32LE(at)
    case 0:
      return isSingleSegment ? bytes[at] : undefined
    default:
      return undefined
  }
}

/** The size that the frame states, where it can be believed, else a guess. */
function likelySizeOf(bytes: Buffer): number {
  const stated = contentSizeOf(bytes)
  const isLikely = stated !== undefined && stated <= bytes.length * LIKELY_RATIO_MAX
  return isLikely ? stated : bytes.length * GUESSED_RATIO
}

let wasm: Promise<ZstdImplementation> | undefined

/** The WebAssembly implementation, made once; exported for the tests that compare the two. */
export function wasmZstd(): Promise<ZstdImplementation> {
  wasm ??= instantiate()
  return wasm
}

async function instantiate(): Promise<ZstdImplementation> {
  const require = createRequire(import.meta.url)
  const package_ = require('@bokuweb/zstd-wasm') as { init(): Promise<void> }
  await package_.init()
  // Its public functions cannot bound their output, so the C functions behind them are used; the
  // version is pinned for that reason.
  const inner = createRequire(require.resolve('@bokuweb/zstd-wasm'))
  const loaded = inner('./module') as { Module: ZstdModule }
  return new WasmZstd(loaded.Module)
}

class WasmZstd implements ZstdImplementation {
  private readonly module: ZstdModule
  /** Kept between calls: setting up a context costs more than compressing a small batch. */
  private readonly context: number

  constructor(module: ZstdModule) {
    this.module = module
    this.context = module._ZSTD_createCCtx()
  }

  /** Runs `use` with a copy of the bytes and room for the result in the memory of the wasm. */
  private withMemory<T>(
    bytes: Uint8Array,
    capacity: number,
    use: (from: number, to: number) => T,
  ): T {
    const { module } = this
    const from = module._malloc(Math.max(1, bytes.length))
    const to = module._malloc(Math.max(1, capacity))
    try {
      if (from === 0 || to === 0) throw new CorruptCompressionError('zstd', 'memory is exhausted')
      module.HEAPU8.set(bytes, from)
      return use(from, to)
    } finally {
      module._free(to)
      module._free(from)
    }
  }

  private copyOut(from: number, size: number): Buffer {
    return Buffer.from(this.module.HEAPU8.subarray(from, from + size))
  }

  compress(bytes: Uint8Array, level: number): Buffer {
    const { module, context } = this
    const capacity = module._ZSTD_compressBound(bytes.length)
    return this.withMemory(bytes, capacity, (from, to) => {
      const compress = module._ZSTD_compress_usingDict
      const size = compress(context, to, capacity, from, bytes.length, 0, 0, level)
      assert(module._ZSTD_isError(size) === 0, `zstd cannot compress: error ${size | 0}`)
      return this.copyOut(to, size)
    })
  }

  /** Java leaves the content size out of the frame, so the capacity is guessed and then raised. */
  decompress(bytes: Buffer, sizeMax: number): Buffer {
    let capacity = Math.min(sizeMax, Math.max(CAPACITY_MIN, likelySizeOf(bytes)))
    for (;;) {
      const decoded = this.tryDecompress(bytes, capacity)
      if (decoded) return decoded
      if (capacity >= sizeMax) throw new DecompressedTooLargeError('zstd', sizeMax)
      capacity = Math.min(sizeMax, Math.max(CAPACITY_MIN, capacity * 4))
    }
  }

  /** Undefined when the capacity does not suffice. */
  private tryDecompress(bytes: Buffer, capacity: number): Buffer | undefined {
    return this.withMemory(bytes, capacity, (from, to) => {
      const size = this.module._ZSTD_decompress(to, capacity, from, bytes.length)
      if ((size | 0) === ERROR_TARGET_TOO_SMALL) return undefined
      if (this.module._ZSTD_isError(size) !== 0) {
        throw new CorruptCompressionError('zstd', `frame cannot be decoded (error ${size | 0})`)
      }
      return this.copyOut(to, size)
    })
  }
}
