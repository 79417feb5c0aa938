/**
 * Decodes LZ4 blocks with WebAssembly that is assembled here, at first use, from some dozens of
 * instructions. JavaScript, which moves bytes one by one, takes four times as long; a native
 * package decodes as fast, but gives each block in memory of its own, and allocating, collecting
 * and joining that costs more than decoding. Here a block allocates nothing.
 *
 *   memory   block | slack | history | output | slack
 *
 * A block is copied in and decoded, and the caller copies what it stands for to where it belongs.
 * History is the end of what the blocks before it stood for, when its matches may reach into that.
 *
 * Must always hold: copies go in steps of 8 and 16 bytes and may write that far beyond their end,
 * which is what the slack is for; no match reaches below `base`, so that nothing of what was in the
 * memory before can come out.
 *
 * HOT: guarded by bench/micro/record-batch.bench.ts
 */
import { CorruptCompressionError } from './compression-errors.ts'
import type { BlockDecoder } from './lz4-block.ts'

const SLACK_BYTES = 64
const PAGE_BYTES = 64 * 1024
const MATCH_MIN = 4

/** What the code answers instead of an end; reasons by the negated number. */
const [NO_END, CUT_OFF, BAD_OFFSET, TOO_LARGE] = [-1, -2, -3, -4]
const REASONS = [
  '',
  'block does not end with literals',
  'length, literals or match offset are cut off',
  'match offset is outside the output',
  'block is larger than its frame allows',
]

// ---- instructions ---------------------------------------------------------------------------

type Code = readonly number[]

function signedLeb(value: number): Code {
  if (value >= -64 && value < 64) return [value & 0x7f]
  return [(value & 0x7f) | 0x80, ...signedLeb(value >> 7)]
}

function unsignedLeb(value: number): Code {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsignedLeb(value >>> 7)]
}

const I32 = 0x7f
const NOTHING = 0x40
const CODE_END = 0x0b
const number = (value: number): Code => [0x41, ...signedLeb(value)]
const get = (local: number): Code => [0x20, local]
const set = (local: number, value: Code): Code => [...value, 0x21, local]
const binary = (opcode: number) => (a: Code, b: Code) => [...a, ...b, opcode]
const [add, sub, mul, divide] = [binary(0x6a), binary(0x6b), binary(0x6c), binary(0x6e)]
const [and, shiftRight, equal] = [binary(0x71), binary(0x76), binary(0x46)]
const [less, greater, atLeast] = [binary(0x49), binary(0x4b), binary(0x4f)]
const increase = (local: number, by: Code): Code => set(local, add(get(local), by))
const load8 = (address: Code): Code => [...address, 0x2d, 0, 0]
const load16 = (address: Code): Code => [...address, 0x2f, 0, 0]
const move8 = (to: Code, from: Code, at: number) => [...to, ...from, 0x2d, 0, at, 0x3a, 0, at]
const move64 = (to: Code, from: Code) => [...to, ...from, 0x29, 0, 0, 0x37, 0, 0]
const move128 = (to: Code, from: Code) => [...to, ...from, 0xfd, 0, 0, 0, 0xfd, 11, 0, 0]
const when = (condition: Code, body: Code): Code => [
  ...[...condition, 0x04, NOTHING],
  ...[...body, CODE_END],
]
const choose = (condition: Code, body: Code, otherwise: Code): Code => [
  ...[...condition, 0x04, NOTHING, ...body],
  ...[0x05, ...otherwise, CODE_END],
]
/** Runs the body, and again as long as the condition holds behind it. */
const repeat = (body: Code, condition: Code): Code => [
  ...[0x03, NOTHING, ...body],
  ...[...condition, 0x0d, 0, CODE_END],
]
const answer = (value: Code): Code => [...value, 0x0f]

// ---- the decoder ----------------------------------------------------------------------------

/** The parameters, then what the code keeps beside them. */
const [FROM, STOP, TO, LIMIT, BASE] = [0, 1, 2, 3, 4]
const [TOKEN, LENGTH, OFFSET, SOURCE, TARGET, MORE] = [5, 6, 7, 8, 9, 10]
const [PARAMETERS, VARIABLES] = [5, 6]

const left = sub(get(STOP), get(FROM))
const end = add(get(TO), get(LENGTH))
const checkRoom = when(greater(get(LENGTH), sub(get(LIMIT), get(TO))), answer(number(TOO_LARGE)))

/** A length of 15 goes on in bytes of 255. */
const longLength = when(
  equal(get(LENGTH), number(15)),
  repeat(
    [
      ...when(equal(get(FROM), get(STOP)), answer(number(CUT_OFF))),
      ...set(MORE, load8(get(FROM))),
      ...increase(FROM, number(1)),
      ...increase(LENGTH, get(MORE)),
    ],
    equal(get(MORE), number(255)),
  ),
)

const copyBy = (step: number, move: (to: Code, from: Code) => Code): Code =>
  repeat(
    [
      ...move(get(TARGET), get(SOURCE)),
      ...increase(SOURCE, number(step)),
      ...increase(TARGET, number(step)),
    ],
    less(get(TARGET), end),
  )

