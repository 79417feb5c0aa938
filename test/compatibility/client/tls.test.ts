/** The client over TLS, with certificates that openssl makes for the occasion. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createConnection, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer, type Server } from 'node:tls'
import { Kafka } from '@ottla/client'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startTestBroker, type TestBroker } from '../../integration/support/broker.ts'
import { readAll } from '../../integration/support/read-all.ts'

let folder: string
let ca: string
let server: Server
let broker: TestBroker
let port = 0
let target = 0

/** Takes TLS off and passes the bytes on: the broker behind it speaks plain. */
function startTlsProxy(key: string, cert: string): Promise<void> {
  server = createServer({ key, cert }, (client) => {
    const plain = createConnection({ port: target, host: '127.0.0.1' })
    client.pipe(plain)
    plain.pipe(client)
    for (const socket of [client, plain]) {
      socket.on('error', () => {
        client.destroy()
        plain.destroy()
      })
    }
  })
  // Handshakes that clients refuse are what one of the tests is about.
  server.on('tlsClientError', () => {})
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      port = typeof address === 'object' && address ? address.port : 0
      resolve()
    })
  })
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ottla-tls-'))
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1']
  const files = ['-keyout', key, '-out', cert]
  const request = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2']
  execFileSync('openssl', [...request, ...subject, ...files], { stdio: 'ignore' })
  ca = readFileSync(cert, 'utf8')
  await startTlsProxy(readFileSync(key, 'utf8'), ca)
  const advertised = `PLAINTEXT://127.0.0.1:${port}`
  broker = await startTestBroker({ 'advertised.listeners': advertised })
  target = Number(broker.bootstrap.split(':')[1])
})
afterAll(async () => {
  await broker.stop()
  server.close()
  rmSync(folder, { recursive: true })
})

test('produces and consumes, large fetches too', async () => {
  await using kafka = new Kafka({ brokers: `127.0.0.1:${port}`, tls: { ca } })
  await using producer = kafka.producer()
  const value = Buffer.alloc(5_000, 'v')
  await producer.send(
    'over-tls',
    Array.from({ length: 1_000 }, () => ({ value })),
  )
  const records = await readAll(kafka, 'over-tls', 1_000)
  expect(records.every((r) => r.value?.equals(value))).toBe(true)
})

test('goes over a stream that the application has opened', async () => {
  const opened: Socket[] = []
  const openSocket = ({ host, port: to }: { host: string; port: number }) => {
    const socket = createConnection({ host, port: to })
    opened.push(socket)
    return socket
  }
  await using kafka = new Kafka({ brokers: `127.0.0.1:${port}`, tls: { ca }, openSocket })
  await using producer = kafka.producer()
  await producer.send('over-streams', { value: Buffer.alloc(200_000, 'v') })
  const [record] = await readAll(kafka, 'over-streams', 1)
  expect(record?.value).toHaveLength(200_000)
  expect(opened.length).toBeGreaterThan(0)
})

test('refuses a certificate it does not know, and says what to do', async () => {
  await using kafka = new Kafka({ brokers: `127.0.0.1:${port}`, tls: true, apiTimeoutMs: 500 })
  await expect(kafka.admin.listTopics()).rejects.toMatchObject({
    hint: expect.stringContaining('certificate authority'),
  })
})

test('a plain port does not answer a TLS client', async () => {
  const options = { tls: { ca }, apiTimeoutMs: 1_000, connectTimeoutMs: 300 }
  await using kafka = new Kafka({ brokers: broker.bootstrap, ...options })
  await expect(kafka.admin.listTopics()).rejects.toMatchObject({ code: 'TIMEOUT' })
})
