/** Instrumentation events: `{ id, type, timestamp, payload }` to whoever listens. */
import { EventEmitter } from 'node:events'
import { realClock } from '@ottla/base'
import { KafkaJSError, KafkaJSNonRetriableError } from '../errors.ts'
import type { InstrumentationEvent } from '../types/events.ts'
import type { Logger } from '../types/logging.ts'

let nextId = 0

export class InstrumentationEmitter {
  private readonly emitter = new EventEmitter()

  emit(type: string, payload?: unknown): void {
    if (!type) throw new KafkaJSError('Invalid event name', { retriable: false })
    if (this.emitter.listenerCount(type) === 0) return
    const event = { id: nextId++, type, timestamp: realClock.now(), payload }
    this.emitter.emit(type, event)
  }

  has(type: string): boolean {
    return this.emitter.listenerCount(type) > 0
  }

  addListener(type: string, listener: (event: InstrumentationEvent<never>) => void): () => void {
    this.emitter.addListener(type, listener)
    return () => this.emitter.removeListener(type, listener)
  }
}

/** The `on` of a producer, consumer or admin client. */
export function listenWith(
  owner: string,
  events: Readonly<Record<string, string>>,
  parts: { readonly emitter: InstrumentationEmitter; readonly logger: Logger },
): (eventName: string, listener: (event: never) => unknown) => () => void {
  const names = Object.values(events)
  return (eventName, listener) => {
    if (!names.includes(eventName)) {
      const known = Object.keys(events).map((key) => `${owner}.events.${key}`)
      throw new KafkaJSNonRetriableError(`Event name should be one of ${known.join(', ')}`)
    }
    const tell = async (event: never) => {
      try {
        await listener(event)
      } catch (error) {
        const { message, stack } = error as Error
        parts.logger.error(`Failed to execute listener: ${message}`, { eventName, stack })
      }
    }
    return parts.emitter.addListener(eventName, (event) => void tell(event as never))
  }
}
