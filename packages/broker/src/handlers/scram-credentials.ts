/**
 * DescribeUserScramCredentials (key 50), version 0, and AlterUserScramCredentials (key 51),
 * version 0.
 *
 * Behaviour: credentials are kept in the metadata log as the keys that verify a password. Described
 * are mechanisms and iterations only, of the named users or (null, none) of all. A user can be
 * altered once per request.
 * Differences: no listener asks for SASL yet, so nobody logs in with them.
 */
import { createHash, createHmac } from 'node:crypto'
import {
  apis,
  type DescribeUserScramCredentialsResponse,
  errorCode,
  type InferInput,
} from '@ottla/protocol'
import { handler } from '../handler.ts'
import { alterScram, SCRAM_MECHANISMS, type ScramKeys } from '../metadata/scram-controller.ts'
import type { ScramImage } from '../metadata/scram-image.ts'

type Described = InferInput<typeof DescribeUserScramCredentialsResponse>['results'][number]

export const describeUserScramCredentials = handler(
  apis.describeUserScramCredentials,
  { lowest: 0, highest: 0 },
  ({ image }, _context, request) => {
    const asked = request.users?.map(({ name }) => name) ?? []
    const names = asked.length === 0 ? [...image.scram.names()] : asked
    const results = [...new Set(names)].map((user) => {
      const isTwice = names.indexOf(user) !== names.lastIndexOf(user)
      return describe(image.scram, user, isTwice)
    })
    return { throttleTimeMs: 0, errorCode: 0, errorMessage: '', results }
  },
)

function describe(scram: ScramImage, user: string, isTwice: boolean): Described {
  const credentialInfos = scram.of(user).map(({ mechanism, iterations }) => ({
    mechanism,
    iterations,
  }))
  if (!isTwice && credentialInfos.length > 0) {
    return { user, errorCode: 0, errorMessage: '', credentialInfos }
  }
  return {
    user,
    errorCode: errorCode(isTwice ? 'DUPLICATE_RESOURCE' : 'RESOURCE_NOT_FOUND'),
    errorMessage: isTwice
      ? `Cannot describe SCRAM credentials for the same user twice in a single request: ${user}`
      : `Attempt to describe a user credential that does not exist: ${user}`,
    credentialInfos: [],
  }
}

export const alterUserScramCredentials = handler(
  apis.alterUserScramCredentials,
  { lowest: 0, highest: 0 },
  async ({ metadata }, _context, request) => {
    const results = await metadata.change((image) => alterScram(image.scram, request, keysOf))
    return { throttleTimeMs: 0, results }
  },
)

/** RFC 5802: what the server keeps of a salted password. */
function keysOf(mechanism: number, saltedPassword: Buffer): ScramKeys {
  const { hash } = SCRAM_MECHANISMS.get(mechanism) as { hash: string }
  const hmac = (text: string) => createHmac(hash, saltedPassword).update(text).digest()
  const storedKey = createHash(hash).update(hmac('Client Key')).digest()
  return { storedKey, serverKey: hmac('Server Key') }
}
