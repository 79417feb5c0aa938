/**
 * Login to Amazon MSK with IAM: the token is the address of a request `kafka-cluster:Connect`,
 * signed with the fourth version of AWS's signature, as Base64 for URLs. Nothing is asked of AWS.
 */
import { createHash, createHmac } from 'node:crypto'
import type { TokenLogin } from '@ottla/network'

export interface AwsCredentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  /** Of temporary credentials. */
  readonly sessionToken?: string | undefined
}

export interface MskIamOptions {
  readonly region: string
  /**
   * Credentials, or where to get them for each token, such as a provider of AWS's SDK. Default:
   * `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`.
   */
  readonly credentials?:
    | AwsCredentials
    | (() => AwsCredentials | Promise<AwsCredentials>)
    | undefined
}

const SERVICE = 'kafka-cluster'
const EXPIRES_S = 900
const EMPTY_HASH = createHash('sha256').update('').digest('hex')

/** A login for `sasl`, with a token of its own for each connection; use it with `tls: true`. */
export function mskIam({ region, credentials = fromEnvironment }: MskIamOptions): TokenLogin {
  return {
    mechanism: 'OAUTHBEARER',
    token: async () =>
      mskToken(region, typeof credentials === 'function' ? await credentials() : credentials),
  }
}

function fromEnvironment(): AwsCredentials {
  const { env } = process
  const [accessKeyId, secretAccessKey] = [env['AWS_ACCESS_KEY_ID'], env['AWS_SECRET_ACCESS_KEY']]
  if (accessKeyId && secretAccessKey) {
    return { accessKeyId, secretAccessKey, sessionToken: env['AWS_SESSION_TOKEN'] }
  }
  throw new TypeError(
    'mskIam has no credentials: give `credentials`, or set AWS_ACCESS_KEY_ID and ' +
      'AWS_SECRET_ACCESS_KEY',
  )
}

export function mskToken(region: string, credentials: AwsCredentials, now = new Date()): string {
  const { accessKeyId, secretAccessKey, sessionToken } = credentials
  const host = `kafka.${region}.amazonaws.com`
  const time = now.toISOString().replace(/[-:]|\.\d+/g, '')
  const day = time.slice(0, 8)
  const scope = [day, region, SERVICE, 'aws4_request']
  const query: Record<string, string> = {
    Action: `${SERVICE}:Connect`,
    'X-Amz-Algorithm': 'AWS4-HMAC-SHA256',
    'X-Amz-Credential': [accessKeyId, ...scope].join('/'),
    'X-Amz-Date': time,
    'X-Amz-Expires': String(EXPIRES_S),
    ...(sessionToken && { 'X-Amz-Security-Token': sessionToken }),
    'X-Amz-SignedHeaders': 'host',
  }
  const text = Object.keys(query)
    .sort()
    .map((name) => `${encoded(name)}=${encoded(query[name] as string)}`)
    .join('&')
  const request = ['GET', '/', text, `host:${host}`, '', 'host', EMPTY_HASH].join('\n')
  const toSign = ['AWS4-HMAC-SHA256', time, scope.join('/'), sha256(request)].join('\n')
  const key = scope.reduce<string | Buffer>(hmac, `AWS4${secretAccessKey}`)
  const signature = hmac(key, toSign).toString('hex')
  const url = `https://${host}/?${text}&X-Amz-Signature=${signature}&User-Agent=ottla`
  return Buffer.from(url).toString('base64url')
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')
const hmac = (key: string | Buffer, text: string): Buffer =>
  createHmac('sha256', key).update(text).digest()

/** RFC 3986, of which `encodeURIComponent` leaves five characters out. */
const encoded = (text: string): string =>
  encodeURIComponent(text).replace(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  )
