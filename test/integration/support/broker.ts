/**
 * The broker the integration tests run against: ottla's own, or with `BROKER=apache` Apache Kafka.
 * A test that says what Kafka does must pass against both.
 */
import { type ApacheBroker, startApacheBroker } from '../../compatibility/support/apache-broker.ts'

export interface TestBroker extends AsyncDisposable {
  /** `host:port` */
  readonly bootstrap: string
  stop(): Promise<void>
}

export const isApache = process.env['BROKER'] === 'apache'

/** Settings are Kafka's own, such as `num.partitions`. */
export async function startTestBroker(
  settings: Readonly<Record<string, string>> = {},
): Promise<TestBroker> {
  return isApache ? startApache(settings) : startOttla(settings)
}

function startApache(overrides: Readonly<Record<string, string>>): Promise<ApacheBroker> {
  return startApacheBroker({ heap: '512m', overrides })
}

async function startOttla(settings: Readonly<Record<string, string>>): Promise<TestBroker> {
  const { startBroker } = await import('@ottla/testing')
  const broker = await startBroker({ settings })
  const stop = () => broker[Symbol.asyncDispose]()
  return { bootstrap: broker.address, stop, [Symbol.asyncDispose]: stop }
}