/**
 * A match nearer than the step overlaps what it makes: eight bytes one by one, then from as many
 * repetitions back as are eight bytes or more.
 */
const repetitions = divide(add(get(OFFSET), number(7)), get(OFFSET))
const copyNear: Code = [
  ...Array.from({ length: 8 }, (_, at) => move8(get(TARGET), get(SOURCE), at)).flat(),
  ...increase(TARGET, number(8)),
  ...set(SOURCE, sub(get(TARGET), mul(get(OFFSET), repetitions))),
  ...when(less(get(TARGET), end), copyBy(8, move64)),
]

const literals: Code = [
  ...set(LENGTH, shiftRight(get(TOKEN), number(4))),
  ...longLength,
  ...when(greater(get(LENGTH), left), answer(number(CUT_OFF))),
  ...checkRoom,
  ...set(SOURCE, get(FROM)),
  ...set(TARGET, get(TO)),
  ...copyBy(16, move128),
  ...increase(FROM, get(LENGTH)),
  ...increase(TO, get(LENGTH)),
]

const match: Code = [
  ...when(less(left, number(2)), answer(number(CUT_OFF))),
  ...set(OFFSET, load16(get(FROM))),
  ...increase(FROM, number(2)),
  // Numbers are unsigned: 0 less 1 is the largest of all.
  ...when(
    atLeast(sub(get(OFFSET), number(1)), sub(get(TO), get(BASE))),
    answer(number(BAD_OFFSET)),
  ),
  ...set(LENGTH, and(get(TOKEN), number(15))),
  ...longLength,
  ...increase(LENGTH, number(MATCH_MIN)),
  ...checkRoom,
  ...set(TARGET, get(TO)),
  ...set(SOURCE, sub(get(TO), get(OFFSET))),
  ...choose(
    less(get(OFFSET), number(16)),
    choose(less(get(OFFSET), number(8)), copyNear, copyBy(8, move64)),
    copyBy(16, move128),
  ),
  ...increase(TO, get(LENGTH)),
]

const sequence: Code = [
  ...set(TOKEN, load8(get(FROM))),
  ...increase(FROM, number(1)),
  ...literals,
  ...when(equal(get(FROM), get(STOP)), answer(get(TO))),
  ...match,
]

function moduleBytes(): Uint8Array {
  const section = (id: number, content: Code) => [id, ...unsignedLeb(content.length), ...content]
  const name = (text: string) => [text.length, ...Buffer.from(text)]
  const more = less(get(FROM), get(STOP))
  const body = [
    ...[1, VARIABLES, I32],
    ...when(more, repeat(sequence, more)),
    ...[...number(NO_END), CODE_END],
  ]
  return Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [1, 0x60, PARAMETERS, ...new Array(PARAMETERS).fill(I32), 1, I32]),
    ...section(3, [1, 0]),
    ...section(5, [1, 0, 0]),
    ...section(7, [2, ...name('memory'), 2, 0, ...name('decode'), 0, 0]),
    ...section(10, [1, ...unsignedLeb(body.length), ...body]),
  ])
}

// ---- using it -------------------------------------------------------------------------------

interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer; grow(pages: number): number }
  /** End of the output, or one of the negative numbers above. */
  decode(from: number, stop: number, to: number, limit: number, base: number): number
}

interface WebAssemblyApi {
  readonly Module: new (bytes: Uint8Array) => object
  readonly Instance: new (module: object) => { readonly exports: unknown }
}

/** A decoder of blocks that writes into memory of its own. */
class WasmBlockDecoder implements BlockDecoder {
  private readonly exports: Exports
  private bytes: Buffer

  constructor({ Module, Instance }: WebAssemblyApi) {
    this.exports = new Instance(new Module(moduleBytes())).exports as Exports
    this.bytes = Buffer.from(this.exports.memory.buffer)
  }

  decode(block: Uint8Array, history: Uint8Array, sizeMax: number): Uint8Array {
    const base = block.length + SLACK_BYTES
    const to = base + history.length
    this.reserve(to + sizeMax + SLACK_BYTES)
    const { bytes } = this
    bytes.set(block, 0)
    bytes.set(history, base)
    const end = this.exports.decode(0, block.length, to, to + sizeMax, base)
    if (end < 0) throw new CorruptCompressionError('lz4', REASONS[-end] as string)
    return bytes.subarray(to, end)
  }

  private reserve(size: number): void {
    const missing = size - this.bytes.length
    if (missing <= 0) return
    this.exports.memory.grow(Math.ceil(missing / PAGE_BYTES))
    this.bytes = Buffer.from(this.exports.memory.buffer)
  }
}

let decoder: BlockDecoder | undefined | null

/** The decoder, or undefined where WebAssembly or its vectors are missing or forbidden. */
export function wasmBlockDecoder(): BlockDecoder | undefined {
  if (decoder !== undefined) return decoder ?? undefined
  decoder = null
  const { WebAssembly } = globalThis as { WebAssembly?: WebAssemblyApi }
  try {
    if (WebAssembly) decoder = new WasmBlockDecoder(WebAssembly)
  } catch {
    // The plain decoder gives the same bytes, more slowly.
  }
  return decoder ?? undefined
}
