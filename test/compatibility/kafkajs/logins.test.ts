/**
 * Logins and TLS of the package, against Apache Kafka: every way in that kafkajs has, and for each
 * wrong secret the error of kafkajs, which is asked as well.
 */
import { connect as connectTcp } from 'node:net'
import { connect as connectTls } from 'node:tls'
import {
  AclOperationTypes,
  AclPermissionTypes,
  AclResourceTypes,
  Kafka,
  type KafkaConfig,
  logLevel,
  ResourcePatternTypes,
  type SASLOptions,
} from '@ottla/kafkajs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { uniqueName, waitFor } from '../../integration/support/topics.ts'
import { kafkajsLibrary } from '../support/kafkajs.ts'
import { INSTALL_TIMEOUT_MS } from '../support/peers.ts'
import {
  ALICE,
  ALICE_SECRET as SECRET,
  type SecureBroker,
  startSecureBroker,
  unsignedToken,
} from '../support/secure-broker.ts'

let broker: SecureBroker
let theirs: typeof import('@ottla/kafkajs')

beforeAll(async () => {
  theirs = (await kafkajsLibrary()) as typeof theirs
  broker = await startSecureBroker({
    ...ALICE,
    settings: {
      // Shorter than the test of a session that ends.
      'connections.max.reauth.ms': '2000',
      'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
      'allow.everyone.if.no.acl.found': 'true',
      'super.users': 'User:ANONYMOUS',
    },
  })
}, INSTALL_TIMEOUT_MS)
afterAll(() => broker?.stop())

const QUIET = { logLevel: logLevel.NOTHING, retry: { retries: 2, initialRetryTime: 50 } }
const optionsFor = (address: string, more: Partial<KafkaConfig>): KafkaConfig => ({
  ...QUIET,
  brokers: [address],
  ...more,
})

/** A record goes out and comes back, under a group. */
async function roundTrip(options: KafkaConfig, untilMs = 0): Promise<string[]> {
  const kafka = new Kafka(options)
  const topic = uniqueName('login')
  const admin = kafka.admin()
  await admin.connect()
  await admin.createTopics({ topics: [{ topic, numPartitions: 1 }] })
  const producer = kafka.producer()
  const consumer = kafka.consumer({ groupId: uniqueName('group'), maxWaitTimeInMs: 100 })
  await Promise.all([producer.connect(), consumer.connect()])
  const seen: string[] = []
  await consumer.subscribe({ topic, fromBeginning: true })
  await consumer.run({ eachMessage: async ({ message }) => void seen.push(`${message.value}`) })
  const startMs = performance.now()
  let sent = 0
  do {
    await producer.send({ topic, messages: [{ value: `v${sent++}` }] })
    await waitFor(`${sent} records`, () => seen.length === sent)
  } while (performance.now() - startMs < untilMs)
  expect(seen).toEqual(Array.from({ length: sent }, (_, i) => `v${i}`))
  await Promise.all([producer.disconnect(), consumer.disconnect(), admin.disconnect()])
  return seen
}

const LOGINS: Readonly<Record<string, SASLOptions>> = {
  plain: { mechanism: 'plain', username: 'alice', password: SECRET },
  'scram-sha-256': { mechanism: 'scram-sha-256', username: 'alice', password: SECRET },
  'scram-sha-512': { mechanism: 'scram-sha-512', username: 'alice', password: SECRET },
  oauthbearer: {
    mechanism: 'oauthbearer',
    oauthBearerProvider: async () => ({ value: unsignedToken('alice') }),
  },
}

describe.each(Object.entries(LOGINS))('login with %s', (_, sasl) => {
  test('lets every client in', async () => {
    await roundTrip(optionsFor(broker.addresses.SASL_PLAINTEXT, { sasl }))
  })

  test('lets every client in over TLS', async () => {
    const { ca } = broker
    await roundTrip(optionsFor(broker.addresses.SASL_SSL, { sasl, ssl: { ca: [ca] } }))
  })
})

test('a login is renewed when its session ends', async () => {
  const sasl = LOGINS['scram-sha-512'] as SASLOptions
  const seen = await roundTrip(optionsFor(broker.addresses.SASL_PLAINTEXT, { sasl }), 5_000)
  expect(seen.length).toBeGreaterThan(10)
})

test('a topic that is refused is no hindrance to others', async () => {
  const [open, closed] = [uniqueName('open'), uniqueName('closed')]
  const admin = new Kafka(optionsFor(broker.addresses.PLAINTEXT, {})).admin()
  await admin.connect()
  await admin.createTopics({ topics: [{ topic: open }, { topic: closed }] })
  await admin.createAcls({
    acl: [
      {
        ...{ resourceType: AclResourceTypes.TOPIC, resourceName: closed },
        ...{
          resourcePatternType: ResourcePatternTypes.LITERAL,
          principal: 'User:alice',
          host: '*',
        },
        ...{ operation: AclOperationTypes.ALL, permissionType: AclPermissionTypes.DENY },
      },
    ],
  })
  await admin.disconnect()
  const sasl = LOGINS['plain'] as SASLOptions
  const kafka = new Kafka(optionsFor(broker.addresses.SASL_PLAINTEXT, { sasl }))
  const producer = kafka.producer()
  await producer.connect()
  const messages = [{ value: 'v' }]
  const send = (topic: string) => producer.send({ topic, messages }).catch((e: Error) => e)
  const answers = await Promise.all([closed, open, closed, open].map(send))
  await producer.disconnect()
  const refused = { cause: expect.objectContaining({ type: 'TOPIC_AUTHORIZATION_FAILED' }) }
  const written = [expect.objectContaining({ topicName: open, errorCode: 0 })]
  expect(answers).toEqual([
    ...[expect.objectContaining(refused), written, expect.objectContaining(refused), written],
  ])
})

