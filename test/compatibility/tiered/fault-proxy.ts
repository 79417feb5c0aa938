/**
 * Stands between an S3 client and a server and makes requests fail as networks and servers do:
 *
 *   503        an answer that asks to come again
 *   lost       the server has done it, and its answer never arrives
 *   half       the connection breaks in the middle of an upload
 *   silent     no answer at all, until the client gives up
 *
 * The Host header stays as it came: it is part of what the client has signed.
 */
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export const FAULTS = ['503', 'lost', 'half', 'silent'] as const
export type FaultKind = (typeof FAULTS)[number]

export interface FaultProxy extends AsyncDisposable {
  readonly url: string
  /** What happens to the next requests; undefined lets them through. */
  decide: (method: string, path: string) => FaultKind | undefined
  /** How often each was done. */
  readonly done: Record<FaultKind, number>
}

export async function startFaultProxy(targetUrl: string): Promise<FaultProxy> {
  const target = new URL(targetUrl)
  const done: Record<FaultKind, number> = { '503': 0, lost: 0, half: 0, silent: 0 }
  const server = createServer((incoming, answer) => {
    const { method = '', url = '' } = incoming
    const fault = proxy.decide(method, url)
    if (fault) done[fault]++
    if (fault === 'silent') incoming.resume()
    else if (fault === '503') {
      incoming.resume()
      answer.writeHead(503, { 'content-type': 'application/xml' }).end(SLOW_DOWN)
    } else if (fault === 'half') breakOff(incoming)
    else pass(target, incoming, answer, fault === 'lost')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const proxy: FaultProxy = {
    url: `http://127.0.0.1:${port}`,
    decide: () => undefined,
    done,
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
  return proxy
}

const SLOW_DOWN =
  '<?xml version="1.0"?><Error><Code>SlowDown</Code><Message>come again</Message></Error>'

/** Takes the beginning of a body, and no more. */
function breakOff(incoming: IncomingMessage): void {
  incoming.once('data', () => incoming.socket.destroy())
  incoming.once('end', () => incoming.socket.destroy())
}

function pass(
  target: URL,
  incoming: IncomingMessage,
  answer: ServerResponse,
  isAnswerLost: boolean,
): void {
  const { method, url, headers } = incoming
  const options = { host: target.hostname, port: target.port, method, path: url, headers }
  const outgoing = request(options, (response) => {
    if (isAnswerLost) {
      response.resume()
      response.once('end', () => incoming.socket.destroy())
      return
    }
    answer.writeHead(response.statusCode ?? 500, response.headers)
    response.pipe(answer)
  })
  outgoing.once('error', () => answer.destroy())
  incoming.pipe(outgoing)
}
