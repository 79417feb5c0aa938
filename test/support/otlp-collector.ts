/** A collector of OpenTelemetry's, as far as metrics over HTTP go: it keeps what it is sent. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Received {
  readonly type: string | undefined
  readonly body: Buffer
}

export async function startCollector() {
  const received: Received[] = []
  const server = createServer((request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      received.push({ type: request.headers['content-type'], body: Buffer.concat(parts) })
      response.end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const stop = () => new Promise<void>((resolve) => server.close(() => resolve()))
  return { received, url: `http://127.0.0.1:${port}/v1/metrics`, [Symbol.asyncDispose]: stop }
}
