/**
 * Encodes LZ4 blocks with WebAssembly, for the reasons that lz4-decoder.ts gives. Greedy, with one
 * table of the last place of each hash of four bytes; the longer nothing is found, the larger the
 * steps, so that noise costs little.
 *
 *   memory   table (16 KiB) | block | slack | output | slack
 *
 *   search -> extend back -> literals -> match -> one right behind it?
 *     ^                                    ^------- yes -|
 *     +----------------------------------------- no -----+
 *
 * Must always hold: no match begins within the last twelve bytes of a block or reaches into the
 * last five, as the format asks; a candidate lies before the place it is compared with, since the
 * table's zeros stand for the first byte and the search begins at the second.
 *
 * HOT: guarded by bench/micro/record-batch.bench.ts
 */
import type { BlockEncoder } from './lz4-block.ts'
import {
  add,
  and,
  answer,
  atLeast,
  type Code,
  differ64,
  equal,
  fill,
  get,
  greater,
  increase,
  isZero64,
  less,
  load8,
  load16,
  load32,
  move128,
  mul,
  not,
  number,
  or,
  repeat,
  repeatWhile,
  set,
  shiftLeft,
  shiftRight,
  smaller,
  store8,
  store16,
  sub,
  type WasmFunction,
  WasmProgram,
  when,
  zeroBytes64,
} from './wasm-code.ts'

const TABLE_BYTES = 16 * 1024
const BLOCK_AT = TABLE_BYTES
const SLACK_BYTES = 64
const MATCH_MIN = 4
const LAST_LITERALS = 5
const MATCH_START_MIN = 12
const HASH_PRIME = 0x9e3779b1
/** Thirteen bits of hash, as the address of an entry of two bytes. */
const [HASH_SHIFT, SLOT_MASK] = [18, TABLE_BYTES - 2]
/** Misses until the steps get larger by one. */
const PATIENCE_BITS = 6

const [STOP, TO] = [0, 1]
const [AT, ANCHOR, CANDIDATE, SLOT, WORD, FOUND, MISSES, LENGTH] = [2, 3, 4, 5, 6, 7, 8, 9]
const [TOKEN, LITERALS, REST, SOURCE, TARGET, START, DIFFERENCE] = [10, 11, 12, 13, 14, 15, 16]
const [PARAMETERS, VARIABLES] = [2, 14]

const FIRST = number(BLOCK_AT)
const matchEnd = sub(get(STOP), number(LAST_LITERALS))
const isBehindSearch = greater(get(AT), sub(get(STOP), number(MATCH_START_MIN)))

const nibble = (length: Code) => smaller(length, number(15))
const put = (value: Code): Code => [...store8(get(TO), value), ...increase(TO, number(1))]

/** What of a length does not fit its four bits of the token. */
const putLength = (length: Code): Code =>
  when(atLeast(length, number(15)), [
    ...set(REST, sub(length, number(15))),
    ...repeatWhile(atLeast(get(REST), number(255)), [
      ...put(number(255)),
      ...set(REST, sub(get(REST), number(255))),
    ]),
    ...put(get(REST)),
  ])

/** LENGTH bytes from ANCHOR on, in steps that may go beyond them. */
const putLiterals: Code = [
  ...putLength(get(LENGTH)),
  ...set(SOURCE, get(ANCHOR)),
  ...set(TARGET, get(TO)),
  ...increase(TO, get(LENGTH)),
  ...repeat(
    [
      ...move128(get(TARGET), get(SOURCE)),
      ...increase(SOURCE, number(16)),
      ...increase(TARGET, number(16)),
    ],
    less(get(TARGET), get(TO)),
  ),
]

/** The literals behind the last match; ends the function. */
const finish: Code = [
  ...set(LENGTH, sub(get(STOP), get(ANCHOR))),
  ...put(shiftLeft(nibble(get(LENGTH)), number(4))),
  ...putLiterals,
  ...answer(get(TO)),
]

const slotOf = (word: Code) =>
  and(shiftRight(mul(word, number(HASH_PRIME)), number(HASH_SHIFT)), number(SLOT_MASK))

/** Is what begins at AT known? Leaves CANDIDATE, and AT in its place in the table. */
const look: Code = [
  ...set(WORD, load32(get(AT))),
  ...set(SLOT, slotOf(get(WORD))),
  ...set(CANDIDATE, add(load16(get(SLOT)), FIRST)),
  ...store16(get(SLOT), sub(get(AT), FIRST)),
  ...set(FOUND, equal(load32(get(CANDIDATE)), get(WORD))),
]

