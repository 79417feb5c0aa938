/** One connection that speaks the protocol bare, so that nothing is retried or hidden. */
import { connect, type Socket } from 'node:net'
import {
  type Api,
  correlationIdOf,
  decodeResponse,
  encodeRequest,
  type Fields,
  type FieldsInput,
  type FieldsValue,
} from '@ottla/protocol'

const ANSWER_MS_MAX = 5_000

/** No answer came: whether the request did anything is not known. */
export class UnknownOutcomeError extends Error {}

interface Waiting {
  readonly decode: (frame: Buffer) => unknown
  readonly resolve: (answer: never) => void
  readonly reject: (error: Error) => void
}

export class Connection {
  private readonly socket: Socket
  private readonly waiting = new Map<number, Waiting>()
  private received = Buffer.alloc(0)
  private nextId = 1
  isClosed = false

  constructor(port: number) {
    this.socket = connect({ port, host: '127.0.0.1', noDelay: true })
    this.socket.on('data', (chunk: Buffer) => this.take(chunk))
    this.socket.on('error', () => this.close())
    this.socket.on('close', () => this.close())
  }

  /** Requests may be pipelined; rejects with UnknownOutcomeError when the connection ends. */
  ask<Q extends Fields, S extends Fields>(
    api: Api<Q, S>,
    version: number,
    body: FieldsInput<Q>,
  ): Promise<FieldsValue<S>> {
    if (this.isClosed) return Promise.reject(new UnknownOutcomeError('closed'))
    const correlationId = this.nextId++
    const header = { correlationId, clientId: 'consistency' }
    const decode = (frame: Buffer) => decodeResponse(api, version, frame)
    return new Promise<FieldsValue<S>>((resolve, reject) => {
      const timer = setTimeout(() => this.close(), ANSWER_MS_MAX)
      this.waiting.set(correlationId, {
        decode,
        resolve: (answer) => {
          clearTimeout(timer)
          resolve(answer)
        },
        reject: (error) => {
          clearTimeout(timer)
          reject(error)
        },
      })
      this.socket.write(Buffer.concat(encodeRequest(api, version, header, body)))
    })
  }

  private take(chunk: Buffer): void {
    this.received = Buffer.concat([this.received, chunk])
    while (this.received.length >= 4) {
      const end = 4 + this.received.readInt32BE(0)
      if (this.received.length < end) return
      const frame = Buffer.from(this.received.subarray(4, end))
      this.received = this.received.subarray(end)
      const id = correlationIdOf(frame)
      const waiting = this.waiting.get(id)
      this.waiting.delete(id)
      waiting?.resolve(waiting.decode(frame) as never)
    }
  }

  /** Ends at once, without a word to the broker; what was asked stays unanswered. */
  close(): void {
    if (this.isClosed) return
    this.isClosed = true
    this.socket.destroy()
    const waiting = [...this.waiting.values()]
    this.waiting.clear()
    for (const { reject } of waiting) reject(new UnknownOutcomeError('no answer'))
  }
}
