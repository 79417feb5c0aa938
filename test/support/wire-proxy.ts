/**
 * A network between a client and one broker that fails on command. It carries bytes; of the frames
 * in them it reads no more than sizes and headers of requests.
 *
 *   cutAll       every connection there is ends now
 *   isDeaf       answers are lost: the broker does what it is asked, and nobody hears of it
 *   isStalled    nothing is passed on in either direction, new connections are taken in and nothing
 *                comes of them: the node is there and cut off. What was said meanwhile is lost, and
 *                with it every connection that missed something, once that is over
 *   delayMs      every chunk arrives later
 *   onRequest    sees each request of connections that are made while it is set, and may have the
 *                connection cut inside it or inside its answer, after a number of bytes that did
 *                get through
 *   onResponse   and damage see the answers to those; damage may change their bytes, and replace
 *                say another answer
 */
import { createConnection, createServer, type Server, type Socket } from 'node:net'
import { FrameSplitter } from '@ottla/network'

/** Header of a request, and the size of its frame with the four bytes in front. */
export interface RequestSeen {
  readonly apiKey: number
  readonly apiVersion: number
  readonly clientId: string
  readonly bytes: number
}

export interface Cut {
  readonly inside: 'request' | 'response'
  /** How many bytes of that frame still get through. */
  readonly afterBytes: number
  /** Told once it has happened; `isWhole` when all bytes of the frame had got through. */
  readonly onCut?: (isWhole: boolean) => void
}

interface Pending {
  readonly request: RequestSeen
  readonly cut: Cut | undefined
}

export class WireProxy implements AsyncDisposable {
  readonly port: number
  /** Port of the broker on this machine. */
  target = 0
  isDeaf = false
  delayMs = 0
  onRequest: ((request: RequestSeen) => Cut | undefined) | undefined
  /** Gets each answer before it is passed on, without the four bytes of its size. */
  damage: ((request: RequestSeen, frame: Buffer) => void) | undefined
  /** The answer to pass on in place of the broker's, without its size; undefined leaves that. */
  replace: ((request: RequestSeen, frame: Buffer) => Buffer | undefined) | undefined
  /** Told the size of the answer to each request that was seen. */
  onResponse: ((request: RequestSeen, bytes: number) => void) | undefined
  private stalled = false
  private readonly server: Server
  private readonly pairs = new Set<Pair>()

  private constructor(server: Server, port: number) {
    this.server = server
    this.port = port
    server.on('connection', (client) => this.connect(client))
  }

  static start(target = 0): Promise<WireProxy> {
    const server = createServer()
    return new Promise((resolve, reject) => {
      server.once('error', reject)
      server.listen(0, '127.0.0.1', () => {
        const address = server.address()
        const port = typeof address === 'object' && address ? address.port : 0
        const proxy = new WireProxy(server, port)
        proxy.target = target
        resolve(proxy)
      })
    })
  }

  get address(): string {
    return `127.0.0.1:${this.port}`
  }

  get isStalled(): boolean {
    return this.stalled
  }

  set isStalled(isStalled: boolean) {
    this.stalled = isStalled
    // A stream with a hole in it is of no use to either side.
    if (!isStalled) for (const pair of [...this.pairs]) if (pair.hasMissed) pair.end()
  }

  /** True while a connection is open of which something that was said is lost. */
  get hasMissed(): boolean {
    return [...this.pairs].some((pair) => pair.hasMissed)
  }

  private connect(client: Socket): void {
    const pair = new Pair(this, client, () => this.pairs.delete(pair))
    this.pairs.add(pair)
  }

  cutAll(): void {
    for (const pair of [...this.pairs]) pair.end()
  }

  stop(): Promise<void> {
    this.cutAll()
    return new Promise((resolve) => this.server.close(() => resolve()))
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }
}

