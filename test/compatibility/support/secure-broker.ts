/**
 * Apache Kafka with a listener for each way in: plain, TLS, TLS with certificates of clients, and
 * logins over TLS and without. ottla's broker has none of them but the first yet.
 */
import { pbkdf2Sync } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Kafka } from '@ottla/client'
import { apis } from '@ottla/protocol'
import { freePort, startApacheBroker } from './apache-broker.ts'
import { type Certificate, CertificateAuthority } from './certificates.ts'

const ITERATIONS = 4096
const SCRAM = { 'SCRAM-SHA-256': [1, 'sha256', 32], 'SCRAM-SHA-512': [2, 'sha512', 64] } as const

export interface ScramUser {
  readonly name: string
  readonly mechanism: keyof typeof SCRAM
  readonly password: string
}

export const ALICE_SECRET = 'alice-secret-7261'

/** Alice, who may log in with PLAIN and with both kinds of SCRAM. */
export const ALICE = {
  plainUsers: { alice: ALICE_SECRET },
  scramUsers: (['SCRAM-SHA-256', 'SCRAM-SHA-512'] as const).map((mechanism) => ({
    name: 'alice',
    mechanism,
    password: ALICE_SECRET,
  })),
}

export interface SecureBrokerOptions {
  /** Passwords by user, for PLAIN. */
  readonly plainUsers: Readonly<Record<string, string>>
  readonly scramUsers: readonly ScramUser[]
  /** Kafka's own settings besides. */
  readonly settings?: Readonly<Record<string, string>>
}

const LISTENERS = ['PLAINTEXT', 'SSL', 'MUTUAL', 'SASL_PLAINTEXT', 'SASL_SSL'] as const
type Listener = (typeof LISTENERS)[number]

export interface SecureBroker {
  /** `127.0.0.1:PORT` by listener; `MUTUAL` is TLS that asks for a certificate of the client. */
  readonly addresses: Readonly<Record<Listener, string>>
  /** Certificate of the authority behind the broker's, PEM. */
  readonly ca: string
  /** Of a client that `MUTUAL` lets in. */
  readonly client: Certificate
  stop(): Promise<void>
}

export async function startSecureBroker(options: SecureBrokerOptions): Promise<SecureBroker> {
  const folder = mkdtempSync(join(tmpdir(), 'ottla-secure-'))
  const authority = new CertificateAuthority(folder)
  const ports: number[] = []
  for (const _ of LISTENERS) ports.push(await freePort())
  const addresses = Object.fromEntries(
    LISTENERS.map((name, i) => [name, `127.0.0.1:${ports[i]}`]),
  ) as Record<Listener, string>
  const broker = await startApacheBroker({
    heap: '512m',
    port: ports[0] as number,
    overrides: {
      ...listenerSettings(addresses, await freePort()),
      ...tlsSettings(authority.issue('localhost').store, authority.file),
      ...loginSettings(options.plainUsers),
      ...options.settings,
    },
  })
  const stop = async () => {
    await broker.stop()
    rmSync(folder, { recursive: true })
  }
  try {
    await createScramUsers(addresses.PLAINTEXT, options.scramUsers)
  } catch (error) {
    await stop()
    throw error
  }
  return { addresses, ca: authority.cert, client: authority.issue('client'), stop }
}

function listenerSettings(addresses: Readonly<Record<Listener, string>>, controller: number) {
  const listeners = LISTENERS.map((name) => `${name}://${addresses[name]}`).join()
  const protocols = LISTENERS.map((name) => `${name}:${name === 'MUTUAL' ? 'SSL' : name}`).join()
  return {
    listeners: `${listeners},CONTROLLER://127.0.0.1:${controller}`,
    'controller.quorum.voters': `1@127.0.0.1:${controller}`,
    'advertised.listeners': listeners,
    'listener.security.protocol.map': `${protocols},CONTROLLER:PLAINTEXT`,
  }
}

const tlsSettings = (store: string, authority: string) => ({
  'ssl.keystore.type': 'PEM',
  'ssl.keystore.location': store,
  'ssl.truststore.type': 'PEM',
  'ssl.truststore.location': authority,
  'listener.name.mutual.ssl.client.auth': 'required',
})

function loginSettings(plainUsers: Readonly<Record<string, string>>): Record<string, string> {
  const users = Object.entries(plainUsers).map(([name, secret]) => `user_${name}="${secret}"`)
  const modules = {
    plain: `plain.PlainLoginModule required ${users.join(' ')}`,
    'scram-sha-256': 'scram.ScramLoginModule required',
    'scram-sha-512': 'scram.ScramLoginModule required',
    oauthbearer: 'oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="test"',
  }
  const settings: Record<string, string> = {
    'sasl.enabled.mechanisms': Object.keys(modules).join().toUpperCase(),
  }
  for (const listener of ['sasl_plaintext', 'sasl_ssl']) {
    for (const [mechanism, login] of Object.entries(modules)) {
      const key = `listener.name.${listener}.${mechanism}.sasl.jaas.config`
      settings[key] = `org.apache.kafka.common.security.${login};`
    }
  }
  return settings
}

/** One request each: Kafka refuses two mechanisms of a user in the same. */
async function createScramUsers(brokers: string, users: readonly ScramUser[]): Promise<void> {
  await using kafka = new Kafka({ brokers })
  for (const { name, mechanism, password } of users) {
    const [number, hash, bytes] = SCRAM[mechanism]
    const salt = Buffer.from(`salt of ${name}`)
    const saltedPassword = pbkdf2Sync(password, salt, ITERATIONS, bytes, hash)
    const { results } = await kafka.request(
      apis.alterUserScramCredentials,
      {
        deletions: [],
        upsertions: [{ name, mechanism: number, iterations: ITERATIONS, salt, saltedPassword }],
      },
      { broker: 'controller' },
    )
    const refused = results.find(({ errorCode }) => errorCode !== 0)
    if (refused) throw new Error(`user ${name} was refused: ${refused.errorMessage}`)
  }
}

/** A token without a signature, which Apache Kafka takes where no other way was configured. */
export function unsignedToken(sub: string, lifetimeSeconds = 3600): string {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const iat = Math.floor(Date.now() / 1000)
  return `${encode({ alg: 'none' })}.${encode({ sub, iat, exp: iat + lifetimeSeconds })}.`
}
