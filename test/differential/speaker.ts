/** A connection to one broker, with one request at a time on it. */
import { connect, type Socket } from 'node:net'
import { messageOf } from '@ottla/base'
import {
  type Api,
  apis,
  decodeResponse,
  encodeRequest,
  type Fields,
  type FieldsInput,
} from '@ottla/protocol'

/** A broker's answer, or how it refused to give one. */
export type Answer = string | object | null

export class Speaker {
  private readonly port: number
  private socket: Socket | undefined

  constructor(bootstrap: string) {
    this.port = Number(bootstrap.split(':')[1])
  }

  close(): void {
    this.socket?.destroy()
    this.socket = undefined
  }

  /** After silence for `timeoutMs`, or a closed connection, the next request gets a new one. */
  send(api: Api, version: number, body: FieldsInput<Fields>, timeoutMs: number): Promise<Answer> {
    const header = { correlationId: 1, clientId: 'differential' }
    const frame = Buffer.concat(encodeRequest(api, version, header, body))
    const isAnswered = api.key !== apis.produce.key || (body as { acks?: number }).acks !== 0
    this.socket ??= connect(this.port, '127.0.0.1')
    const { socket } = this
    return new Promise((resolve) => {
      let received = Buffer.alloc(0)
      const end = (answer: Answer) => {
        socket.removeAllListeners()
        clearTimeout(timer)
        if (typeof answer === 'string') {
          socket.on('error', () => {})
          this.close()
        }
        resolve(answer)
      }
      const timer = setTimeout(() => end('no answer in time'), timeoutMs)
      socket.on('error', () => end('closed'))
      socket.on('close', () => end('closed'))
      socket.on('data', (chunk) => {
        received = Buffer.concat([received, chunk])
        const size = received.length < 4 ? Number.POSITIVE_INFINITY : received.readInt32BE(0) + 4
        if (received.length < size) return
        try {
          end(decodeResponse(api, version, received.subarray(4, size)) as object)
        } catch (error) {
          end(`not decodable: ${messageOf(error)}`)
        }
      })
      socket.write(frame)
      if (!isAnswered) end(null)
    })
  }
}