/** One connection of a client and the one to the broker that belongs to it. */
class Pair {
  hasMissed = false
  private readonly proxy: WireProxy
  private readonly client: Socket
  private readonly broker: Socket
  private readonly onEnd: () => void
  private readonly requests = new FrameSplitter()
  private readonly responses = new FrameSplitter()
  /** Requests that have no answer yet; the broker answers them in this order. */
  private readonly pending: Pending[] = []
  /** Frames are only found from the beginning of a connection on. */
  private readonly seesFrames: boolean
  private isOver = false

  constructor(proxy: WireProxy, client: Socket, onEnd: () => void) {
    this.proxy = proxy
    this.client = client
    this.onEnd = onEnd
    this.seesFrames = proxy.onRequest !== undefined
    this.broker = createConnection({ port: proxy.target, host: '127.0.0.1', noDelay: true })
    client.setNoDelay(true)
    const end = () => this.end()
    for (const socket of [client, this.broker]) socket.on('error', end).on('close', end)
    client.on('data', (chunk: Buffer) => this.fromClient(chunk))
    this.broker.on('data', (chunk: Buffer) => this.fromBroker(chunk))
  }

  private fromClient(chunk: Buffer): void {
    if (this.proxy.isStalled) {
      this.hasMissed = true
      return
    }
    if (!this.seesFrames) {
      this.pass(this.broker, chunk)
      return
    }
    this.requests.push(chunk, (frame) => {
      if (this.isOver) return
      const request = requestSeen(frame)
      const cut = this.proxy.onRequest?.(request)
      this.pending.push({ request, cut: cut?.inside === 'response' ? cut : undefined })
      if (cut?.inside === 'request') this.cutInside(this.broker, frame, cut)
      else this.pass(this.broker, framed(frame))
    })
  }

  private fromBroker(chunk: Buffer): void {
    const { proxy } = this
    if (proxy.isStalled || proxy.isDeaf) {
      this.hasMissed = true
      return
    }
    if (!this.seesFrames) {
      this.pass(this.client, chunk)
      return
    }
    this.responses.push(chunk, (told) => {
      if (this.isOver) return
      const asked = this.pending.shift()
      let frame = told
      if (asked) {
        proxy.onResponse?.(asked.request, frame.length + 4)
        proxy.damage?.(asked.request, frame)
        frame = proxy.replace?.(asked.request, frame) ?? frame
      }
      if (asked?.cut) this.cutInside(this.client, frame, asked.cut)
      else this.pass(this.client, framed(frame))
    })
  }

  /** The other side gets its part, and then the end. */
  private cutInside(to: Socket, frame: Buffer, { afterBytes, onCut }: Cut): void {
    this.isOver = true
    const whole = framed(frame)
    const isWhole = afterBytes >= whole.length
    const finish = () => {
      this.isOver = false
      this.end()
      onCut?.(isWhole)
    }
    const part = whole.subarray(0, afterBytes)
    // `end` sends what was written before it closes; the broker has all of it then.
    if (part.length > 0) to.write(part)
    to.end(finish)
  }

  private pass(to: Socket, chunk: Buffer): void {
    const { delayMs } = this.proxy
    if (delayMs === 0) to.write(chunk)
    else setTimeout(() => to.write(chunk), delayMs)
  }

  end(): void {
    if (this.isOver) return
    this.isOver = true
    this.onEnd()
    this.client.destroy()
    this.broker.destroy()
  }
}

function framed(frame: Buffer): Buffer {
  const whole = Buffer.allocUnsafe(frame.length + 4)
  whole.writeInt32BE(frame.length)
  frame.copy(whole, 4)
  return whole
}

function requestSeen(frame: Buffer): RequestSeen {
  const clientIdBytes = Math.max(0, frame.readInt16BE(8))
  return {
    apiKey: frame.readInt16BE(0),
    apiVersion: frame.readInt16BE(2),
    clientId: frame.toString('utf8', 10, 10 + clientIdBytes),
    bytes: frame.length + 4,
  }
}
