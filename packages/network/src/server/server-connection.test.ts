import { connect, type Socket } from 'node:net'
import { realClock, silentLogger } from '@ottla/base'
import { afterEach, describe, expect, it } from 'vitest'
import { Listener } from './listener.ts'
import type { FrameHandler, ResponseFrame } from './server-connection.ts'

const opened: { close: () => unknown }[] = []

afterEach(async () => {
  for (const { close } of opened.splice(0).reverse()) await close()
})

async function listen(handler: FrameHandler, inFlightBytesMax = 1_000_000): Promise<Listener> {
  const listener = await Listener.open({
    name: 'TEST',
    host: '127.0.0.1',
    port: 0,
    requestBytesMax: 1_000_000,
    inFlightBytesMax,
    connectionsMax: 10,
    connectionsPerAddressMax: () => 10,
    backlog: 50,
    idleMsMax: 60_000,
    frameMsMax: 60_000,
    handler,
    logger: silentLogger,
    clock: realClock,
  })
  opened.push({ close: () => listener.close(1000) })
  return listener
}

function dial(listener: Listener): Socket {
  const socket = connect(listener.port, '127.0.0.1')
  socket.on('error', () => {})
  opened.push({ close: () => socket.destroy() })
  return socket
}

const frame = (payload: Buffer | string): Buffer => {
  const bytes = Buffer.from(payload)
  const size = Buffer.alloc(4)
  size.writeInt32BE(bytes.length)
  return Buffer.concat([size, bytes])
}

async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 10_000
  while (!condition()) {
    if (performance.now() > deadline) throw new Error('not within 10 s')
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

function collect(socket: Socket): { text: () => string } {
  const chunks: Buffer[] = []
  socket.on('data', (chunk) => chunks.push(chunk))
  return { text: () => Buffer.concat(chunks).toString('latin1') }
}

describe('a server connection', () => {
  it('takes frames of every size, however the bytes arrive', async () => {
    const sizes: number[] = []
    const listener = await listen((bytes) => {
      sizes.push(bytes.length)
      expect(bytes.every((byte) => byte === bytes.length % 251)).toBe(true)
      return null
    })
    const socket = dial(listener)
    const wanted = [0, 1, 3, 4, 100, 65_531, 65_532, 65_533, 65_536, 200_000, 7, 900_000, 2]
    const stream = Buffer.concat(wanted.map((size) => frame(Buffer.alloc(size, size % 251))))
    let step = 1
    for (let position = 0; position < stream.length; position += step) {
      step = (step * 7 + 3) % 90_001
      if (!socket.write(stream.subarray(position, position + step))) {
        await new Promise((resolve) => socket.once('drain', resolve))
      }
      await new Promise((resolve) => setImmediate(resolve))
    }
    await until(() => sizes.length === wanted.length)
    expect(sizes).toEqual(wanted)
  })

  it('keeps the bytes of two connections apart', async () => {
    const seen = new Map<number, string>()
    const listener = await listen((bytes, connection) => {
      seen.set(connection.id, (seen.get(connection.id) ?? '') + bytes.toString())
      return null
    })
    const [a, b] = [dial(listener), dial(listener)]
    const [forA, forB] = [frame('a'.repeat(50)), frame('b'.repeat(50))]
    for (let i = 0; i < forA.length; i++) {
      a.write(forA.subarray(i, i + 1))
      b.write(forB.subarray(i, i + 1))
      await new Promise((resolve) => setImmediate(resolve))
    }
    await until(() => [...seen.values()].join('').length === 100)
    expect([...seen.values()].sort()).toEqual(['a'.repeat(50), 'b'.repeat(50)])
  })

  it('answers in the order of the requests, whichever is ready first', async () => {
    const resolvers: ((response: ResponseFrame) => void)[] = []
    const listener = await listen(() => new Promise((resolve) => resolvers.push(resolve)))
    const socket = dial(listener)
    const received = collect(socket)
    socket.write(Buffer.concat(['1', '2', '3'].map(frame)))
    await until(() => resolvers.length === 3)
    resolvers[2]?.([Buffer.from('third')])
    resolvers[1]?.(null)
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(received.text()).toBe('')
    resolvers[0]?.([Buffer.from('first ')])
    await until(() => received.text() === 'first third')
  })

  it('stops reading while too much is in progress, and goes on afterwards', async () => {
    const resolvers: ((response: ResponseFrame) => void)[] = []
    const listener = await listen(() => new Promise((resolve) => resolvers.push(resolve)), 200_000)
    const socket = dial(listener)
    const big = frame(Buffer.alloc(150_000))
    for (let i = 0; i < 40; i++) socket.write(big)
    await until(() => resolvers.length >= 2)
    await new Promise((resolve) => setTimeout(resolve, 100))
    const started = resolvers.length
    expect(started).toBeLessThan(10)
    for (let done = 0; done < 40; done++) {
      await until(() => resolvers.length > done)
      resolvers[done]?.(null)
    }
    expect(resolvers).toHaveLength(40)
  })

  it('is forgotten when the client goes, politely or not', async () => {
    const listener = await listen(() => null)
    const [a, b] = [dial(listener), dial(listener)]
    await until(() => listener.connectionCount === 2)
    a.end()
    await until(() => listener.connectionCount === 1)
    b.resetAndDestroy()
    await until(() => listener.connectionCount === 0)
  })

  it('is closed by a size that cannot be, and by a handler that fails', async () => {
    const listener = await listen(() => {
      throw new Error('no')
    })
    const [a, b] = [dial(listener), dial(listener)]
    await until(() => listener.connectionCount === 2)
    a.write(Buffer.from([0x7f, 0xff, 0xff, 0xff]))
    b.write(frame('x'))
    await until(() => listener.connectionCount === 0)
  })
})
