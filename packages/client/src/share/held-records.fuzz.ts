/**
 * What a share consumer holds, against a model of the broker's half: random ranges, gaps, words,
 * requests that get through, fail or are to be tried again, and losses. Whatever happens, the
 * broker hears one final word for each offset, the last that was said before it went out.
 */
import { type Random, SeededRandom } from '@ottla/base'
import { errorCode } from '@ottla/protocol'
import { describe, expect, test } from 'vitest'
import { KafkaError } from '../errors.ts'
import {
  ACKNOWLEDGEMENT,
  type Acknowledgement,
  type AcknowledgementBatch,
  type AcquiredRange,
  HeldRecords,
} from './held-records.ts'

const STEPS = 120
const GAP = 0
const WORDS = Object.keys(ACKNOWLEDGEMENT) as Acknowledgement[]
const LOSS = new KafkaError(errorCode('SHARE_SESSION_NOT_FOUND'), 'test')

function randomRanges(random: Random): AcquiredRange[] {
  const ranges: AcquiredRange[] = []
  let next = random.integer(5)
  for (let i = 1 + random.integer(4); i > 0; i--) {
    const lastOffset = next + random.integer(8)
    ranges.push({ firstOffset: next, lastOffset, deliveryCount: 1 + random.integer(3) })
    next = lastOffset + 1 + random.integer(3)
  }
  return ranges
}

/** What the broker has heard, offset by offset. */
class ModelBroker {
  readonly final = new Map<number, number>()

  hear(batches: readonly AcknowledgementBatch[]): void {
    let previous = -1
    for (const { firstOffset, lastOffset, acknowledgeTypes } of batches) {
      expect(firstOffset).toBeGreaterThan(previous)
      expect([1, lastOffset - firstOffset + 1]).toContain(acknowledgeTypes.length)
      previous = lastOffset
      for (let offset = firstOffset; offset <= lastOffset; offset++) {
        const at = acknowledgeTypes.length === 1 ? 0 : offset - firstOffset
        const type = acknowledgeTypes[at] as number
        expect(this.final.has(offset)).toBe(false)
        if (type !== ACKNOWLEDGEMENT.renew) this.final.set(offset, type)
      }
    }
  }
}

function run(seed: number): void {
  const random = new SeededRandom(seed)
  const ranges = randomRanges(random)
  const broker = new ModelBroker()
  let late = 0
  const held = new HeldRecords(ranges, () => late++)
  const offsets = ranges.flatMap(({ firstOffset, lastOffset }) =>
    Array.from({ length: lastOffset - firstOffset + 1 }, (_value, i) => firstOffset + i),
  )
  /** The last word about each offset that has a record; undefined while there is none. */
  const said = new Map<number, number | undefined>()
  const lost = new Set<number>()
  for (const offset of offsets) {
    if (random.integer(5) === 0) continue
    held.hold(offset)
    said.set(offset, undefined)
  }
  const say = (offset: number, word: Acknowledgement) => {
    if (!said.has(offset)) return
    const isOpen =
      held.isHeld(offset) || (said.get(offset) !== undefined && !broker.final.has(offset))
    held.mark(offset, word)
    if (isOpen && !lost.has(offset)) said.set(offset, ACKNOWLEDGEMENT[word])
  }
  const send = (isTaken: boolean) => {
    const batches = held.takeBatches()
    if (isTaken) broker.hear(batches)
    else held.putBack(batches)
  }
  for (let step = 0; step < STEPS; step++) {
    const offset = offsets[random.integer(offsets.length)] as number
    const word = WORDS[random.integer(WORDS.length)] as Acknowledgement
    const choice = random.integer(20)
    if (choice < 12) say(offset, word)
    else if (choice < 18) send(random.integer(3) > 0)
    else if (choice === 18) held.dropRenewals()
    else if (random.integer(6) === 0) {
      held.lose(offset, offset, LOSS)
      if (!broker.final.has(offset)) lost.add(offset)
    }
  }
  held.markRest('accept')
  send(true)
  for (const offset of offsets) {
    const heard = broker.final.get(offset)
    if (lost.has(offset)) expect(heard).toBeUndefined()
    else if (!said.has(offset)) expect(heard).toBe(GAP)
    else {
      const word = said.get(offset)
      const isOpen = word === undefined || word === ACKNOWLEDGEMENT.renew
      expect(heard).toBe(isOpen ? ACKNOWLEDGEMENT.accept : word)
    }
  }
  expect([held.isDone, held.hasMarks, held.hasRenewals]).toEqual([true, false, false])
  if (lost.size === 0) expect(late).toBe(0)
}

describe('held records through random lives', () => {
  test.each(Array.from({ length: 200 }, (_value, seed) => seed))('seed %i', run)
})
