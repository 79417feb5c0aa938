/** `/healthz` and `/metrics` over HTTP, on loopback only. */
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { messageOf } from '@ottla/base'

export interface HealthServerOptions {
  readonly port: number
  /** Why the broker cannot serve, or undefined when it can. */
  readonly unhealthyReason: () => string | undefined
  readonly metricsPage: () => Promise<{ contentType: string; body: string }>
}

export class HealthServer {
  private readonly server: Server

  private constructor(server: Server) {
    this.server = server
  }

  static async open(options: HealthServerOptions): Promise<HealthServer> {
    const server = createServer((request, response) => {
      answer(options, request.url ?? '/', response).catch((error: unknown) => {
        response.writeHead(500, { 'content-type': 'text/plain' }).end(`${messageOf(error)}\n`)
      })
    })
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(options.port, '127.0.0.1', resolve)
    })
    return new HealthServer(server)
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port
  }

  async close(): Promise<void> {
    this.server.closeAllConnections()
    await new Promise<void>((resolve) => this.server.close(() => resolve()))
  }
}

async function answer(
  options: HealthServerOptions,
  url: string,
  response: ServerResponse,
): Promise<void> {
  const path = url.split('?')[0]
  if (path === '/healthz') {
    const reason = options.unhealthyReason()
    response.writeHead(reason ? 503 : 200, { 'content-type': 'text/plain' })
    response.end(`${reason ?? 'ok'}\n`)
  } else if (path === '/metrics') {
    const { contentType, body } = await options.metricsPage()
    response.writeHead(200, { 'content-type': contentType }).end(body)
  } else response.writeHead(404, { 'content-type': 'text/plain' }).end('try /healthz or /metrics\n')
}
