/** Iterating: an engine is started with the first step and stopped with the last. */

export interface Pollable<B> {
  /** The next batch; undefined when the signal fired or the consumer was closed. */
  poll(signal?: AbortSignal): Promise<B | undefined>
  readonly isClosed: boolean
}

export interface EngineSource<E> {
  readonly start: () => Promise<E>
  readonly stop: (engine: E) => Promise<void>
  readonly signal: AbortSignal | undefined
}

export class BatchLoop<B, E extends Pollable<unknown>> implements AsyncIterator<B> {
  protected engine: E | undefined
  private readonly source: EngineSource<E>
  private isDone = false

  constructor(source: EngineSource<E>) {
    this.source = source
  }

  /** Nothing comes any more: the signal fired, or the consumer was closed. */
  get isOver(): boolean {
    return this.source.signal?.aborted || this.engine?.isClosed || false
  }

  async next(): Promise<IteratorResult<B>> {
    if (this.isDone) return { value: undefined, done: true }
    try {
      this.engine ??= await this.source.start()
      const batch = await this.engine.poll(this.source.signal)
      if (batch) return { value: batch as B, done: false }
    } catch (error) {
      await this.end()
      throw error
    }
    return this.return()
  }

  async return(): Promise<IteratorResult<B>> {
    await this.end()
    return { value: undefined, done: true }
  }

  private async end(): Promise<void> {
    this.isDone = true
    const { engine } = this
    this.engine = undefined
    if (engine) await this.source.stop(engine)
  }
}
