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
import {
  add,
  and,
  answer,
  atLeast,
  type Code,
  choose,
  divide,
  equal,
  get,
  greater,
  increase,
  less,
  load8,
  load16,
  move8,
  move64,
  move128,
  mul,
  number,
  repeat,
  repeatWhile,
  set,
  shiftRight,
  sub,
  type WasmFunction,
  WasmProgram,
  when,
} from './wasm-code.ts'

const SLACK_BYTES = 64
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

const more = less(get(FROM), get(STOP))
const DECODER: WasmFunction = {
  parameters: PARAMETERS,
  variables: VARIABLES,
  body: [...repeatWhile(more, sequence), ...number(NO_END)],
}

// ---- using it -------------------------------------------------------------------------------

/** A decoder of blocks that writes into memory of its own. */
class WasmBlockDecoder implements BlockDecoder {
  private readonly program: WasmProgram

  constructor(program: WasmProgram) {
    this.program = program
  }

  decode(block: Uint8Array, history: Uint8Array, sizeMax: number): Uint8Array {
    const base = block.length + SLACK_BYTES
    const to = base + history.length
    const bytes = this.program.memoryOf(to + sizeMax + SLACK_BYTES)
    bytes.set(block, 0)
    bytes.set(history, base)
    const end = this.program.run(0, block.length, to, to + sizeMax, base)
    if (end < 0) throw new CorruptCompressionError('lz4', REASONS[-end] as string)
    return bytes.subarray(to, end)
  }
}

let decoder: BlockDecoder | undefined | null

/** The decoder, or undefined where WebAssembly cannot be had. */
export function wasmBlockDecoder(): BlockDecoder | undefined {
  if (decoder === undefined) {
    const program = WasmProgram.load(DECODER)
    decoder = program ? new WasmBlockDecoder(program) : null
  }
  return decoder ?? undefined
}
