/** What listens at an address? Sends the first bytes of a Kafka client and looks at the answer. */
import { createConnection } from 'node:net'
import { codeOf } from '@ottla/base'

export type Found =
  | { readonly kind: 'kafka'; readonly elapsedMs: number }
  | { readonly kind: 'tls' }
  | { readonly kind: 'http'; readonly line: string }
  | { readonly kind: 'refused' | 'unresolved' | 'closed' | 'silent' | 'unreachable' }
  | { readonly kind: 'other'; readonly bytes: string }

/** ApiVersions v0 with correlation id 1 and client id `ottla`, which every broker answers. */
const API_VERSIONS_V0 = Buffer.from('0000000f00120000000000010005' + '6f74746c61', 'hex')
const TLS_ALERT = 0x15
const TLS_HANDSHAKE = 0x16

export function identifyServer(host: string, port: number, timeoutMs: number): Promise<Found> {
  return new Promise((resolve) => {
    const startMs = performance.now()
    const socket = createConnection({ host, port })
    let isConnected = false
    const finish = (found: Found) => {
      clearTimeout(timer)
      socket.destroy()
      resolve(found)
    }
    const timer = setTimeout(
      () => finish({ kind: isConnected ? 'silent' : 'unreachable' }),
      timeoutMs,
    )
    socket.on('connect', () => {
      isConnected = true
      socket.write(API_VERSIONS_V0)
    })
    socket.on('data', (data) => finish(judge(data, performance.now() - startMs)))
    socket.on('error', (error) => finish({ kind: isConnected ? 'closed' : failureOf(error) }))
    socket.on('close', () => finish({ kind: 'closed' }))
  })
}

export function judge(data: Buffer, elapsedMs: number): Found {
  const text = data.subarray(0, 64).toString('latin1')
  if (/^HTTP\/\d/.test(text)) return { kind: 'http', line: text.split('\r\n')[0] as string }
  if ((data[0] === TLS_ALERT || data[0] === TLS_HANDSHAKE) && data[1] === 3) return { kind: 'tls' }
  const isAnswer = data.length >= 10 && data.readInt32BE(4) === 1 && data.readInt32BE(0) >= 6
  if (isAnswer) return { kind: 'kafka', elapsedMs }
  return { kind: 'other', bytes: data.subarray(0, 16).toString('hex') }
}

function failureOf(error: Error): 'refused' | 'unresolved' | 'unreachable' {
  // A name with several addresses fails with an AggregateError that holds one error for each.
  const codes = 'errors' in error && Array.isArray(error.errors) ? error.errors : [error]
  const has = (code: string) => codes.some((one) => codeOf(one) === code) || codeOf(error) === code
  if (has('ENOTFOUND') || has('EAI_AGAIN')) return 'unresolved'
  return has('ECONNREFUSED') ? 'refused' : 'unreachable'
}
