import { describe, expect, test } from 'vitest'
import { faultsOfCopy, Ledger, type StoredValue } from './ledger.ts'

const log = (...values: string[]): StoredValue[] =>
  values.map((value) => ({ value, partition: Number(value.split(':')[1]) }))

function ledgerOf(...acknowledged: string[]): Ledger {
  const ledger = new Ledger()
  for (const value of acknowledged) ledger.acknowledged.add(value)
  return ledger
}

describe('a log', () => {
  test('that has everything once and in order has no fault', () => {
    const ledger = ledgerOf('a:0:0', 'a:0:1', 'b:0:0', 'a:1:0')
    expect(ledger.faultsOf(log('a:0:0', 'b:0:0', 'a:0:1', 'a:1:0'))).toEqual([])
  })

  test.each([
    ['lost', ['a:0:0'], ['a:0:1 was acknowledged and is lost']],
    [
      'twice',
      ['a:0:0', 'a:0:1', 'a:0:1'],
      ['a:0:1 is there twice', 'a:0:1 stands behind number 1'],
    ],
    ['out of order', ['a:0:1', 'a:0:0'], ['a:0:0 stands behind number 1']],
  ])('%s', (_, values, faults) => {
    expect(ledgerOf('a:0:0', 'a:0:1').faultsOf(log(...values))).toEqual(faults)
  })

  test('with a record in the wrong partition', () => {
    const faults = ledgerOf().faultsOf([{ partition: 1, value: 'a:0:0' }])
    expect(faults).toEqual(['a:0:0 is in partition 1'])
  })

  test('of which a send failed', () => {
    const ledger = ledgerOf()
    ledger.failures.push('a:0:0: no')
    expect(ledger.faultsOf([])).toEqual(['a send failed: a:0:0: no'])
  })
})

test('values are drawn without a gap, and what a group missed is told', () => {
  const ledger = ledgerOf('a:0:0', 'a:0:1')
  expect([ledger.draw('a', 0), ledger.draw('a', 1), ledger.draw('a', 0)]).toEqual([
    'a:0:0',
    'a:1:0',
    'a:0:1',
  ])
  expect(ledger.missedBy(new Set(['a:0:0']))).toEqual(['a:0:1'])
})

describe('a copy', () => {
  const source = log('a:0:0', 'a:0:1', 'a:1:0')

  test('may take partitions in any order', () => {
    expect(faultsOfCopy(source, log('a:1:0', 'a:0:0', 'a:0:1'), 'copy')).toEqual([])
  })

  test.each([
    ['lacks the last', log('a:0:0', 'a:1:0'), 'place 1: undefined instead of a:0:1'],
    [
      'has one more',
      log('a:0:0', 'a:0:1', 'a:0:1', 'a:1:0'),
      'place 2: a:0:1 instead of undefined',
    ],
    ['is out of order', log('a:0:1', 'a:0:0', 'a:1:0'), 'place 0: a:0:1 instead of a:0:0'],
  ])('%s', (_, copy, fault) => {
    const faults = faultsOfCopy(source, copy, 'copy')
    expect(faults).toHaveLength(1)
    expect(faults[0]).toContain(`copy, partition 0, ${fault}`)
  })
})
