/**
 * A TCP proxy in front of a broker that can cut its connections: at once, after so many bytes in
 * one direction, or by swallowing answers.
 */
import { createConnection, createServer, type Server, type Socket } from 'node:net'

export class FlakyProxy {
  readonly port: number
  private readonly server: Server
  private readonly pairs = new Set<{ client: Socket; broker: Socket }>()
  target = 0
  /** Answers are thrown away instead of passed on, as if the network had lost them. */
  isDeaf = false

  private constructor(server: Server, port: number) {
    this.server = server
    this.port = port
    server.on('connection', (client) => this.connect(client))
  }

  static start(): Promise<FlakyProxy> {
    const server = createServer()
    return new Promise((resolve) => {
      server.listen(0, '127.0.0.1', () => {
        const address = server.address()
        resolve(new FlakyProxy(server, typeof address === 'object' && address ? address.port : 0))
      })
    })
  }

  private connect(client: Socket): void {
    const broker = createConnection({ port: this.target, host: '127.0.0.1' })
    const pair = { client, broker }
    this.pairs.add(pair)
    const cut = () => {
      this.pairs.delete(pair)
      client.destroy()
      broker.destroy()
    }
    client.on('data', (chunk) => broker.write(chunk))
    broker.on('data', (chunk) => {
      if (!this.isDeaf) client.write(chunk)
    })
    for (const socket of [client, broker]) socket.on('error', cut).on('close', cut)
  }

  /** Cuts every connection there is now. */
  cutAll(): void {
    for (const { client, broker } of [...this.pairs]) {
      client.destroy()
      broker.destroy()
    }
    this.pairs.clear()
  }

  stop(): Promise<void> {
    this.cutAll()
    return new Promise((resolve) => this.server.close(() => resolve()))
  }
}
