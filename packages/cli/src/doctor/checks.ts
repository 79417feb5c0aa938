/**
 * The steps from a name to a record, each of which needs the one before:
 *
 *   name -> tcp -> protocol -> advertised -> round trip
 *
 * The first that fails ends the examination: what follows would only fail for the same reason.
 */
import { lookup } from 'node:dns/promises'
import { createConnection } from 'node:net'
import { messageOf } from '@ottla/base'
import { Kafka } from '@ottla/client'
import { apis } from '@ottla/protocol'
import { type ConnectionOptions, kafkaOptionsOf } from '../connection.ts'
import { type Found, identifyServer } from './identify-server.ts'
import { roundTrip } from './round-trip.ts'
import { describeFailure, type HostAndPort, splitAddress } from './unreachable.ts'

export interface CheckResult {
  readonly name: 'name' | 'tcp' | 'protocol' | 'advertised' | 'round trip'
  readonly ok: boolean
  readonly detail: string
  readonly why?: string
  readonly mend?: string
}

export interface CheckPlan extends ConnectionOptions {
  readonly brokers: string
  readonly roundTrip: boolean
}

const PROBE_TIMEOUT_MS = 3_000

export async function* runChecks(plan: CheckPlan): AsyncGenerator<CheckResult> {
  const target = splitAddress(plan.brokers.split(',')[0] as string)
  const isTls = plan.tls === true || plan.tlsCa !== undefined
  for (const check of [checkName, checkTcp]) {
    const result = await check(target)
    yield result
    if (!result.ok) return
  }
  const kafka = new Kafka({
    ...kafkaOptionsOf(plan),
    brokers: `${bracketed(target.host)}:${target.port}`,
  })
  try {
    const protocol = await checkProtocol(kafka, target, isTls)
    yield protocol
    if (!protocol.ok) return
    const advertised = await checkAdvertised(kafka, target, isTls)
    yield advertised
    if (!advertised.ok || !plan.roundTrip) return
    yield await roundTrip(kafka)
  } finally {
    await kafka.close()
  }
}

const bracketed = (host: string): string => (host.includes(':') ? `[${host}]` : host)

async function checkName({ host }: HostAndPort): Promise<CheckResult> {
  try {
    const addresses = await lookup(host, { all: true })
    const list = addresses.map(({ address }) => address).join(', ')
    return { name: 'name', ok: true, detail: list === host ? host : `${host} → ${list}` }
  } catch (error) {
    return {
      name: 'name',
      ok: false,
      detail: `${host} cannot be resolved`,
      why: messageOf(error),
      mend: 'Check the spelling; in a container, whether both are on one network.',
    }
  }
}

function checkTcp(target: HostAndPort): Promise<CheckResult> {
  return new Promise((resolve) => {
    const startMs = performance.now()
    const socket = createConnection(target)
    const finish = (result: CheckResult) => {
      clearTimeout(timer)
      socket.destroy()
      resolve(result)
    }
    const fail = (why: string, mend: string) =>
      finish({
        name: 'tcp',
        ok: false,
        detail: `no connection to ${target.host}:${target.port}`,
        why,
        mend,
      })
    const timer = setTimeout(
      () => fail('no answer', 'Check the address, and firewalls between here and there.'),
      PROBE_TIMEOUT_MS,
    )
    socket.on('connect', () => {
      const elapsed = Math.max(1, Math.round(performance.now() - startMs))
      finish({ name: 'tcp', ok: true, detail: `connected in ${elapsed} ms` })
    })
    socket.on('error', (error) => {
      const isRefused = 'code' in error && error.code === 'ECONNREFUSED'
      const port = target.port === 9092 ? '' : ` --port ${target.port}`
      if (isRefused) fail('nothing listens there', `Start a broker: ottla start${port}`)
      else fail(messageOf(error) || 'unreachable', 'Check the address and the network.')
    })
  })
}

async function checkProtocol(
  kafka: Kafka,
  target: HostAndPort,
  isTls: boolean,
): Promise<CheckResult> {
  const { host, port } = target
  if (!isTls) {
    const found = await identifyServer(host, port, PROBE_TIMEOUT_MS)
    if (found.kind !== 'kafka') return protocolFailure(found, target, { isTls, error: undefined })
  }
  try {
    const body = { clientSoftwareName: 'ottla-doctor', clientSoftwareVersion: '1' }
    const versions = await kafka.request(apis.apiVersions, body)
    const level = versions.finalizedFeatures?.find(({ name }) => name === 'metadata.version')
    const parts = [
      isTls ? 'Kafka over TLS' : 'Kafka',
      `${versions.apiKeys.length} APIs`,
      ...(level ? [`metadata.version level ${level.maxVersionLevel}`] : []),
    ]
    return { name: 'protocol', ok: true, detail: parts.join(' · ') }
  } catch (error) {
    const found = await identifyServer(host, port, PROBE_TIMEOUT_MS)
    return protocolFailure(found, target, { isTls, error })
  }
}

function protocolFailure(
  found: Found,
  { host, port }: HostAndPort,
  attempt: { isTls: boolean; error: unknown },
): CheckResult {
  const { message, mend } = describeFailure(found, `${host}:${port}`, { port, ...attempt })
  const why = attempt.error === undefined ? {} : { why: messageOf(attempt.error) }
  return { name: 'protocol', ok: false, detail: message, ...why, mend }
}

/** Clients come in by one address and are then sent to the addresses that the brokers advertise. */
async function checkAdvertised(
  kafka: Kafka,
  target: HostAndPort,
  isTls: boolean,
): Promise<CheckResult> {
  const { brokers, controller } = await kafka.admin.describeCluster()
  for (const broker of brokers) {
    const result = isTls ? await checkTcp(broker) : undefined
    const found = isTls
      ? undefined
      : await identifyServer(broker.host, broker.port, PROBE_TIMEOUT_MS)
    if (result?.ok || found?.kind === 'kafka') continue
    const address = `${broker.host}:${broker.port}`
    const isLoopback = /^(localhost|127\.|\[?::1)/.test(broker.host)
    const wasLoopback = /^(localhost|127\.|\[?::1)/.test(target.host)
    const why =
      isLoopback && !wasLoopback
        ? `from here ${broker.host} is this machine, and no broker is there`
        : (result?.why ??
          describeFailure(found as Found, address, { port: broker.port, isTls, error: '' }).message)
    return {
      name: 'advertised',
      ok: false,
      detail: `broker ${broker.id} tells clients to come to ${address}, which does not work from here`,
      why,
      mend: `On the broker: advertised.listeners=PLAINTEXT://${bracketed(target.host)}:${target.port}`,
    }
  }
  const list = brokers.map(({ id, host, port }) => `${id} at ${bracketed(host)}:${port}`).join(', ')
  const what = brokers.length === 1 ? 'broker' : 'brokers'
  return { name: 'advertised', ok: true, detail: `${what} ${list}; controller ${controller}` }
}
