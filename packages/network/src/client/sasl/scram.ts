/**
 * SCRAM (RFC 5802, 7677) from the client's side: the password never goes over the wire, and the
 * broker proves that it knows it too.
 *
 *   client  n,,n=USER,r=NONCE
 *   broker  r=NONCE+,s=SALT,i=ITERATIONS
 *   client  c=biws,r=NONCE+,p=PROOF
 *   broker  v=SIGNATURE
 */
import { createHash, createHmac, pbkdf2, randomBytes, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { AuthenticationError } from '../connection-errors.ts'

export type ScramHash = 'sha256' | 'sha512'

const GS2_HEADER = 'n,,'
/** Fewer would make the proof cheap to guess from; Kafka stores no fewer. */
const ITERATIONS_MIN = 4096
/** More would let a broker keep this process busy. */
const ITERATIONS_MAX = 10_000_000

const derive = promisify(pbkdf2)

/** Kafka's extension: the name is that of a delegation token. */
const TOKEN_EXTENSION = ',tokenauth=true'

export interface ScramLogin {
  readonly username: string
  readonly password: string
  readonly isDelegationToken?: boolean
}

export function scramExchange(
  hash: ScramHash,
  login: ScramLogin,
  nonce: string = randomBytes(24).toString('base64url'),
) {
  const hmac = (key: Buffer, text: string) => createHmac(hash, key).update(text).digest()
  const extension = login.isDelegationToken ? TOKEN_EXTENSION : ''
  const clientFirst = `n=${escapeName(login.username)},r=${nonce}${extension}`
  let signature: Buffer | undefined

  const proof = async (serverFirst: string): Promise<Buffer> => {
    const { r: both = '', s: salt = '', i = '' } = fieldsOf(serverFirst)
    const iterations = Number(i)
    if (!both.startsWith(nonce) || both.length === nonce.length) throw untrue('its nonce is wrong')
    if (!(iterations >= ITERATIONS_MIN && iterations <= ITERATIONS_MAX)) {
      throw untrue(`it asks for ${i} iterations`)
    }
    const size = hash === 'sha256' ? 32 : 64
    const salted = await derive(login.password, Buffer.from(salt, 'base64'), iterations, size, hash)
    const clientKey = hmac(salted, 'Client Key')
    const storedKey = createHash(hash).update(clientKey).digest()
    const final = `c=${Buffer.from(GS2_HEADER).toString('base64')},r=${both}`
    const authMessage = `${clientFirst},${serverFirst},${final}`
    const clientSignature = hmac(storedKey, authMessage)
    signature = hmac(hmac(salted, 'Server Key'), authMessage)
    const bytes = clientKey.map((byte, i) => byte ^ (clientSignature[i] as number))
    return Buffer.from(`${final},p=${Buffer.from(bytes).toString('base64')}`)
  }

  const verify = (serverFinal: string): void => {
    const { e, v = '' } = fieldsOf(serverFinal)
    if (e !== undefined) throw untrue(`it says ${e}`)
    const given = Buffer.from(v, 'base64')
    const expected = signature as Buffer
    const isTrue = given.length === expected.length && timingSafeEqual(given, expected)
    if (!isTrue) throw untrue('it does not know the password itself')
  }

  return async (challenge: Buffer | undefined): Promise<Buffer | undefined> => {
    if (challenge === undefined) return Buffer.from(GS2_HEADER + clientFirst)
    if (signature === undefined) return await proof(challenge.toString())
    verify(challenge.toString())
    return undefined
  }
}

const escapeName = (name: string): string => name.replaceAll('=', '=3D').replaceAll(',', '=2C')

function fieldsOf(message: string): Readonly<Record<string, string | undefined>> {
  return Object.fromEntries(message.split(',').map((field) => [field[0], field.slice(2)]))
}

const untrue = (reason: string): AuthenticationError =>
  new AuthenticationError(`The broker could not be trusted: ${reason}`)
