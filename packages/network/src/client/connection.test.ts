import { createServer, type Server, type Socket } from 'node:net'
import { realClock, silentLogger } from '@ottla/base'
import { apis, encodeResponse } from '@ottla/protocol'
import { afterEach, describe, expect, test } from 'vitest'
import { FrameSplitter } from '../frame.ts'
import { ApiVersions, negotiateVersions } from './api-versions.ts'
import { ClientConnection } from './connection.ts'
import { ConnectionError, RequestTimeoutError } from './connection-errors.ts'

type Answer = (correlationId: number, frame: Buffer, socket: Socket) => void

let server: Server | undefined
const sockets = new Set<Socket>()

/** A server that passes every request frame to `answer`. */
function serve(answer: Answer): Promise<number> {
  server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    const splitter = new FrameSplitter()
    socket.on('data', (chunk) =>
      splitter.push(chunk, (frame) => answer(frame.readInt32BE(4), frame, socket)),
    )
  })
  return new Promise((resolve) => {
    server?.listen(0, '127.0.0.1', () => {
      const address = server?.address()
      resolve(typeof address === 'object' && address ? address.port : 0)
    })
  })
}

afterEach(() => {
  for (const socket of sockets) socket.destroy()
  sockets.clear()
  server?.close()
})

const connect = (port: number) =>
  ClientConnection.connect({
    host: '127.0.0.1',
    port,
    clientId: 'test',
    clock: realClock,
    logger: silentLogger,
    connectTimeoutMs: 1_000,
  })

const heartbeat = (connection: ClientConnection, timeoutMs = 1_000) =>
  connection.request(
    apis.heartbeat,
    4,
    { groupId: 'g', generationId: 1, memberId: 'm' },
    { timeoutMs },
  )

const answerHeartbeat = (correlationId: number, throttleTimeMs: number) =>
  Buffer.concat(encodeResponse(apis.heartbeat, 4, correlationId, { throttleTimeMs, errorCode: 0 }))

describe('a connection', () => {
  test('matches responses to requests by their order', async () => {
    const port = await serve((id, _, socket) => socket.write(answerHeartbeat(id, id * 10)))
    const connection = await connect(port)
    const answers = await Promise.all([1, 2, 3].map(() => heartbeat(connection)))
    expect(answers.map((a) => a.throttleTimeMs)).toEqual([0, 10, 20])
    connection.close()
  })

  test('takes a response that comes byte by byte', async () => {
    const port = await serve((id, _, socket) => {
      const bytes = [...answerHeartbeat(id, 7)]
      const writeNext = () => {
        const byte = bytes.shift()
        if (byte !== undefined) socket.write(Buffer.from([byte]), () => setImmediate(writeNext))
      }
      writeNext()
    })
    const connection = await connect(port)
    expect((await heartbeat(connection)).throttleTimeMs).toBe(7)
    connection.close()
  })

  test('ends when a response belongs to nobody, and all requests learn of it', async () => {
    const port = await serve((id, _, socket) => socket.write(answerHeartbeat(id + 5, 0)))
    const connection = await connect(port)
    const both = await Promise.allSettled([heartbeat(connection), heartbeat(connection)])
    for (const result of both) {
      expect(result).toMatchObject({ status: 'rejected', reason: expect.any(ConnectionError) })
    }
    expect(connection.isClosed).toBe(true)
    await expect(heartbeat(connection)).rejects.toBeInstanceOf(ConnectionError)
  })

  test('a request without an answer times out and takes the connection with it', async () => {
    const port = await serve(() => {})
    const connection = await connect(port)
    const behind = heartbeat(connection, 50)
    behind.catch(() => {})
    await expect(heartbeat(connection, 50)).rejects.toBeInstanceOf(RequestTimeoutError)
    await expect(behind).rejects.toBeInstanceOf(RequestTimeoutError)
    expect(connection.isClosed).toBe(true)
  })

  test('says why nobody answers', async () => {
    await expect(connect(1)).rejects.toMatchObject({
      code: 'CONNECTION',
      hint: expect.stringContaining('Nothing listens'),
    })
  })

  test('a server that hangs up ends it', async () => {
    const port = await serve((_, __, socket) => socket.end())
    const connection = await connect(port)
    await expect(heartbeat(connection)).rejects.toThrow('closed by the broker')
  })

  test('something else than Kafka is recognised by its impossible frame', async () => {
    const port = await serve((_, __, socket) => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n'))
    const connection = await connect(port)
    await expect(heartbeat(connection)).rejects.toMatchObject({ code: 'FRAME_SIZE' })
  })
})

describe('versions', () => {
  const ranges = { errorCode: 0, apiKeys: [{ apiKey: 12, minVersion: 1, maxVersion: 3 }] }

  test('the newest both know', async () => {
    const port = await serve((id, _, socket) => {
      for (const chunk of encodeResponse(apis.apiVersions, 3, id, ranges)) socket.write(chunk)
    })
    const connection = await connect(port)
    const versions = await negotiateVersions(connection, { timeoutMs: 1_000, softwareVersion: '1' })
    expect(versions.pick(apis.heartbeat)).toBe(3)
    expect(versions.pick(apis.heartbeat, 2)).toBe(2)
    expect(versions.tryPick(apis.heartbeat, 0)).toBeUndefined()
    expect(() => versions.pick(apis.produce)).toThrow('does not have this API')
    connection.close()
  })

  test('an old broker is asked again in version 0', async () => {
    const port = await serve((id, frame, socket) => {
      const version = frame.readInt16BE(2)
      const body = version > 0 ? { errorCode: 35, apiKeys: [] } : ranges
      for (const chunk of encodeResponse(apis.apiVersions, 0, id, body)) socket.write(chunk)
    })
    const connection = await connect(port)
    const versions = await negotiateVersions(connection, { timeoutMs: 1_000, softwareVersion: '1' })
    expect(versions).toBeInstanceOf(ApiVersions)
    expect(versions.pick(apis.heartbeat)).toBe(3)
    connection.close()
  })
})
