/**
 * kafkajs's `sasl` option as a login of the engine.
 *
 * A mechanism of the application's own speaks first and asks for answers, the engine asks for the
 * next message: `turned` runs the one as a coroutine of the other. kafkajs hands messages over with
 * their size in front, which the wire does not want.
 */

import type { SaslOptions as EngineLogin } from '@ottla/client'
import { AuthenticationError, type SaslBroker, type SaslExchange } from '@ottla/network'
import { KafkaJSNonRetriableError, KafkaJSSASLAuthenticationError } from '../errors.ts'
import type { Mechanism, SASLOptions, SaslAuthenticateArgs } from '../types/config.ts'
import type { Logger } from '../types/logging.ts'

const SIZE_BYTES = 4

export function loginOf(sasl: SASLOptions | Mechanism, logger: Logger): EngineLogin {
  if ('authenticationProvider' in sasl) return customLogin(sasl, logger)
  const mechanism = sasl.mechanism.toUpperCase()
  switch (mechanism) {
    case 'PLAIN':
    case 'SCRAM-SHA-256':
    case 'SCRAM-SHA-512': {
      const { username, password } = sasl as { username: string; password: string }
      if (username == null || password == null) {
        const shown = mechanism.replace('SCRAM-SHA-', 'SCRAM SHA')
        const message = `SASL ${shown}: Invalid username or password`
        return refusing(mechanism, new KafkaJSSASLAuthenticationError(message))
      }
      return { mechanism, username, password }
    }
    case 'OAUTHBEARER':
      return tokenLogin(sasl as { oauthBearerProvider?: () => Promise<{ value: string }> })
    case 'AWS':
      return awsLogin(sasl as Extract<SASLOptions, { mechanism: 'aws' }>)
    default:
      throw new KafkaJSNonRetriableError(
        `SASL ${mechanism}: unknown mechanism. plain, scram-sha-256, scram-sha-512, oauthbearer ` +
          'and aws are built in; any other needs an authenticationProvider.',
      )
  }
}

function tokenLogin(sasl: {
  oauthBearerProvider?: () => Promise<{ value: string; extensions?: Record<string, string> }>
}): EngineLogin {
  const prefix = 'SASL OAUTHBEARER:'
  const token = async () => {
    if (sasl.oauthBearerProvider == null) {
      throw refusal(`${prefix} Missing OAuth bearer token provider`)
    }
    const { value, extensions } = await sasl.oauthBearerProvider()
    if (value == null) throw refusal(`${prefix} Invalid OAuth bearer token`)
    return extensions ? { value, extensions } : { value }
  }
  return { mechanism: 'OAUTHBEARER', token }
}

/** The mechanism of one hosted Kafka: four parts in one message, and any answer will do. */
function awsLogin(sasl: Extract<SASLOptions, { mechanism: 'aws' }>): EngineLogin {
  const { authorizationIdentity, accessKeyId, secretAccessKey, sessionToken = '' } = sasl
  const needed = { authorizationIdentity, accessKeyId, secretAccessKey }
  const missing = Object.entries(needed).find(([, value]) => !value)?.[0]
  if (missing) {
    return refusing('AWS', new KafkaJSSASLAuthenticationError(`SASL AWS-IAM: Missing ${missing}`))
  }
  const parts = [authorizationIdentity, accessKeyId, secretAccessKey, sessionToken]
  const message = Buffer.from(parts.join('\0'))
  return {
    mechanism: 'AWS',
    exchange: () => (challenge) => (challenge === undefined ? message : undefined),
  }
}

/** Fails when it is used, as kafkajs does, instead of when it is configured. */
function refusing(mechanism: string, error: KafkaJSSASLAuthenticationError): EngineLogin {
  return {
    mechanism,
    exchange: () => () => {
      throw refusal(error.message, error)
    },
  }
}

function refusal(message: string, cause?: Error): AuthenticationError {
  const error = new AuthenticationError(message)
  error.cause = cause ?? new KafkaJSSASLAuthenticationError(message)
  return error
}

function customLogin(sasl: Mechanism, logger: Logger): EngineLogin {
  const mechanism = sasl.mechanism.toUpperCase()
  const named = logger.namespace(`SaslAuthenticator-${mechanism}`)
  return { mechanism, exchange: (broker) => turned(sasl, broker, named) }
}

type Step = { readonly message: Buffer } | { readonly error: unknown } | 'done'

function turned(sasl: Mechanism, broker: SaslBroker, logger: Logger): SaslExchange {
  let tell: (step: Step) => void = () => {}
  let answer: (bytes: Buffer) => void = () => {}
  const saslAuthenticate = async <R>({ request, response }: SaslAuthenticateArgs<R>) => {
    const encoded = await request.encode()
    const answered = new Promise<Buffer>((resolve) => {
      answer = resolve
    })
    tell({ message: encoded.subarray(SIZE_BYTES) })
    const bytes = await answered
    if (!response) return
    const size = Buffer.alloc(SIZE_BYTES)
    size.writeInt32BE(bytes.length)
    return response.parse(await response.decode(Buffer.concat([size, bytes])))
  }
  return (challenge) => {
    const next = new Promise<Step>((resolve) => {
      tell = resolve
    })
    if (challenge === undefined) {
      const done = async () => {
        const authenticator = sasl.authenticationProvider({ ...broker, logger, saslAuthenticate })
        await authenticator.authenticate()
      }
      done().then(
        () => tell('done'),
        (error: unknown) => tell({ error }),
      )
    } else answer(challenge)
    return next.then((step) => {
      if (step === 'done') return undefined
      if ('message' in step) return step.message
      throw refusal((step.error as Error).message, step.error as Error)
    })
  }
}
