/**
 * OpenTelemetry traces of a Kafka client, by the semantic conventions for messaging and for Kafka:
 *
 *   send orders (producer) --headers traceparent, ...--> process orders (consumer)
 *                                                   `--> poll orders (client), linked
 *
 * The context travels in the headers of the record, written and read by the propagator that the
 * application has set, W3C's by default.
 */

import {
  type Attributes,
  type Context,
  context,
  type Link,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  type TracerProvider,
  trace,
} from '@opentelemetry/api'
import type {
  ConsumerBatch,
  ConsumerRecord,
  ProducerRecord,
  RecordMetadata,
  TracedSend,
  Tracing,
} from '@ottla/client'

const NAME = '@ottla/opentelemetry'
/** A batch may hold thousands of traces; exporters cut what is more than 128 by default. */
const LINKS_MAX = 128

export interface OpenTelemetryOptions {
  /** Default: the provider that is registered globally. */
  readonly tracerProvider?: TracerProvider
  /**
   * Where the span of a handler belongs: into the trace of the record (`child`), or into the trace
   * that is active in the consumer, with a link to the record's (`link`). Default `child`.
   */
  readonly process?: 'child' | 'link'
  /** Spans for the batches that loops are given, with links to their records. Default true. */
  readonly receive?: boolean
}

/** For `new Kafka({ tracing: openTelemetry() })`. */
export function openTelemetry(options: OpenTelemetryOptions = {}): Tracing {
  const tracer = () => (options.tracerProvider ?? trace.getTracerProvider()).getTracer(NAME)
  return {
    send: (topic, record) => startSend(tracer(), topic, record),
    receive: (group, batch) => {
      if (options.receive !== false) traceReceive(tracer(), group, batch)
    },
    process: (group, record, handler) =>
      traceProcess(tracer(), { group, record, isLinked: options.process === 'link' }, handler),
  }
}

// ---- producing ----------------------------------------------------------------------------------

function startSend(
  tracer: Tracer,
  topic: string,
  record: ProducerRecord<unknown, unknown>,
): TracedSend {
  const span = tracer.startSpan(`send ${topic}`, {
    kind: SpanKind.PRODUCER,
    attributes: {
      ...operation('send', topic),
      ...(typeof record.key === 'string' && { 'messaging.kafka.message.key': record.key }),
      ...(record.value === null && { 'messaging.kafka.message.tombstone': true }),
    },
  })
  const headers: Record<string, string> = {}
  propagation.inject(trace.setSpan(context.active(), span), headers)
  return {
    headers,
    stored: ({ partition, offset }: RecordMetadata) => {
      span.setAttribute('messaging.destination.partition.id', String(partition))
      if (offset !== undefined && offset >= 0n) {
        span.setAttribute('messaging.kafka.offset', Number(offset))
      }
      span.end()
    },
    failed: (error) => {
      fail(span, error)
      span.end()
    },
    queued: () => span.end(),
  }
}

// ---- consuming ----------------------------------------------------------------------------------

function traceReceive(tracer: Tracer, group: string | undefined, batch: ConsumerBatch): void {
  const links: Link[] = []
  for (const record of batch) {
    if (links.length === LINKS_MAX) break
    links.push(...linkTo(contextOf(record)))
  }
  tracer
    .startSpan(`poll ${batch.topic}`, {
      kind: SpanKind.CLIENT,
      links,
      attributes: {
        ...operation('receive', batch.topic, group),
        'messaging.operation.name': 'poll',
        'messaging.destination.partition.id': String(batch.partition),
        'messaging.batch.message_count': batch.count,
      },
    })
    .end()
}

interface Processed {
  readonly group: string | undefined
  readonly record: ConsumerRecord
  readonly isLinked: boolean
}

async function traceProcess<T>(
  tracer: Tracer,
  { group, record, isLinked }: Processed,
  handler: () => Promise<T>,
): Promise<T> {
  const sent = contextOf(record)
  const parent = isLinked ? context.active() : sent
  const { topic, partition, offset, keyBytes } = record
  const span = tracer.startSpan(
    `process ${topic}`,
    {
      kind: SpanKind.CONSUMER,
      links: isLinked ? linkTo(sent) : [],
      attributes: {
        ...operation('process', topic, group),
        'messaging.destination.partition.id': String(partition),
        'messaging.kafka.offset': Number(offset),
        ...(keyBytes && { 'messaging.kafka.message.key': keyBytes.toString() }),
        ...(record.valueBytes === null && { 'messaging.kafka.message.tombstone': true }),
      },
    },
    parent,
  )
  try {
    return await context.with(trace.setSpan(parent, span), handler)
  } catch (error) {
    fail(span, error)
    throw error
  } finally {
    span.end()
  }
}

/** The context that the producer put into the headers. */
function contextOf(record: ConsumerRecord): Context {
  return propagation.extract(ROOT_CONTEXT, record.headers, {
    get: (headers, name) => headers.find(({ key }) => key === name)?.value?.toString(),
    keys: (headers) => headers.map(({ key }) => key),
  })
}

function linkTo(sent: Context): Link[] {
  const linked = trace.getSpanContext(sent)
  return linked ? [{ context: linked }] : []
}

// ---- both ---------------------------------------------------------------------------------------

function operation(
  type: 'send' | 'receive' | 'process',
  topic: string,
  group?: string,
): Attributes {
  return {
    'messaging.system': 'kafka',
    'messaging.operation.type': type,
    'messaging.operation.name': type,
    'messaging.destination.name': topic,
    ...(group !== undefined && { 'messaging.consumer.group.name': group }),
  }
}

function fail(span: Span, error: unknown): void {
  const { code, name, message } = error as Error & { code?: string }
  span.setAttribute('error.type', code ?? name ?? 'Error')
  span.recordException(error instanceof Error ? error : String(error))
  span.setStatus({ code: SpanStatusCode.ERROR, message: message ?? String(error) })
}
