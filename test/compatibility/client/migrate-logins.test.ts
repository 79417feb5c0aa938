/** The blocks of the migration guide about logins and TLS, against Apache Kafka, which has them. */
import * as client from '@ottla/client'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { blocksOf, expectedOf, runBlock } from '../../integration/docs/guide-blocks.ts'
import {
  ALICE,
  ALICE_SECRET,
  type SecureBroker,
  startSecureBroker,
  unsignedToken,
} from '../support/secure-broker.ts'

let broker: SecureBroker

beforeAll(async () => {
  broker = await startSecureBroker(ALICE)
})
afterAll(() => broker?.stop())

const blocks = blocksOf('migrate.md').filter(({ section }) => section === 'Logins and TLS')

test.each(blocks)('$title', async ({ code }) => {
  const { addresses, ca } = broker
  const given = { tlsBrokers: addresses.SASL_SSL, ca, secret: ALICE_SECRET, tokenOf: unsignedToken }
  const printed = await runBlock(code, { '@ottla/client': client }, given)
  expect(printed).toEqual(expectedOf(code))
  expect(printed.length).toBeGreaterThan(0)
})

test('has blocks', () => expect(blocks.length).toBe(2))
