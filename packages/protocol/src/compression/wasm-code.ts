/**
 * WebAssembly as lists of bytes: the few instructions that the LZ4 code is made of, and a module
 * around one function. Numbers are 32 bits and unsigned, addresses are numbers, and what a function
 * keeps are its parameters and variables by number.
 */

/** Instructions one after the other. */
export type Code = readonly number[]

function signedLeb(value: number): Code {
  if (value >= -64 && value < 64) return [value & 0x7f]
  return [(value & 0x7f) | 0x80, ...signedLeb(value >> 7)]
}

function unsignedLeb(value: number): Code {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsignedLeb(value >>> 7)]
}

const I32 = 0x7f
const I64 = 0x7e
const NOTHING = 0x40
const CODE_END = 0x0b

const binary = (opcode: number) => (a: Code, b: Code) => [...a, ...b, opcode]
const load = (opcode: number) => (address: Code) => [...address, opcode, 0, 0]
const store = (opcode: number) => (address: Code, value: Code) => [
  ...[...address, ...value],
  ...[opcode, 0, 0],
]

export const number = (value: number): Code => [0x41, ...signedLeb(value | 0)]
export const get = (local: number): Code => [0x20, local]
export const set = (local: number, value: Code): Code => [...value, 0x21, local]
export const add = binary(0x6a)
export const sub = binary(0x6b)
export const mul = binary(0x6c)
export const divide = binary(0x6e)
export const and = binary(0x71)
export const or = binary(0x72)
export const shiftLeft = binary(0x74)
export const shiftRight = binary(0x76)
export const equal = binary(0x46)
export const less = binary(0x49)
export const greater = binary(0x4b)
export const atLeast = binary(0x4f)
export const not = (condition: Code): Code => [...condition, 0x45]
export const increase = (local: number, by: Code): Code => set(local, add(get(local), by))
export const smaller = (a: Code, b: Code): Code => [...a, ...b, ...less(a, b), 0x1b]
export const load8 = load(0x2d)
export const load16 = load(0x2f)
export const load32 = load(0x28)
export const store8 = store(0x3a)
export const store16 = store(0x3b)

/** Eight bytes and sixteen, from one address to another. */
export const move64 = (to: Code, from: Code) => store(0x37)(to, load(0x29)(from))
export const move128 = (to: Code, from: Code) => [...to, ...from, 0xfd, 0, 0, 0, 0xfd, 11, 0, 0]
export const move8 = (to: Code, from: Code, at: number) => [
  ...[...to, ...from],
  ...[0x2d, 0, at, 0x3a, 0, at],
]
/** How eight bytes at two addresses differ; for a variable of 64 bits. */
export const differ64 = (a: Code, b: Code) => [...load(0x29)(a), ...load(0x29)(b), 0x85]
/** True when a variable of 64 bits is 0. */
export const isZero64 = (local: number): Code => [...get(local), 0x50]
/** How many bytes of a variable of 64 bits are 0 before the first that is not. */
export const zeroBytes64 = (local: number): Code =>
  shiftRight([...get(local), 0x7a, 0xa7], number(3))
export const fill = (address: Code, value: Code, size: Code) => [
  ...[...address, ...value, ...size],
  ...[0xfc, 11, 0],
]

export const when = (condition: Code, body: Code): Code => [
  ...[...condition, 0x04, NOTHING],
  ...[...body, CODE_END],
]
export const choose = (condition: Code, body: Code, otherwise: Code): Code => [
  ...[...condition, 0x04, NOTHING, ...body],
  ...[0x05, ...otherwise, CODE_END],
]
/** Runs the body, and again as long as the condition holds behind it. */
export const repeat = (body: Code, condition: Code): Code => [
  ...[0x03, NOTHING, ...body],
  ...[...condition, 0x0d, 0, CODE_END],
]
export const repeatWhile = (condition: Code, body: Code): Code =>
  when(condition, repeat(body, condition))
export const answer = (value: Code): Code => [...value, 0x0f]

export interface WasmFunction {
  readonly parameters: number
  /** Variables of 32 bits behind the parameters, and of 64 bits behind those. */
  readonly variables: number
  readonly wide?: number
  /** Leaves a number, or has answered before. */
  readonly body: Code
}

/** A module with a memory and `run`, which takes and answers numbers. */
function moduleBytes({ parameters, variables, wide = 0, body }: WasmFunction): Uint8Array {
  const section = (id: number, content: Code) => [id, ...unsignedLeb(content.length), ...content]
  const name = (text: string) => [text.length, ...Buffer.from(text)]
  const code = [2, variables, I32, wide, I64, ...body, CODE_END]
  return Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [1, 0x60, parameters, ...new Array(parameters).fill(I32), 1, I32]),
    ...section(3, [1, 0]),
    ...section(5, [1, 0, 0]),
    ...section(7, [2, ...name('memory'), 2, 0, ...name('run'), 0, 0]),
    ...section(10, [1, ...unsignedLeb(code.length), ...code]),
  ])
}

interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer; grow(pages: number): number }
  readonly run: (...numbers: number[]) => number
}

interface WebAssemblyApi {
  readonly Module: new (bytes: Uint8Array) => object
  readonly Instance: new (module: object) => { readonly exports: unknown }
}

const PAGE_BYTES = 64 * 1024

/** A function at work, and its memory. */
export class WasmProgram {
  readonly run: Exports['run']
  private readonly memory: Exports['memory']
  private bytes: Buffer

  private constructor({ memory, run }: Exports) {
    this.memory = memory
    this.run = run
    this.bytes = Buffer.from(memory.buffer)
  }

  /** Undefined where WebAssembly, or vectors in it, are missing or forbidden. */
  static load(source: WasmFunction): WasmProgram | undefined {
    const { WebAssembly } = globalThis as { WebAssembly?: WebAssemblyApi }
    if (!WebAssembly) return undefined
    try {
      const module = new WebAssembly.Module(moduleBytes(source))
      return new WasmProgram(new WebAssembly.Instance(module).exports as Exports)
    } catch {
      // Whoever asks has another way, which gives the same bytes more slowly.
      return undefined
    }
  }

  /** The memory, of at least `size` bytes; valid until more is asked for. */
  memoryOf(size: number): Buffer {
    const missing = size - this.bytes.length
    if (missing > 0) {
      this.memory.grow(Math.ceil(missing / PAGE_BYTES))
      this.bytes = Buffer.from(this.memory.buffer)
    }
    return this.bytes
  }
}
