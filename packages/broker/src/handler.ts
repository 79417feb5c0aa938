/**
 * A handler answers one API. The list in handlers/handlers.ts is the only place that says what the
 * broker speaks: dispatch, ApiVersions and the reference page read it.
 */
import type { Api, Fields, FieldsInput, FieldsValue } from '@ottla/protocol'
import type { BrokerServices, RequestContext } from './broker-services.ts'

/** null: the request has no answer (acks=0). 'close': the answer is a closed connection. */
export type HandlerResult<S> = S | null | 'close'

export interface Handler {
  readonly api: Api
  readonly lowest: number
  readonly highest: number
  /** First version in ApiVersions where that differs from what is served (KAFKA-18659). */
  readonly advertisedLowest: number
  /** Whether ApiVersions offers it; it is served all the same. */
  readonly isAdvertised: (services: BrokerServices) => boolean
  /** The handler keeps nothing of the request's bytes once it has returned to its caller. */
  readonly borrowsFrame: boolean
  readonly handle: (
    services: BrokerServices,
    context: RequestContext,
    request: FieldsValue<Fields>,
  ) => HandlerResult<FieldsInput<Fields>> | Promise<HandlerResult<FieldsInput<Fields>>>
}

export function handler<Q extends Fields, S extends Fields>(
  api: Api<Q, S>,
  versions: {
    readonly lowest: number
    readonly highest: number
    readonly advertisedLowest?: number
    readonly isAdvertised?: Handler['isAdvertised']
    readonly borrowsFrame?: boolean
  },
  handle: (
    services: BrokerServices,
    context: RequestContext,
    request: FieldsValue<Q>,
  ) => HandlerResult<FieldsInput<S>> | Promise<HandlerResult<FieldsInput<S>>>,
): Handler {
  return {
    api: api as unknown as Api,
    lowest: versions.lowest,
    highest: versions.highest,
    advertisedLowest: versions.advertisedLowest ?? versions.lowest,
    isAdvertised: versions.isAdvertised ?? (() => true),
    borrowsFrame: versions.borrowsFrame ?? false,
    handle: handle as unknown as Handler['handle'],
  }
}
