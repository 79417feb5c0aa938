import { OttlaError } from '@ottla/base'

/** No connection could be made, or an open one ended while something waited for it. */
export class ConnectionError extends OttlaError {
  /** `host:port` of the broker. */
  readonly broker: string

  constructor(broker: string, reason: string, cause?: unknown) {
    super(`Connection to ${broker}: ${reason}`, {
      code: 'CONNECTION',
      hint: hintFor(cause, broker),
      ...(cause === undefined ? {} : { cause }),
    })
    this.broker = broker
  }
}

/** Broker and client do not take each other for who they say they are. Trying again is no help. */
export class AuthenticationError extends OttlaError {
  constructor(message: string) {
    super(message, {
      code: 'AUTHENTICATION',
      hint: 'Look at the option sasl: mechanism, user and password, or the token.',
    })
  }
}

/** The broker did not answer in time. The connection is closed, its other requests fail too. */
export class RequestTimeoutError extends OttlaError {
  readonly broker: string

  constructor(broker: string, api: string, timeoutMs: number) {
    super(`${broker} did not answer ${api} within ${timeoutMs} ms`, { code: 'REQUEST_TIMEOUT' })
    this.broker = broker
  }
}

/** The broker speaks no version of an API that this client speaks, or lacks the API. */
export class UnsupportedVersionError extends OttlaError {
  constructor(api: string, broker: string, detail: string) {
    super(`${api} cannot be sent to ${broker}: ${detail}`, { code: 'UNSUPPORTED_VERSION' })
  }
}

function hintFor(cause: unknown, broker: string): string | undefined {
  if (typeof cause !== 'object' || cause === null || !('code' in cause)) return undefined
  switch (cause.code) {
    case 'ECONNREFUSED':
      return `Nothing listens on ${broker}. Is the broker running, and is the port right?`
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `The name of ${broker} cannot be resolved.`
    case 'ERR_SSL_WRONG_VERSION_NUMBER':
      return `${broker} does not speak TLS on this port; leave out the tls option.`
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
      return 'The certificate is not trusted; pass the certificate authority as tls.ca.'
    case 'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED':
    case 'ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE':
      return `${broker} wants a certificate of the client; pass it as tls.cert and tls.key.`
    default:
      return undefined
  }
}
