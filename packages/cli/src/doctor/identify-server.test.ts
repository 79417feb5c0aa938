import { createServer, type Server } from 'node:net'
import { expect, test } from 'vitest'
import { identifyServer, judge } from './identify-server.ts'
import { unreachable } from './unreachable.ts'

async function answering(answer: Buffer | undefined): Promise<Server & AsyncDisposable> {
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy())
    if (answer) socket.on('data', () => socket.end(answer))
    else socket.on('data', () => socket.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return Object.assign(server, {
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => server.close(() => resolve())),
  })
}

const portOf = (server: Server) => (server.address() as { port: number }).port

test.each([
  ['HTTP/1.1 400 Bad Request\r\n\r\n', 'http'],
  ['\u0015\u0003\u0003\u0000\u0002\u0002F', 'tls'],
  ['\u0000\u0000\u0000\u000a\u0000\u0000\u0000\u0001\u0000\u0000', 'kafka'],
  ['SSH-2.0-OpenSSH\r\n', 'other'],
])('recognises the answer %j', async (answer, kind) => {
  expect(judge(Buffer.from(answer, 'latin1'), 1).kind).toBe(kind)
  await using server = await answering(Buffer.from(answer, 'latin1'))
  expect((await identifyServer('127.0.0.1', portOf(server), 2_000)).kind).toBe(kind)
})

test('recognises who hangs up', async () => {
  await using server = await answering(undefined)
  expect(await identifyServer('127.0.0.1', portOf(server), 2_000)).toEqual({ kind: 'closed' })
})

test('says how to mend a port where nothing listens', async () => {
  const server = await answering(undefined)
  const port = portOf(server)
  await server[Symbol.asyncDispose]()
  const { ConnectionError } = await import('@ottla/network')
  const failure = new ConnectionError(`127.0.0.1:${port}`, 'refused')
  const error = await unreachable(failure, `127.0.0.1:${port}`, false)
  expect(error.message).toBe(`Nothing listens at 127.0.0.1:${port}.`)
  expect(error.hint).toContain(`ottla start --port ${port}`)
  expect(error.code).toBe('CONNECTION_FAILED')
})
