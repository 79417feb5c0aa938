/**
 * A schema registry for tests: subjects, versions and ids in memory, and faults on demand. It keeps
 * what it is given and judges nothing but the shape of a request.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

interface Stored {
  readonly id: number
  readonly version: number
  readonly body: { readonly schema: string; readonly schemaType?: string; references?: unknown[] }
}

type Answer = readonly [status: number, body: unknown]

const missing = (errorCode: number, message: string): Answer => [
  404,
  { error_code: errorCode, message },
]

const BODY_BYTES_MAX = 1 << 20

export class TestRegistry implements AsyncDisposable {
  /** Method and path of each request, with its credentials. */
  readonly requests: { readonly line: string; readonly authorization: string | undefined }[] = []
  /** Answers to give before doing the work, one a request. */
  readonly faults: Answer[] = []
  /** Answers of the compatibility check. */
  compatibility: { is_compatible: boolean; messages?: string[] } = { is_compatible: true }
  url = ''
  private readonly subjects = new Map<string, Stored[]>()
  private readonly ids: Stored['body'][] = []
  private readonly server = createServer((request, response) => {
    this.serve(request, response).catch((error: unknown) => response.destroy(error as Error))
  })

  static async start(): Promise<TestRegistry> {
    const registry = new TestRegistry()
    await new Promise<void>((resolve) => registry.server.listen(0, '127.0.0.1', resolve))
    registry.url = `http://127.0.0.1:${(registry.server.address() as AddressInfo).port}`
    return registry
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.server.closeAllConnections()
    await new Promise((resolve) => this.server.close(resolve))
  }

  /** Path lines only. */
  get lines(): string[] {
    return this.requests.map(({ line }) => line)
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = ''
    for await (const chunk of request.setEncoding('utf8')) {
      text += chunk as string
      if (text.length > BODY_BYTES_MAX) throw new RangeError('the request is too large')
    }
    const path = (request.url ?? '').replace(/\?.*/, '')
    const line = `${request.method} ${decodeURIComponent(path)}`
    this.requests.push({ line, authorization: request.headers.authorization })
    const [status, body] = this.faults.shift() ?? this.answer(request.method ?? '', path, text)
    response.writeHead(status, { 'content-type': 'application/vnd.schemaregistry.v1+json' })
    response.end(typeof body === 'string' ? body : JSON.stringify(body))
  }

  private answer(method: string, path: string, text: string): Answer {
    const parts = path.split('/').slice(1).map(decodeURIComponent)
    const [kind, subject = '', , version] = parts
    if (kind === 'schemas') {
      const body = this.ids[Number(parts[2]) - 1]
      return body ? [200, body] : missing(40403, `Schema ${parts[2]} not found`)
    }
    if (kind === 'compatibility') return [200, this.compatibility]
    if (kind !== 'subjects') return missing(404, 'HTTP 404 Not Found')
    const versions = this.subjects.get(subject) ?? []
    if (method === 'POST') {
      const body = JSON.parse(text) as Stored['body']
      return parts.length === 3 ? this.register(subject, body) : this.lookup(subject, body)
    }
    if (versions.length === 0) return missing(40401, `Subject '${subject}' not found.`)
    const found = version === 'latest' ? versions.at(-1) : versions[Number(version) - 1]
    return found
      ? [200, { subject, version: found.version, id: found.id, ...found.body }]
      : missing(40402, `Version ${version} not found.`)
  }

  private find(subject: string, body: Stored['body']): Stored | undefined {
    return this.subjects.get(subject)?.find((one) => keyOf(one.body) === keyOf(body))
  }

  private lookup(subject: string, body: Stored['body']): Answer {
    if (!this.subjects.has(subject)) return missing(40401, `Subject '${subject}' not found.`)
    const found = this.find(subject, body)
    if (!found) return missing(40403, 'Schema not found')
    return [200, { subject, version: found.version, id: found.id, ...found.body }]
  }

  private register(subject: string, body: Stored['body']): Answer {
    const found = this.find(subject, body)
    if (found) return [200, { id: found.id }]
    const versions = this.subjects.get(subject) ?? []
    this.subjects.set(subject, versions)
    let index = this.ids.findIndex((one) => keyOf(one) === keyOf(body))
    if (index < 0) index = this.ids.push(body) - 1
    versions.push({ id: index + 1, version: versions.length + 1, body })
    return [200, { id: index + 1 }]
  }
}

const keyOf = ({ schema, schemaType = 'AVRO', references = [] }: Stored['body']): string =>
  JSON.stringify([schema, schemaType, references])
