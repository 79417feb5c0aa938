/** Our client's logins against Apache Kafka: every mechanism, wrong secrets, sessions that end. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { inspect } from 'node:util'
import { Kafka, oidc, type SaslOptions } from '@ottla/client'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readAll } from '../../integration/support/read-all.ts'
import { createTopic } from '../../integration/support/topics.ts'
import {
  ALICE,
  ALICE_SECRET as SECRET,
  type SecureBroker,
  startSecureBroker,
  unsignedToken,
} from '../support/secure-broker.ts'

const REAUTHENTICATION_MS = 2_000

let broker: SecureBroker
let plain: Kafka
let address: string
let topic: string

beforeAll(async () => {
  broker = await startSecureBroker({
    ...ALICE,
    settings: {
      'connections.max.reauth.ms': String(REAUTHENTICATION_MS),
      'delegation.token.secret.key': 'secret of the cluster',
    },
  })
  address = broker.addresses.SASL_PLAINTEXT
  plain = new Kafka({ brokers: broker.addresses.PLAINTEXT })
  topic = await createTopic(plain)
})
afterAll(async () => {
  await plain.close()
  await broker.stop()
})

const MECHANISMS: Readonly<Record<string, SaslOptions>> = {
  PLAIN: { mechanism: 'PLAIN', username: 'alice', password: SECRET },
  'SCRAM-SHA-256': { mechanism: 'SCRAM-SHA-256', username: 'alice', password: async () => SECRET },
  'SCRAM-SHA-512': { mechanism: 'SCRAM-SHA-512', username: 'alice', password: SECRET },
  OAUTHBEARER: { mechanism: 'OAUTHBEARER', token: () => unsignedToken('alice') },
}

describe.each(Object.entries(MECHANISMS))('login with %s', (name, sasl) => {
  test('lets the client work, beyond the lifetime of a session', async () => {
    const ended: unknown[] = []
    const noop = () => undefined
    const debug = (what: string) => void (what === 'connection ended' && ended.push(what))
    const kafka = new Kafka({
      brokers: address,
      sasl,
      logger: { debug, info: noop, warn: noop, error: noop },
    })
    await using producer = kafka.producer({ linger: 0 })
    const [first] = [await producer.send(topic, { value: `${name} 0` })]
    const untilMs = performance.now() + 2.5 * REAUTHENTICATION_MS
    let count = 1
    while (performance.now() < untilMs) {
      await producer.send(topic, { value: `${name} ${count++}` })
      await pause(20)
    }
    expect(ended).toEqual([])
    const all = await readAll(kafka, topic, Number(first?.offset) + count)
    const ours = all.map(({ value }) => String(value)).filter((value) => value.startsWith(name))
    expect(ours).toEqual(Array.from({ length: count }, (_value, i) => `${name} ${i}`))
    await producer.close()
    await kafka.close()
  })
})

test('a session is renewed while nobody uses its connection', async () => {
  const ended: string[] = []
  const debug = (what: string) => void (what === 'connection ended' && ended.push(what))
  const noop = () => undefined
  await using kafka = new Kafka({
    ...{ brokers: address, sasl: MECHANISMS['SCRAM-SHA-512'] as SaslOptions },
    logger: { debug, info: noop, warn: noop, error: noop },
  })
  await using producer = kafka.producer()
  await producer.send(topic, { value: 'before' })
  await pause(2.5 * REAUTHENTICATION_MS)
  await producer.send(topic, { value: 'after' })
  expect(ended).toEqual([])
})

test('a provider of tokens is asked once for all connections', async () => {
  let asked = 0
  const provider = createServer((_request, response) => {
    asked++
    response.end(JSON.stringify({ access_token: unsignedToken('alice'), expires_in: 3600 }))
  })
  await new Promise<void>((resolve) => provider.listen(0, '127.0.0.1', resolve))
  const tokenEndpoint = `http://127.0.0.1:${(provider.address() as AddressInfo).port}/token`
  try {
    const sasl = oidc({ tokenEndpoint, clientId: 'alice', clientSecret: SECRET })
    for (let connection = 0; connection < 3; connection++) {
      const kafka = new Kafka({ brokers: address, sasl })
      expect((await kafka.admin.listTopics()).length).toBeGreaterThan(0)
      await kafka.close()
    }
    expect(asked).toBe(1)
  } finally {
    provider.closeAllConnections()
    await new Promise((resolve) => provider.close(resolve))
  }
})

const WRONG: readonly (readonly [string, SaslOptions, string])[] = [
  ['PLAIN', { mechanism: 'PLAIN', username: 'alice', password: `${SECRET}x` }, 'refused'],
  ['SCRAM', { mechanism: 'SCRAM-SHA-256', username: 'alice', password: `${SECRET}x` }, 'refused'],
  ['no user', { mechanism: 'SCRAM-SHA-512', username: 'nobody', password: SECRET }, 'refused'],
  [
    'an old token',
    { mechanism: 'OAUTHBEARER', token: () => unsignedToken('alice', -3600) },
    'refused',
  ],
  ['GSSAPI', { mechanism: 'GSSAPI', exchange: () => () => Buffer.alloc(0) }, 'does not offer'],
]

test.each(WRONG)(
  'a wrong login with %s is told at once, without the secret',
  async (_, sasl, why) => {
    const kafka = new Kafka({ brokers: address, sasl })
    const startedMs = performance.now()
    const error: unknown = await kafka.admin.listTopics().catch((failure: unknown) => failure)
    expect(error).toMatchObject({ code: 'AUTHENTICATION', message: expect.stringContaining(why) })
    expect(performance.now() - startedMs).toBeLessThan(5_000)
    expect(inspect(error, { depth: 10 })).not.toContain(SECRET)
    await kafka.close()
  },
)

describe('TLS with a certificate of the client', () => {
  test('is let in', async () => {
    const { ca, client } = broker
    const tls = { ca, key: client.key, cert: client.cert }
    await using kafka = new Kafka({ brokers: broker.addresses.MUTUAL, tls })
    await using producer = kafka.producer()
    const { offset } = await producer.send(topic, { value: 'mutual' })
    const all = await readAll(kafka, topic, Number(offset) + 1)
    expect(String(all.at(-1)?.value)).toBe('mutual')
  })

  test('is told what is missing where it has none', async () => {
    const options = { brokers: broker.addresses.MUTUAL, apiTimeoutMs: 2_000 }
    await using kafka = new Kafka({ ...options, tls: { ca: broker.ca } })
    await expect(kafka.admin.listTopics()).rejects.toMatchObject({
      hint: expect.stringContaining('wants a certificate of the client'),
    })
  })
})

test.each(['SASL_SSL', 'SASL_PLAINTEXT'] as const)(
  'nothing secret is logged, reported or shown, over %s',
  async (listener) => {
    const told: string[] = []
    const tell = (...what: unknown[]) => void told.push(inspect(what, { depth: 20 }))
    const logger = { debug: tell, info: tell, warn: tell, error: tell }
    const tls = listener === 'SASL_SSL' ? { tls: { ca: broker.ca } } : {}
    const logins = [...Object.values(MECHANISMS), ...WRONG.map(([, sasl]) => sasl)]
    const secrets = [SECRET, Buffer.from(SECRET).toString('base64'), unsignedToken('').slice(0, 20)]
    for (const sasl of logins) {
      const kafka = new Kafka({
        ...{ brokers: broker.addresses[listener], sasl, ...tls },
        ...{ logger, onRequest: tell },
      })
      await kafka.admin.listTopics().catch(tell)
      tell(kafka, kafka.producer(), kafka.consumer({ group: 'g' }), kafka.metrics())
      await kafka.close()
    }
    expect(told.length).toBeGreaterThan(4 * logins.length)
    for (const secret of secrets) {
      expect(told.filter((text) => text.includes(secret)).slice(0, 1)).toEqual([])
    }
  },
)

test('a delegation token is made, used to log in, renewed and ended', async () => {
  const alice = new Kafka({ brokers: address, sasl: MECHANISMS['SCRAM-SHA-512'] as SaslOptions })
  const made = await alice.admin.createDelegationToken({
    ...{ renewers: ['User:bob'], maxLifetimeMs: 600_000 },
  })
  expect(made).toMatchObject({ owner: 'User:alice', requester: 'User:alice' })
  expect(made.expiresAtMost.getTime() - made.issued.getTime()).toBe(600_000)
  const known = () => alice.admin.describeDelegationTokens(['User:alice'])
  await expect.poll(known).toEqual([made])
  const sasl = {
    mechanism: 'SCRAM-SHA-512',
    username: made.tokenId,
    password: made.hmac.toString('base64'),
    isDelegationToken: true,
  } as const
  const holder = new Kafka({ brokers: address, sasl })
  expect((await holder.admin.listTopics()).map(({ name }) => name)).toContain(topic)
  await expect(holder.admin.createDelegationToken()).rejects.toMatchObject({
    code: 'DELEGATION_TOKEN_REQUEST_NOT_ALLOWED',
  })
  await holder.close()
  const expires = await alice.admin.renewDelegationToken(made.hmac, { periodMs: 60_000 })
  expect(expires.getTime()).toBeGreaterThan(Date.now())
  expect(expires.getTime()).toBeLessThanOrEqual(made.expires.getTime())
  await alice.admin.expireDelegationToken(made.hmac)
  await expect.poll(known).toEqual([])
  const late = new Kafka({ brokers: address, sasl })
  await expect(late.admin.listTopics()).rejects.toMatchObject({ code: 'AUTHENTICATION' })
  await late.close()
  await alice.close()
})
