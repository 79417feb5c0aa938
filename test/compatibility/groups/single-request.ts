/** One request of any version on a connection of its own, and what the broker answers. */
import { createConnection } from 'node:net'
import {
  type Api,
  decodeResponse,
  encodeRequest,
  type Fields,
  type FieldsInput,
} from '@ottla/protocol'

const ANSWER_TIMEOUT_MS = 30_000

export function singleRequest(
  bootstrap: string,
  api: Api,
  version: number,
  body: FieldsInput<Fields>,
): Promise<unknown> {
  const header = { correlationId: 1, clientId: 'raw' }
  const frame = Buffer.concat(encodeRequest(api, version, header, body))
  return new Promise((resolve, reject) => {
    const socket = createConnection({ port: Number(bootstrap.split(':')[1]), host: '127.0.0.1' })
    let received = Buffer.alloc(0)
    const fail = (reason: string) => socket.destroy(new Error(reason))
    socket.setTimeout(ANSWER_TIMEOUT_MS, () => fail('no answer in time'))
    socket.on('error', reject)
    socket.on('end', () => fail('the broker closed the connection'))
    socket.on('connect', () => socket.write(frame))
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk])
      const end = received.length < 4 ? Number.POSITIVE_INFINITY : received.readInt32BE(0) + 4
      if (received.length < end) return
      socket.destroy()
      resolve(decodeResponse(api, version, received.subarray(4, end)))
    })
  })
}
