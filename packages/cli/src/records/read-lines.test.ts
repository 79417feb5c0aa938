import { expect, test } from 'vitest'
import { readLines } from './read-lines.ts'

async function linesOf(chunks: readonly string[]): Promise<string[]> {
  const lines: string[] = []
  async function* input() {
    yield* chunks
  }
  for await (const part of readLines(input())) lines.push(...part.map(String))
  return lines
}

test.each([
  [['a\nb\n'], ['a', 'b']],
  [
    ['a', 'b\nc'],
    ['ab', 'c'],
  ],
  [['a\n\nb'], ['a', '', 'b']],
  [
    ['', '\n', 'x'],
    ['', 'x'],
  ],
  [[], []],
])('%j are the lines %j', async (chunks, lines) => {
  expect(await linesOf(chunks)).toEqual(lines)
})
