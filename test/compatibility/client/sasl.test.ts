/** Our client's logins against Apache Kafka: every mechanism, wrong secrets, sessions that end. */
import { pbkdf2Sync } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { inspect } from 'node:util'
import { Kafka, oidc, type SaslOptions } from '@ottla/client'
import { apis } from '@ottla/protocol'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readAll } from '../../integration/support/read-all.ts'
import { createTopic } from '../../integration/support/topics.ts'
import { type ApacheBroker, freePort, startApacheBroker } from '../support/apache-broker.ts'

const REAUTHENTICATION_MS = 2_000
const SECRET = 'alice-secret-7261'
const TOKENS = 'oauthbearer.OAuthBearerLoginModule'

const jaas = (mechanism: string, login: string) => ({
  [`listener.name.sasl_plaintext.${mechanism}.sasl.jaas.config`]: `org.apache.kafka.common.security.${login};`,
})

let broker: ApacheBroker
let plain: Kafka
let address: string
let topic: string

beforeAll(async () => {
  const [port, saslPort, controller] = [await freePort(), await freePort(), await freePort()]
  address = `127.0.0.1:${saslPort}`
  const listeners = `PLAINTEXT://127.0.0.1:${port},SASL_PLAINTEXT://${address}`
  broker = await startApacheBroker({
    port,
    heap: '512m',
    overrides: {
      listeners: `${listeners},CONTROLLER://127.0.0.1:${controller}`,
      'controller.quorum.voters': `1@127.0.0.1:${controller}`,
      'advertised.listeners': listeners,
      'listener.security.protocol.map':
        'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT',
      'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER',
      'connections.max.reauth.ms': String(REAUTHENTICATION_MS),
      'delegation.token.secret.key': 'secret of the cluster',
      ...jaas('plain', `plain.PlainLoginModule required user_alice="${SECRET}"`),
      ...jaas('scram-sha-256', 'scram.ScramLoginModule required'),
      ...jaas('scram-sha-512', 'scram.ScramLoginModule required'),
      ...jaas('oauthbearer', `${TOKENS} required unsecuredLoginStringClaim_sub="alice"`),
    },
  })
  plain = new Kafka({ brokers: broker.bootstrap })
  topic = await createTopic(plain)
  for (const [hash, mechanism] of [
    ['sha256', 1],
    ['sha512', 2],
  ] as const) {
    const salt = Buffer.from(`salt of ${hash}`)
    const saltedPassword = pbkdf2Sync(SECRET, salt, 4096, hash === 'sha256' ? 32 : 64, hash)
    const user = { name: 'alice', mechanism, iterations: 4096, salt, saltedPassword }
    const { results } = await plain.request(
      apis.alterUserScramCredentials,
      { deletions: [], upsertions: [user] },
      { broker: 'controller' },
    )
    expect(results.map(({ errorCode }) => errorCode)).toEqual([0])
  }
})
afterAll(async () => {
  await plain.close()
  await broker.stop()
})

/** A token that Apache Kafka takes without a signature, as it does for trials. */
function unsignedToken(lifetimeSeconds = 3600): string {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const iat = Math.floor(Date.now() / 1000)
  return `${encode({ alg: 'none' })}.${encode({ sub: 'alice', iat, exp: iat + lifetimeSeconds })}.`
}

const MECHANISMS: Readonly<Record<string, SaslOptions>> = {
  PLAIN: { mechanism: 'PLAIN', username: 'alice', password: SECRET },
  'SCRAM-SHA-256': { mechanism: 'SCRAM-SHA-256', username: 'alice', password: async () => SECRET },
  'SCRAM-SHA-512': { mechanism: 'SCRAM-SHA-512', username: 'alice', password: SECRET },
  OAUTHBEARER: { mechanism: 'OAUTHBEARER', token: () => unsignedToken() },
}

describe.each(Object.entries(MECHANISMS))('login with %s', (name, sasl) => {
  test('lets the client work, beyond the lifetime of a session', async () => {
    const ended: unknown[] = []
    const logger = { debug: (what: string) => what === 'connection ended' && ended.push(what) }
    const noop = () => undefined
    const kafka = new Kafka({
      brokers: address,
      sasl,
      logger: { ...logger, info: noop, warn: noop, error: noop } as never,
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

test('a provider of tokens is asked once for all connections', async () => {
  let asked = 0
  const provider = createServer((_request, response) => {
    asked++
    response.end(JSON.stringify({ access_token: unsignedToken(), expires_in: 3600 }))
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
  ['an old token', { mechanism: 'OAUTHBEARER', token: () => unsignedToken(-3600) }, 'refused'],
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