const search: Code = [
  ...set(MISSES, number(1 << PATIENCE_BITS)),
  ...repeat(
    [
      ...when(isBehindSearch, finish),
      ...look,
      ...when(not(get(FOUND)), [
        ...increase(AT, shiftRight(get(MISSES), number(PATIENCE_BITS))),
        ...increase(MISSES, number(1)),
      ]),
    ],
    not(get(FOUND)),
  ),
]

const before = (local: number): Code => sub(get(local), number(1))
const extendBack: Code = repeatWhile(
  and(
    and(greater(get(AT), get(ANCHOR)), greater(get(CANDIDATE), FIRST)),
    equal(load8(before(AT)), load8(before(CANDIDATE))),
  ),
  [...set(AT, before(AT)), ...set(CANDIDATE, before(CANDIDATE))],
)

const literals: Code = [
  ...set(LENGTH, sub(get(AT), get(ANCHOR))),
  ...set(LITERALS, nibble(get(LENGTH))),
  ...set(TOKEN, get(TO)),
  ...increase(TO, number(1)),
  ...putLiterals,
]

const advance = (by: Code): Code => [...increase(AT, by), ...increase(CANDIDATE, by)]
const isRoomFor8 = less(get(AT), sub(matchEnd, number(7)))

const match: Code = [
  ...store16(get(TO), sub(get(AT), get(CANDIDATE))),
  ...increase(TO, number(2)),
  ...advance(number(MATCH_MIN)),
  ...set(START, get(AT)),
  ...when(
    isRoomFor8,
    repeat(
      [
        ...set(DIFFERENCE, differ64(get(AT), get(CANDIDATE))),
        ...set(LENGTH, zeroBytes64(DIFFERENCE)),
        ...advance(get(LENGTH)),
      ],
      and(isZero64(DIFFERENCE), isRoomFor8),
    ),
  ),
  ...repeatWhile(
    and(less(get(AT), matchEnd), equal(load8(get(AT)), load8(get(CANDIDATE)))),
    advance(number(1)),
  ),
  ...set(LENGTH, sub(get(AT), get(START))),
  ...store8(get(TOKEN), or(shiftLeft(get(LITERALS), number(4)), nibble(get(LENGTH)))),
  ...putLength(get(LENGTH)),
  ...set(ANCHOR, get(AT)),
]

/** What begins two bytes before the end of a match is known from now on. */
const remember: Code = [
  ...set(SOURCE, sub(get(AT), number(2))),
  ...store16(slotOf(load32(get(SOURCE))), sub(get(SOURCE), FIRST)),
]

const ENCODER: WasmFunction = {
  parameters: PARAMETERS,
  variables: VARIABLES,
  wide: 1,
  body: [
    ...set(ANCHOR, FIRST),
    ...when(less(sub(get(STOP), FIRST), number(MATCH_START_MIN + 1)), finish),
    ...fill(number(0), number(0), number(TABLE_BYTES)),
    ...set(AT, add(FIRST, number(1))),
    ...repeat(
      [
        ...search,
        ...extendBack,
        ...literals,
        ...repeat(
          [
            ...match,
            ...when(isBehindSearch, finish),
            ...remember,
            ...look,
            ...when(get(FOUND), [
              ...set(LITERALS, number(0)),
              ...set(TOKEN, get(TO)),
              ...increase(TO, number(1)),
            ]),
          ],
          get(FOUND),
        ),
        ...increase(AT, number(1)),
      ],
      number(1),
    ),
    ...get(TO),
  ],
}

let encoder: BlockEncoder | undefined | null

/** The encoder, or undefined where WebAssembly cannot be had. */
export function wasmBlockEncoder(): BlockEncoder | undefined {
  if (encoder === undefined) {
    const program = WasmProgram.load(ENCODER)
    encoder = program ? (block) => encode(program, block) : null
  }
  return encoder ?? undefined
}

function encode(program: WasmProgram, block: Uint8Array): Uint8Array {
  const stop = BLOCK_AT + block.length
  const to = stop + SLACK_BYTES
  const sizeMax = block.length + Math.ceil(block.length / 255) + 16
  const bytes = program.memoryOf(to + sizeMax + SLACK_BYTES)
  bytes.set(block, BLOCK_AT)
  return bytes.subarray(to, program.run(stop, to))
}
