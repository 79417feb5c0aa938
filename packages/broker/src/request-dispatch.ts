/**
 * From a frame to the frame of its answer: header, handler, body, answer.
 *
 * A key or version that is not served ends the connection, as Apache Kafka does; only ApiVersions
 * is answered in version 0 with error 35, so that a newer client can step down (KIP-511).
 */
import { OttlaError } from '@ottla/base'
import type { ResponseFrame, ServerConnection } from '@ottla/network'
import {
  apis,
  decodeRequestBody,
  encodeResponse,
  errorCode,
  type Fields,
  type FieldsInput,
  Reader,
  readRequestHeader,
} from '@ottla/protocol'
import type { BrokerServices, RequestContext } from './broker-services.ts'
import type { Handler, HandlerResult } from './handler.ts'

export class UnsupportedRequestError extends OttlaError {
  constructor(apiKey: number, apiVersion: number) {
    super(`Request with key ${apiKey} and version ${apiVersion} is not served`, {
      code: 'UNSUPPORTED_REQUEST',
      hint: 'The client must ask with ApiVersions what this broker speaks.',
    })
  }
}

export class RequestDispatch {
  private readonly services: BrokerServices
  private readonly byKey: (Handler | undefined)[] = []

  constructor(services: BrokerServices, handlers: readonly Handler[]) {
    this.services = services
    for (const handler of handlers) this.byKey[handler.api.key] = handler
  }

  handle(lent: Buffer, connection: ServerConnection): ResponseFrame | Promise<ResponseFrame> {
    const isBorrowed = lent.length >= 2 && this.byKey[lent.readInt16BE(0)]?.borrowsFrame === true
    const frame = isBorrowed ? lent : Buffer.from(lent)
    const reader = new Reader(frame)
    const header = readRequestHeader(reader)
    const { apiKey, apiVersion, correlationId } = header
    const handler = this.byKey[apiKey]
    if (!handler || apiVersion < handler.lowest || apiVersion > handler.highest) {
      if (apiKey === apis.apiVersions.key) return this.stepDown(correlationId, handler)
      throw new UnsupportedRequestError(apiKey, apiVersion)
    }
    const body = decodeRequestBody(handler.api, apiVersion, reader)
    const { metrics } = this.services
    const startMs = this.services.clock.monotonicMs()
    metrics.requestStarted(apiKey, frame.length)
    const answer = (result: HandlerResult<FieldsInput<Fields>>): ResponseFrame => {
      metrics.requestEnded(apiKey, this.services.clock.monotonicMs() - startMs)
      if (result === null || result === 'close') return result
      const chunks = encodeResponse(handler.api, apiVersion, correlationId, result)
      return context.onSent ? { chunks, onSent: context.onSent } : chunks
    }
    const context: RequestContext = {
      apiVersion,
      clientId: header.clientId ?? '',
      connection,
      onSent: undefined,
    }
    const result = handler.handle(this.services, context, body)
    return result instanceof Promise ? result.then(answer) : answer(result)
  }

  private stepDown(correlationId: number, handler: Handler | undefined): Buffer[] {
    return encodeResponse(apis.apiVersions, 0, correlationId, {
      errorCode: errorCode('UNSUPPORTED_VERSION'),
      apiKeys: [
        {
          apiKey: apis.apiVersions.key,
          minVersion: handler?.lowest ?? 0,
          maxVersion: handler?.highest ?? 0,
        },
      ],
    })
  }
}
