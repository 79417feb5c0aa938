/**
 * Values for load tests: lines of JSON about orders, of one exact size, different from each other
 * and the same in every run. zstd and lz4 make about a third of them, as they do of real events;
 * random bytes would not shrink at all, and one value repeated would vanish.
 */
import { createHash } from 'node:crypto'

const CITIES = ['Lisbon', 'Oslo', 'Nairobi', 'Lima', 'Osaka', 'Tallinn', 'Quito', 'Hanoi']
const STATES = ['placed', 'paid', 'packed', 'sent', 'delivered', 'returned']

/** `count` values of `size` bytes each, in ASCII and without line ends. */
export function payloads(count: number, size: number): Buffer[] {
  return Array.from({ length: count }, (_, index) => {
    let text = ''
    for (let part = 0; text.length < size; part++) text += order(`${index}.${part}`)
    return Buffer.from(text.slice(0, size), 'latin1')
  })
}

function order(seed: string): string {
  const chance = createHash('sha256').update(seed).digest()
  const pick = (list: readonly string[], at: number) => list[(chance[at] ?? 0) % list.length]
  return JSON.stringify({
    id: chance.toString('hex', 0, 8),
    customer: chance.readUInt32BE(8) % 1_000_000,
    city: pick(CITIES, 12),
    state: pick(STATES, 13),
    cents: chance.readUInt32BE(14) % 1_000_000,
    items: [chance.readUInt16BE(18), chance.readUInt16BE(20)],
  })
}
