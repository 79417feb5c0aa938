import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { OrderedWork } from './ordered-work.ts'

const takeAll = <R>(work: OrderedWork<R>): { record: R; index: number }[] => {
  const taken: { record: R; index: number }[] = []
  for (let next = work.take(); next; next = work.take()) taken.push(next)
  return taken
}

describe('records on their way through handlers', () => {
  test('one line gives one record at a time', () => {
    const work = new OrderedWork(['a', 'b', 'c'], () => '')
    expect(takeAll(work)).toEqual([{ record: 'a', index: 0 }])
    work.finish(0)
    expect(takeAll(work)).toEqual([{ record: 'b', index: 1 }])
    expect(work.isComplete).toBe(false)
    work.finish(1)
    takeAll(work)
    work.finish(2)
    expect(work.isComplete).toBe(true)
    expect(work.firstNotDone).toBeUndefined()
  })

  test('lines go on beside each other, oldest first', () => {
    const work = new OrderedWork(['a1', 'b1', 'a2', 'c1', 'b2'], (record) => record[0])
    expect(takeAll(work).map(({ record }) => record)).toEqual(['a1', 'b1', 'c1'])
    work.finish(1)
    work.finish(0)
    expect(takeAll(work).map(({ record }) => record)).toEqual(['a2', 'b2'])
  })

  test('records without a line wait for nobody', () => {
    const work = new OrderedWork([1, 2, 3], () => undefined)
    expect(takeAll(work)).toHaveLength(3)
  })

  test('what is done behind an open record does not count yet', () => {
    const work = new OrderedWork([10, 11, 12], () => undefined)
    takeAll(work)
    work.finish(2)
    work.finish(1)
    expect(work.firstNotDone).toBe(10)
    work.finish(0)
    expect(work.isComplete).toBe(true)
  })

  test('whatever ends first: each once, each line in order, no gap below the first undone', () => {
    const keys = fc.array(fc.option(fc.constantFrom('a', 'b', 'c'), { nil: undefined }), {
      maxLength: 30,
    })
    fc.assert(
      fc.property(keys, fc.infiniteStream(fc.nat()), (lines, choices) => {
        const work = new OrderedWork([...lines.keys()], (index) => lines[index])
        const started: number[] = []
        const done = new Set<number>()
        let atWork: number[] = []
        for (const choice of choices) {
          atWork.push(...takeAll(work).map(({ index }) => index))
          started.push(...atWork.filter((index) => !started.includes(index)))
          if (atWork.length === 0) break
          const ended = atWork[choice % atWork.length] as number
          atWork = atWork.filter((index) => index !== ended)
          const line = lines[ended]
          if (line !== undefined) {
            const before = [...lines.keys()].filter((i) => i < ended && lines[i] === line)
            expect(before.every((index) => done.has(index))).toBe(true)
          }
          work.finish(ended)
          done.add(ended)
          const first = work.firstNotDone ?? lines.length
          expect([...Array(first).keys()].every((index) => done.has(index))).toBe(true)
        }
        expect(done.size).toBe(lines.length)
        expect(started).toHaveLength(lines.length)
        expect(work.isComplete).toBe(true)
      }),
    )
  })
})
