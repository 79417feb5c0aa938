/**
 * Records to a handler, several at a time: what it returns from is accepted, what it throws on is
 * given back. Records are asked for only when all that came before are being worked on.
 */
import { messageOf } from '@ottla/base'
import type { ClientContext } from '../cluster/client-context.ts'
import type { AnyShareRecord } from './share-batch.ts'
import type { ShareEngine } from './share-engine.ts'

export interface ShareRunOptions<R> {
  /** Handlers at work at the same time. Default 1. */
  readonly concurrency?: number
  /** Ends the run once the handlers at work have returned. */
  readonly signal?: AbortSignal | undefined
  /** Told what a handler threw; the record has been given back. Default: logs it. */
  readonly onError?: (error: unknown, record: R) => void
}

/** The signal fires when the run is to end. */
export type ShareHandler<R> = (
  record: R,
  context: { readonly signal: AbortSignal | undefined },
) => Promise<void> | void

export class ShareRun<R extends AnyShareRecord> {
  private readonly context: ClientContext
  private readonly engine: ShareEngine
  private readonly handler: ShareHandler<R>
  private readonly options: ShareRunOptions<R>
  private readonly group: string
  private readonly concurrency: number
  private readonly atWork = new Set<Promise<void>>()
  private onFree: (() => void) | undefined

  constructor(
    context: ClientContext,
    engine: ShareEngine,
    handler: ShareHandler<R>,
    options: ShareRunOptions<R> & { readonly group: string },
  ) {
    this.context = context
    this.engine = engine
    this.handler = handler
    this.options = options
    this.group = options.group
    this.concurrency = options.concurrency ?? 1
    if (!(this.concurrency >= 1)) throw new TypeError('concurrency must be at least 1')
  }

  /** Resolves when the signal fires or the consumer is closed, and no handler is at work. */
  async run(): Promise<void> {
    const { signal } = this.options
    try {
      for (;;) {
        const batch = await this.engine.poll(signal)
        if (!batch) return
        for (const record of batch) {
          // What is left of the batch goes back when the engine is closed.
          if (signal?.aborted || this.engine.isClosed) return
          this.start(record as R)
          await this.freeSlot()
        }
      }
    } finally {
      await Promise.all(this.atWork)
    }
  }

  private async freeSlot(): Promise<void> {
    if (this.atWork.size < this.concurrency) return
    await new Promise<void>((resolve) => {
      this.onFree = resolve
    })
  }

  private start(record: R): void {
    const work = this.handle(record).finally(() => {
      this.atWork.delete(work)
      this.onFree?.()
      this.onFree = undefined
    })
    this.atWork.add(work)
  }

  private async handle(record: R): Promise<void> {
    try {
      await this.traced(record, async () => {
        await this.handler(record, { signal: this.options.signal })
      })
      if (record.isHeld) record.accept()
    } catch (error) {
      if (record.isHeld) record.release()
      this.report(error, record)
    }
    this.engine.tellBrokers()
  }

  private traced(record: R, work: () => Promise<void>): Promise<void> {
    const { tracing } = this.context
    return tracing ? tracing.process(this.group, record, work) : work()
  }

  private report(error: unknown, record: R): void {
    if (this.options.onError) {
      this.options.onError(error, record)
      return
    }
    const { topic, partition, deliveryCount } = record
    const at = { topic, partition, offset: String(record.offset), deliveryCount }
    this.context.logger.warn('a record was given back', { ...at, reason: messageOf(error) })
  }
}
