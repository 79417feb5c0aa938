/**
 * The application that runs while nodes fail: idempotent producers, a group of readers under each
 * group protocol, and a pipeline under each that copies the topic within transactions.
 *
 *   producers --> events --> readers (classic, consumer)
 *                   +-----> transform (classic)  --> copies-classic
 *                   +-----> transform (consumer) --> copies-consumer
 *
 * Each part notes what it did; nothing that goes wrong is swallowed. A pipeline's worker may be
 * given a twin with its transactional id: the older one must learn that it was fenced.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { FencedError, Kafka } from '@ottla/client'
import { Ledger } from './ledger.ts'

export const PARTITIONS = 4
export const PROTOCOLS = ['classic', 'consumer'] as const
export type Protocol = (typeof PROTOCOLS)[number]
export const EVENTS = 'events'
export const copiesOf = (protocol: Protocol): string => `copies-${protocol}`

const READERS = 2
const WORKERS = 2
/** Records that each producer sends at once, and how long it rests then. */
const ROUND = 40
const REST_MS = 25
/** The producers wait when a pipeline is further behind, so that the end does not take long. */
const LEAD_MAX = 4_000
const CLIENT = {
  requestTimeoutMs: 3_000,
  connectTimeoutMs: 2_000,
  apiTimeoutMs: 120_000,
  metadataMaxAgeMs: 5_000,
}
const CONSUMER = {
  sessionTimeoutMs: 10_000,
  heartbeatIntervalMs: 500,
  requestTimeoutMs: 3_000,
  fetchMaxWaitMs: 200,
  from: 'earliest' as const,
  autoCommitIntervalMs: 500,
  assignors: ['cooperative-sticky' as const],
}

export class Load {
  readonly ledger = new Ledger()
  /** What each group of readers was given. */
  readonly seen: Record<Protocol, Set<string>> = { classic: new Set(), consumer: new Set() }
  /** Records each pipeline has committed, as far as it knows. */
  readonly copied: Record<Protocol, number> = { classic: 0, consumer: 0 }
  fenced = 0
  private readonly bootstrap: string
  private readonly clients: Kafka[] = []
  private readonly producing = new AbortController()
  private readonly reading = new AbortController()
  private readonly producers: Promise<void>[] = []
  private readonly readers: Promise<void>[] = []
  private readonly failures: unknown[] = []

  constructor(bootstrap: string) {
    this.bootstrap = bootstrap
  }

  start(): void {
    for (const name of ['a', 'b']) this.producers.push(this.noting(this.produce(name)))
    for (const protocol of PROTOCOLS) {
      for (let i = 0; i < READERS; i++) this.readers.push(this.noting(this.read(protocol)))
      for (let i = 0; i < WORKERS; i++) this.addWorker(protocol, i)
    }
  }

  /** Throws what has gone wrong in any part so far. */
  check(): void {
    if (this.failures.length > 0) throw this.failures[0]
    if (this.ledger.failures.length > 0) throw new Error(this.ledger.failures[0])
  }

  private noting(work: Promise<void>): Promise<void> {
    return work.catch((error: unknown) => {
      this.failures.push(error)
    })
  }

  private client(): Kafka {
    const kafka = new Kafka({ brokers: this.bootstrap, ...CLIENT })
    this.clients.push(kafka)
    return kafka
  }

  private async produce(name: string): Promise<void> {
    const { ledger } = this
    const producer = this.client().producer({ linger: 2, requestTimeoutMs: 3_000 })
    const { signal } = this.producing
    const onTheirWay = new Set<Promise<void>>()
    while (!signal.aborted) {
      for (let i = 0; i < ROUND; i++) {
        const partition = i % PARTITIONS
        const value = ledger.draw(name, partition)
        const sent: Promise<void> = producer
          .send(EVENTS, { value, partition })
          .then(
            () => void ledger.acknowledged.add(value),
            (error: Error) => void ledger.failures.push(`${value}: ${error.message}`),
          )
          .finally(() => onTheirWay.delete(sent))
        onTheirWay.add(sent)
      }
      while (onTheirWay.size > ROUND * 5) await Promise.race(onTheirWay)
      do await pause(REST_MS)
      while (this.lead > LEAD_MAX && !signal.aborted)
    }
    await Promise.all(onTheirWay)
  }

  private get lead(): number {
    return this.ledger.acknowledged.size - Math.min(...Object.values(this.copied))
  }

  private async read(groupProtocol: Protocol): Promise<void> {
    const seen = this.seen[groupProtocol]
    const options = { ...CONSUMER, groupProtocol, group: `readers-${groupProtocol}` }
    await using consumer = this.client().consumer(options)
    for await (const batch of consumer.subscribe(EVENTS, { signal: this.reading.signal })) {
      for (const { value } of batch) seen.add(String(value))
    }
  }

  /** Another worker with the same number takes the transactional id over. */
  addWorker(protocol: Protocol, number: number): void {
    this.readers.push(this.noting(this.copy(protocol, number)))
  }

  private async copy(groupProtocol: Protocol, number: number): Promise<void> {
    const kafka = this.client()
    await using producer = kafka.producer({
      transactionalId: `copier-${groupProtocol}-${number}`,
      requestTimeoutMs: 3_000,
      linger: 0,
    })
    await using consumer = kafka.consumer({
      ...CONSUMER,
      groupProtocol,
      group: `copiers-${groupProtocol}`,
      isolationLevel: 'read_committed',
      autoCommit: false,
      maxPollRecords: 100,
    })
    const { signal } = this.reading
    try {
      await producer.transform(
        consumer,
        EVENTS,
        async (batch, tx) => {
          const { partition } = batch
          for (const { value } of batch) {
            void tx.send(copiesOf(groupProtocol), { value: value as Buffer, partition })
          }
          this.copied[groupProtocol] += batch.count
        },
        { signal },
      )
    } catch (error) {
      if (!(error instanceof FencedError)) throw error
      this.fenced++
    }
  }

  async stopProducers(): Promise<void> {
    this.producing.abort()
    await Promise.all(this.producers)
  }

  async stop(): Promise<void> {
    this.producing.abort()
    this.reading.abort()
    await Promise.all([...this.producers, ...this.readers])
    await Promise.all(this.clients.map((kafka) => kafka.close()))
  }
}
