/**
 * Requests to a registry: several URLs in turn, retries, credentials.
 *
 * Must always hold: a request ends after a bounded number of tries of bounded time each, and no
 * error carries credentials. Everything a registry does may be repeated: registering the same
 * schema twice gives the same id.
 */
import { type Clock, ConfigError, delay, messageOf, realClock } from '@ottla/base'
import { isServerFault, type RequestSubject, SchemaRegistryError } from './schema-registry-error.ts'

export type RegistryAuth =
  | { readonly username: string; readonly password: string }
  /** A bearer token; a function is asked before each request, so that it may renew the token. */
  | { readonly token: string | (() => string | Promise<string>) }

export interface RegistryHttpOptions {
  /** Where the registry is. Of several, one that fails is left for the next. */
  readonly urls: string | readonly string[]
  readonly auth?: RegistryAuth | undefined
  /** Sent with each request. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Milliseconds for one try. Default 10000. */
  readonly timeoutMs?: number | undefined
  /** Rounds through all URLs after the first, when none answers. Default 3. */
  readonly retries?: number | undefined
  /** Milliseconds before the first retry, doubled with each, up to 2000. Default 100. */
  readonly retryBackoffMs?: number | undefined
  readonly clock?: Clock | undefined
}

export interface RegistryRequest {
  /** For errors: "Registering a schema under orders-value". */
  readonly what: string
  readonly about: RequestSubject
  readonly path: string
  /** Makes it a POST. */
  readonly body?: unknown
}

const MEDIA_TYPE = 'application/vnd.schemaregistry.v1+json'
const RETRY_BACKOFF_MS_MAX = 2_000

export class RegistryHttp {
  private readonly bases: readonly string[]
  private readonly auth: RegistryAuth | undefined
  private readonly options: RegistryHttpOptions
  /** The URL that answered last. */
  private current = 0

  constructor(options: RegistryHttpOptions) {
    this.options = options
    const urls = (typeof options.urls === 'string' ? [options.urls] : options.urls).map(parseUrl)
    if (urls.length === 0) throw new ConfigError('urls', [], 'urls is empty; name one at least')
    this.bases = urls.map(({ base }) => base)
    this.auth = options.auth ?? urls.find(({ auth }) => auth)?.auth
  }

  async request(request: RegistryRequest): Promise<unknown> {
    const { retries = 3, retryBackoffMs = 100, clock = realClock } = this.options
    let failure: SchemaRegistryError | undefined
    for (let round = 0; round <= retries; round++) {
      if (round > 0) {
        await delay(clock, Math.min(retryBackoffMs * 2 ** (round - 1), RETRY_BACKOFF_MS_MAX))
      }
      for (let i = 0; i < this.bases.length; i++) {
        const index = (this.current + i) % this.bases.length
        const answer = await this.attempt(this.bases[index] as string, request)
        if (!(answer instanceof SchemaRegistryError)) {
          this.current = index
          return answer.body
        }
        if (!answer.isRetriable) throw answer
        failure = answer
      }
    }
    throw failure
  }

  private async attempt(
    base: string,
    { what, about, path, body }: RegistryRequest,
  ): Promise<{ readonly body: unknown } | SchemaRegistryError> {
    const headers = {
      ...this.options.headers,
      accept: `${MEDIA_TYPE}, application/json`,
      ...(body !== undefined && { 'content-type': MEDIA_TYPE }),
      ...(await this.authorization()),
    }
    try {
      const response = await fetch(`${base}${path}`, {
        method: body === undefined ? 'GET' : 'POST',
        headers,
        signal: AbortSignal.timeout(this.options.timeoutMs ?? 10_000),
        ...(body !== undefined && { body: JSON.stringify(body) }),
      })
      const text = await response.text()
      if (response.ok) return { body: parseAnswer(text) }
      const { errorCode, reason } = refusal(response.status, text)
      return new SchemaRegistryError(what, { errorCode, reason, about })
    } catch (error) {
      const reason = `${base} did not answer: ${rootMessage(error)}`
      return new SchemaRegistryError(what, { reason, about })
    }
  }

  private async authorization(): Promise<Record<string, string>> {
    const { auth } = this
    if (!auth) return {}
    if ('token' in auth) {
      const token = typeof auth.token === 'string' ? auth.token : await auth.token()
      return { authorization: `Bearer ${token}` }
    }
    const pair = Buffer.from(`${auth.username}:${auth.password}`).toString('base64')
    return { authorization: `Basic ${pair}` }
  }
}

/** Credentials in a URL become `auth`, so that no message shows them. */
function parseUrl(text: string): { base: string; auth: RegistryAuth | undefined } {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (!url || !/^https?:$/.test(url.protocol)) {
    const hint = 'Write it like http://localhost:8081.'
    throw new ConfigError('urls', undefined, 'urls holds something that is no HTTP URL', hint)
  }
  const base = `${url.origin}${url.pathname.replace(/\/+$/, '')}`
  if (url.username === '') return { base, auth: undefined }
  const [username, password] = [decodeURIComponent(url.username), decodeURIComponent(url.password)]
  return { base, auth: { username, password } }
}

function parseAnswer(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new TypeError('the answer is no JSON; is the URL that of a schema registry?')
  }
}

function refusal(status: number, text: string): { errorCode: number; reason: string } {
  try {
    const answer = JSON.parse(text) as { error_code?: unknown; message?: unknown }
    const errorCode = Number.isInteger(answer.error_code) ? Number(answer.error_code) : status
    // The status has the last word about whether it is worth another try.
    const code = isServerFault(status) && !isServerFault(errorCode) ? status : errorCode
    return { errorCode: code, reason: String(answer.message ?? `HTTP ${status}`) }
  } catch {
    return { errorCode: status, reason: `HTTP ${status}` }
  }
}

/** What `fetch` says is "fetch failed"; the reason lies below. */
const rootMessage = (error: unknown): string =>
  error instanceof Error && error.cause instanceof Error
    ? messageOf(error.cause) || String((error.cause as { code?: unknown }).code)
    : messageOf(error)
