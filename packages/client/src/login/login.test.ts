import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { inspect } from 'node:util'
import { expect, test } from 'vitest'
import { mskIam, mskToken } from './msk-iam.ts'
import { oidc } from './oidc.ts'
import { azureEventHubs, confluentCloud } from './presets.ts'
import { sharedToken } from './token-cache.ts'

const SECRET = 'se:cr%et ü'

/** A provider of tokens that answers what it is told to, and keeps what it was asked. */
async function withProvider(
  answers: readonly (readonly [status: number, body: unknown])[],
  work: (
    url: string,
    asked: { authorization: string | undefined; body: string }[],
  ) => Promise<void>,
) {
  const asked: { authorization: string | undefined; body: string }[] = []
  const textOf = async (request: IncomingMessage) => {
    let text = ''
    for await (const chunk of request.setEncoding('utf8')) text += chunk as string
    return text
  }
  const server = createServer((request, response) => {
    void textOf(request).then((body) => {
      const [status, answer] = answers[asked.length] ?? [500, 'no more answers']
      asked.push({ authorization: request.headers.authorization, body })
      response.writeHead(status, { 'content-type': 'application/json' })
      response.end(typeof answer === 'string' ? answer : JSON.stringify(answer))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    await work(`http://127.0.0.1:${(server.address() as AddressInfo).port}/token`, asked)
  } finally {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
}

test('a token is asked for once, and again when most of its time is over', async () => {
  let now = 1_000
  let count = 0
  const token = sharedToken(() => Promise.resolve({ value: `t${++count}`, lifetimeMs: 1_000 }), {
    monotonicMs: () => now,
  })
  expect(await Promise.all([token(), token()])).toEqual(['t1', 't1'])
  now += 799
  expect(await token()).toBe('t1')
  now += 1
  expect(await token()).toBe('t2')
})

test('a failure is not kept', async () => {
  let count = 0
  const token = sharedToken(() =>
    ++count === 1
      ? Promise.reject(new Error('down'))
      : Promise.resolve({ value: 't', lifetimeMs: 1_000_000 }),
  )
  await expect(token()).rejects.toThrow('down')
  expect(await token()).toBe('t')
})

test('oidc asks with client credentials, as RFC 6749 says', () =>
  withProvider([[200, { access_token: 'jwt', expires_in: 60 }]], async (tokenEndpoint, asked) => {
    const login = oidc({
      ...{ tokenEndpoint, clientId: 'a b', clientSecret: () => SECRET, scope: 'kafka read' },
      extensions: { logicalCluster: 'lkc-1' },
    })
    expect(login.mechanism).toBe('OAUTHBEARER')
    const token = { value: 'jwt', extensions: { logicalCluster: 'lkc-1' } }
    expect(await Promise.all([login.token(), login.token()])).toEqual([token, token])
    const credentials = Buffer.from('a%20b:se%3Acr%25et%20%C3%BC').toString('base64')
    expect(asked).toEqual([
      {
        authorization: `Basic ${credentials}`,
        body: 'grant_type=client_credentials&scope=kafka+read',
      },
    ])
  }))

test.each<[number, unknown, string, string]>([
  [401, { error: 'invalid_client' }, 'AUTHENTICATION', 'status 401, invalid_client'],
  [200, { token: 'x' }, 'AUTHENTICATION', 'no access_token'],
  [429, '', 'CONNECTION', 'status 429'],
  [503, '<html>', 'CONNECTION', 'status 503'],
])('oidc tells of an answer %i %j', (status, body, code, message) =>
  withProvider([[status, body]], async (tokenEndpoint) => {
    const login = oidc({ tokenEndpoint, clientId: 'a', clientSecret: SECRET })
    const error = await Promise.resolve(login.token()).catch((failure: unknown) => failure)
    expect(error).toMatchObject({ code, message: expect.stringContaining(message) })
    expect(inspect(error, { depth: 9 })).not.toContain('se:cr')
  }),
)

test('oidc tells of a provider that is not there', async () => {
  const login = oidc({ tokenEndpoint: 'http://127.0.0.1:1/', clientId: 'a', clientSecret: SECRET })
  await expect(login.token()).rejects.toMatchObject({ code: 'CONNECTION' })
})

const AWS = {
  accessKeyId: 'AKIDEXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
}

// Signatures of aws-msk-iam-sasl-signer-js 1.0.3 at this moment.
test.each([
  [undefined, '51ba72996423e9b2704fb5b8919a3061185337b0e9ebfbbdef592a7066e805c2'],
  [
    "IQoJb3JpZ2luX2VjEA//+=*'()!tok",
    'd8b4e22064b4dbc6e83f8cf74bd60ca0d10e1ee5e4dd9a218b15acf5e63991a4',
  ],
])("mskIam signs as AWS's own signer, with session token %s", (sessionToken, signature) => {
  const token = mskToken('eu-central-1', { ...AWS, sessionToken }, new Date(1_790_000_000_000))
  const url = new URL(Buffer.from(token, 'base64url').toString())
  expect(url.host).toBe('kafka.eu-central-1.amazonaws.com')
  expect(url.searchParams.get('Action')).toBe('kafka-cluster:Connect')
  expect(url.searchParams.get('X-Amz-Credential')).toBe(
    'AKIDEXAMPLE/20260921/eu-central-1/kafka-cluster/aws4_request',
  )
  expect(url.searchParams.get('X-Amz-Security-Token')).toBe(sessionToken ?? null)
  expect(url.searchParams.get('X-Amz-Signature')).toBe(signature)
})

test('mskIam asks for credentials with each token', async () => {
  let count = 0
  const login = mskIam({ region: 'r', credentials: () => ({ ...AWS, sessionToken: `${++count}` }) })
  const sessions = [await login.token(), await login.token()].map((token) =>
    new URL(Buffer.from(token as string, 'base64url').toString()).searchParams.get(
      'X-Amz-Security-Token',
    ),
  )
  expect(sessions).toEqual(['1', '2'])
})

test('hosted Kafkas are TLS and a login', () => {
  expect(confluentCloud({ apiKey: 'k', apiSecret: 's' })).toEqual({
    tls: true,
    sasl: { mechanism: 'PLAIN', username: 'k', password: 's' },
  })
  expect(azureEventHubs({ connectionString: 'Endpoint=sb://n/' }).sasl).toMatchObject({
    username: '$ConnectionString',
    password: 'Endpoint=sb://n/',
  })
})