test('a login of the application itself is asked', async () => {
  const sasl: KafkaConfig['sasl'] = {
    mechanism: 'plain',
    authenticationProvider: ({ saslAuthenticate }) => ({
      authenticate: async () => {
        const words = Buffer.from(`\0alice\0${SECRET}`)
        const size = Buffer.alloc(4)
        size.writeInt32BE(words.length)
        const encode = () => Buffer.concat([size, words])
        await saslAuthenticate({ request: { encode } })
      },
    }),
  }
  await roundTrip(optionsFor(broker.addresses.SASL_PLAINTEXT, { sasl }))
})

test.each(['SASL_SSL', 'SASL_PLAINTEXT'] as const)(
  'sockets that the application makes, as kafkajs makes its own, over %s',
  async (listener) => {
    let made = 0
    const socketFactory: NonNullable<KafkaConfig['socketFactory']> = (args) => {
      made++
      const { host, port, ssl, onConnect } = args
      return ssl
        ? connectTls({ host, port, ...ssl }, onConnect)
        : connectTcp({ host, port }, onConnect)
    }
    const ssl = listener === 'SASL_SSL' ? { ssl: { ca: [broker.ca] } } : {}
    const sasl = LOGINS['plain'] as SASLOptions
    await roundTrip(optionsFor(broker.addresses[listener], { sasl, socketFactory, ...ssl }))
    expect(made).toBeGreaterThan(2)
  },
)

describe('TLS', () => {
  test('with an authority that is named', async () => {
    await roundTrip(optionsFor(broker.addresses.SSL, { ssl: { ca: [broker.ca] } }))
  })

  test('with a certificate of the client, where one is asked for', async () => {
    const { ca, client } = broker
    const ssl = { ca: [ca], key: client.key, cert: client.cert }
    await roundTrip(optionsFor(broker.addresses.MUTUAL, { ssl }))
  })
})

/** What `connect` of an admin client of either library fails with. */
async function failureOf(library: typeof theirs, options: KafkaConfig): Promise<Error> {
  const admin = new library.Kafka(options).admin()
  try {
    await admin.connect()
  } catch (error) {
    return error as Error
  } finally {
    await admin.disconnect()
  }
  throw new Error('connect was expected to fail')
}

const wrong = { username: 'alice', password: `${SECRET}x` }
const WRONG: readonly (readonly [string, SASLOptions])[] = [
  ['SASL PLAIN', { mechanism: 'plain', ...wrong }],
  ['SASL SCRAM SHA256', { mechanism: 'scram-sha-256', ...wrong }],
  ['SASL SCRAM SHA512', { mechanism: 'scram-sha-512', username: 'nobody', password: SECRET }],
]

test('a token that was refused fails, which kafkajs takes for a welcome', async () => {
  const oauthBearerProvider = async () => ({ value: unsignedToken('alice', -3600) })
  const sasl: SASLOptions = { mechanism: 'oauthbearer', oauthBearerProvider }
  const options = optionsFor(broker.addresses.SASL_PLAINTEXT, { sasl })
  expect(await failureOf(await import('@ottla/kafkajs'), options)).toMatchObject({
    name: 'KafkaJSSASLAuthenticationError',
    message: expect.stringContaining('SASL OAUTHBEARER authentication failed'),
  })
})

describe('as in kafkajs, connecting fails with', () => {
  test.each(WRONG)('a wrong secret for %s', async (mechanism, sasl) => {
    const options = optionsFor(broker.addresses.SASL_PLAINTEXT, { sasl })
    const ours = await failureOf(await import('@ottla/kafkajs'), options)
    const given = await failureOf(theirs, options)
    expect(ours).toMatchObject({ name: given.name, message: expect.stringContaining(mechanism) })
    expect(given.message).toContain(mechanism)
    expect(ours.name).toBe('KafkaJSSASLAuthenticationError')
    expect(ours.message).not.toContain(SECRET)
  })

  test('an authority that is not known', async () => {
    const options = optionsFor(broker.addresses.SSL, { ssl: true })
    const ours = await failureOf(await import('@ottla/kafkajs'), options)
    const given = await failureOf(theirs, options)
    expect([ours.name, ours.message]).toEqual([given.name, given.message])
  })

  test('no certificate where one is asked for', async () => {
    const options = optionsFor(broker.addresses.MUTUAL, { ssl: { ca: [broker.ca] } })
    const ours = await failureOf(await import('@ottla/kafkajs'), options)
    const given = await failureOf(theirs, options)
    expect(ours.name).toBe(given.name)
  })
})
