/**
 * The broker that foreign clients judge: ottla as users run it, in a process of its own; or with
 * `BROKER=apache` Apache Kafka, which shows that the tests say what Kafka does.
 */
import { startOttlaProcess } from '../../support/ottla-process.ts'
import { startApacheBroker } from './apache-broker.ts'

export interface JudgedBroker extends AsyncDisposable {
  /** `127.0.0.1:PORT` */
  readonly bootstrap: string
  stop(): Promise<void>
}

/** Settings that librdkafka's and Kafka's own tests take for granted on one node. */
const SETTINGS = { 'num.partitions': '4', 'group.initial.rebalance.delay.ms': '0' }

export const isApache = process.env['BROKER'] === 'apache'

export function startJudgedBroker(
  settings: Readonly<Record<string, string>> = {},
): Promise<JudgedBroker> {
  const all = { ...SETTINGS, ...settings }
  if (isApache) return startApacheBroker({ heap: '512m', overrides: all })
  return startOttlaProcess({ settings: all })
}

let count = 0

/** A name for a topic or a group that nobody else uses. */
export const uniqueName = (what: string): string => `${what}-${process.pid}-${++count}`

/** Asks again and again until the answer is true; fails after the deadline. */
export async function waitUntil(
  what: string,
  condition: () => boolean | Promise<boolean>,
  timeoutMs = 60_000,
): Promise<void> {
  const deadline = performance.now() + timeoutMs
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`${what}: not within ${timeoutMs} ms`)
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
}
