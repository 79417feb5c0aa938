/**
 * The broker the integration tests run against: ottla's own, with `BROKER=apache` Apache Kafka, or
 * with `BROKER=apache-3.9.1` an older one. A test that says what Kafka does must pass against all.
 */
import { type ApacheBroker, startApacheBroker } from '../../compatibility/support/apache-broker.ts'

export interface TestBroker extends AsyncDisposable {
  /** `host:port` */
  readonly bootstrap: string
  stop(): Promise<void>
}

const wanted = process.env['BROKER'] ?? ''
/** Undefined when it is the usual one, or none. */
const apacheVersion = wanted.startsWith('apache-') ? wanted.slice('apache-'.length) : undefined
export const isApache = wanted === 'apache' || apacheVersion !== undefined
/** Before transactions V2, the consumer protocol for groups, and share groups. */
export const isBeforeKafka4 = apacheVersion?.startsWith('3.') ?? false

/** Settings are Kafka's own, such as `num.partitions`. */
export async function startTestBroker(
  settings: Readonly<Record<string, string>> = {},
): Promise<TestBroker> {
  return isApache ? startApache(settings) : startOttla(settings)
}

function startApache(overrides: Readonly<Record<string, string>>): Promise<ApacheBroker> {
  return startApacheBroker({
    heap: '512m',
    overrides,
    ...(apacheVersion !== undefined && { version: apacheVersion }),
  })
}

async function startOttla(settings: Readonly<Record<string, string>>): Promise<TestBroker> {
  const { startBroker } = await import('@ottla/testing')
  const broker = await startBroker({ settings })
  const stop = () => broker[Symbol.asyncDispose]()
  return { bootstrap: broker.address, stop, [Symbol.asyncDispose]: stop }
}
