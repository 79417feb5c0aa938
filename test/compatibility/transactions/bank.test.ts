/**
 * The short form of the bank: `npm run test:bank` is the long one. Clerks are Apache's Java client;
 * see bank.ts for what is done to them.
 */
import { expect, it } from 'vitest'
import { Bank } from './bank.ts'

const TEST_TIMEOUT_MS = 300_000

it(
  'books every transfer once, whoever is killed',
  async () => {
    const { faults, kills, events, transfers } = await Bank.run({
      seed: 7,
      brokerKills: 12,
      clientKills: 12,
      protocol: 'consumer',
    })
    expect(faults).toEqual([])
    expect(kills).toEqual({ broker: 12, clerk: 4, zombie: 4, twin: 4 })
    expect(transfers).toBeGreaterThan(1_000)
    expect(events.get('aborted')).toBeGreaterThan(0)
    const fenced = [...events.keys()].filter((event) => event.startsWith('fenced '))
    expect(fenced.length).toBeGreaterThan(0)
    const right = ['fenced ProducerFencedException', 'fenced InvalidProducerEpochException']
    expect(right).toEqual(expect.arrayContaining(fenced))
  },
  TEST_TIMEOUT_MS,
)
