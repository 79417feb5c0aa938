/** A connection that stays open: share sessions end with the connection of their member. */
import { createConnection, type Socket } from 'node:net'
import {
  type Api,
  decodeResponse,
  encodeRequest,
  type Fields,
  type FieldsInput,
} from '@ottla/protocol'

const ANSWER_TIMEOUT_MS = 60_000

export class MemberConnection {
  private readonly socket: Socket
  private readonly waiting: ((frame: Buffer) => void)[] = []
  private received = Buffer.alloc(0)
  private failure: Error | undefined
  private readonly failed: ((error: Error) => void)[] = []
  private correlationId = 0

  constructor(bootstrap: string) {
    this.socket = createConnection({ port: Number(bootstrap.split(':')[1]), host: '127.0.0.1' })
    this.socket.on('data', (chunk) => this.take(chunk))
    this.socket.on('error', (error) => this.fail(error))
    this.socket.on('close', () => this.fail(new Error('the broker closed the connection')))
    this.socket.setTimeout(ANSWER_TIMEOUT_MS, () => {
      // A member may be silent for long; only a broker that is asked may not.
      if (this.waiting.length > 0) this.fail(new Error('no answer in time'))
    })
  }

  private take(chunk: Buffer): void {
    this.received = Buffer.concat([this.received, chunk])
    while (this.received.length >= 4) {
      const end = this.received.readInt32BE(0) + 4
      if (this.received.length < end) return
      const frame = this.received.subarray(4, end)
      this.received = this.received.subarray(end)
      this.failed.shift()
      this.waiting.shift()?.(frame)
    }
  }

  private fail(error: Error): void {
    this.failure ??= error
    this.waiting.length = 0
    for (const reject of this.failed.splice(0)) reject(error)
  }

  send<S>(api: Api, version: number, body: FieldsInput<Fields>): Promise<S> {
    if (this.failure) return Promise.reject(this.failure)
    const header = { correlationId: ++this.correlationId, clientId: 'raw' }
    return new Promise((resolve, reject) => {
      this.waiting.push((frame) => resolve(decodeResponse(api, version, frame) as S))
      this.failed.push(reject)
      this.socket.write(Buffer.concat(encodeRequest(api, version, header, body)))
    })
  }

  close(): void {
    this.socket.destroy()
  }
}
