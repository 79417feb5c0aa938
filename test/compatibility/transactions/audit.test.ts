/** The bank's books notice what must never happen. */
import { expect, it } from 'vitest'
import { Audit } from './audit.ts'
import { Reigns } from './reigns.ts'

const transfer = (id: number, attempt: string, at = id) => [
  `out 0 ${at} null ${id} ${attempt}`,
  `entries 0 ${at} ${id} debit ${attempt}`,
  `entries 1 ${at} ${id} credit ${attempt}`,
]

async function audit(lines: readonly string[], transfers: number): Promise<string[]> {
  const book = new Audit(50)
  for (const line of lines) book.hear(line)
  await book.seesAll(transfers)
  return book.faults
}

it('is content with whole transfers, in any order', async () => {
  const lines = [...transfer(0, 'a/1/0').reverse(), ...transfer(1, 'a/1/1')]
  expect(await audit(lines, 2)).toEqual([])
})

it('notices what is missing, torn, twice, of two attempts or back in time', async () => {
  expect(await audit(transfer(0, 'a'), 2)).toHaveLength(1)
  expect(await audit(transfer(0, 'a').slice(1), 1)).toHaveLength(1)
  expect(await audit([...transfer(0, 'a'), ...transfer(0, 'a', 1)], 1)).toHaveLength(3)
  const [out = '', ...sides] = transfer(0, 'a')
  expect(await audit([out.replace(/a$/, 'b'), ...sides], 1)).toHaveLength(2)
  expect(await audit([...transfer(1, 'a'), ...transfer(0, 'a')], 2)).toHaveLength(3)
})

it('notices records of an aborted attempt, whichever is heard first', async () => {
  const before = new Audit()
  before.aborted('a')
  for (const line of transfer(0, 'a')) before.hear(line)
  expect(before.faults).toHaveLength(3)
  const after = new Audit()
  for (const line of transfer(0, 'a')) after.hear(line)
  after.aborted('a')
  expect(after.faults).toHaveLength(1)
})

it('notices what the group has committed and nobody can read', async () => {
  const book = new Audit()
  for (const line of transfer(0, 'a')) book.hear(line)
  book.committed('b', 1)
  book.look(new Map([[0, 2]]))
  await book.seesAll(1)
  expect(book.faults).toEqual([
    'auditor: transfer 3 is committed in the group, and seen: nothing',
    'auditor: b committed 1 transfers, 0 were seen',
  ])
})

it('lets a late commit be refused with INVALID_TXN_STATE only while the id is its own', () => {
  const late = { clerk: 'c', error: 'InvalidTxnStateException', attempt: 'c/1/0', epoch: 4 }
  const faults = (epoch: number, ms: number) => {
    const reigns = new Reigns()
    reigns.begins('c', 3, 100)
    reigns.begins('c', epoch, ms)
    reigns.wasLate({ ...late, ms: 1_000 })
    return reigns.faults().length
  }
  expect(faults(6, 900)).toBe(1)
  expect(faults(6, 1_100)).toBe(0)
  expect(faults(2, 900)).toBe(0)
})
