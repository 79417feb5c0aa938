/**
 * Matches whole topic names against regular expressions in time linear in the name: the pattern
 * becomes a small program, and all its threads walk through the name together (Thompson). No
 * pattern that a client sends can keep the broker busy.
 */
import {
  type Assertion,
  type CharacterSet,
  PatternError,
  type PatternNode,
  parsePattern,
} from './topic-pattern-syntax.ts'

type Instruction =
  | { readonly op: 'set'; readonly set: CharacterSet }
  | { readonly op: 'assert'; readonly assertion: Assertion }
  | { readonly op: 'fork'; targets: readonly number[] }
  | { readonly op: 'match' }

const PROGRAM_MAX = 20_000
const CACHE_MAX = 100

export type TopicMatcher = (name: string) => boolean

const cache = new Map<string, TopicMatcher>()

/** Throws {@link PatternError} for what is no regular expression. */
export function compilePattern(pattern: string): TopicMatcher {
  let matcher = cache.get(pattern)
  if (!matcher) {
    const program: Instruction[] = []
    emit(program, parsePattern(pattern))
    push(program, { op: 'match' })
    matcher = (name) => run(program, name)
    if (cache.size >= CACHE_MAX) cache.clear()
    cache.set(pattern, matcher)
  }
  return matcher
}

function push(program: Instruction[], instruction: Instruction): number {
  if (program.length >= PROGRAM_MAX) throw new PatternError('it is too large')
  return program.push(instruction) - 1
}

function emit(program: Instruction[], node: PatternNode): void {
  switch (node.kind) {
    case 'empty':
      return
    case 'set':
      push(program, { op: 'set', set: node.set })
      return
    case 'assert':
      push(program, { op: 'assert', assertion: node.assertion })
      return
    case 'sequence':
      for (const part of node.parts) emit(program, part)
      return
    case 'choice':
      emitChoice(program, node.parts)
      return
    case 'repeat':
      for (let i = 0; i < node.least; i++) emit(program, node.node)
      if (node.most === Number.POSITIVE_INFINITY) emitLoop(program, node.node)
      else for (let i = node.least; i < node.most; i++) emitOptional(program, node.node)
  }
}

function fork(program: Instruction[]): { op: 'fork'; targets: readonly number[] } {
  const instruction = { op: 'fork' as const, targets: [] as readonly number[] }
  push(program, instruction)
  return instruction
}

function emitChoice(program: Instruction[], parts: readonly PatternNode[]): void {
  const start = fork(program)
  const starts: number[] = []
  const ends = parts.map((part) => {
    starts.push(program.length)
    emit(program, part)
    return fork(program)
  })
  start.targets = starts
  for (const end of ends) end.targets = [program.length]
}

function emitLoop(program: Instruction[], node: PatternNode): void {
  const at = program.length
  const start = fork(program)
  emit(program, node)
  fork(program).targets = [at]
  start.targets = [at + 1, program.length]
}

function emitOptional(program: Instruction[], node: PatternNode): void {
  const at = program.length
  const start = fork(program)
  emit(program, node)
  start.targets = [at + 1, program.length]
}

function run(program: readonly Instruction[], name: string): boolean {
  let threads = reach(program, [0], name, 0)
  for (let at = 0; at < name.length; at++) {
    const code = name.charCodeAt(at)
    const next: number[] = []
    for (const thread of threads) {
      const instruction = program[thread] as Instruction
      if (instruction.op === 'set' && instruction.set[code] === true) next.push(thread + 1)
    }
    if (next.length === 0) return false
    threads = reach(program, next, name, at + 1)
  }
  return threads.has(program.length - 1)
}

/** Everywhere the threads can be without another character. */
function reach(
  program: readonly Instruction[],
  starts: readonly number[],
  name: string,
  at: number,
): Set<number> {
  const reached = new Set<number>()
  const open = [...starts]
  for (let thread = open.pop(); thread !== undefined; thread = open.pop()) {
    if (reached.has(thread)) continue
    reached.add(thread)
    const instruction = program[thread] as Instruction
    if (instruction.op === 'fork') open.push(...instruction.targets)
    else if (instruction.op === 'assert' && holds(instruction.assertion, name, at)) {
      open.push(thread + 1)
    }
  }
  return reached
}

function holds(assertion: Assertion, name: string, at: number): boolean {
  if (assertion === 'start') return at === 0
  if (assertion === 'end') return at === name.length
  const isWord = (character: string) => /\w/.test(character)
  const isBoundary = isWord(name.charAt(at - 1)) !== isWord(name.charAt(at))
  return isBoundary === (assertion === 'word')
}
