import { SeededRandom, ZERO_UUID } from '@ottla/base'
import { describe, expect, it } from 'vitest'
import { ClientTelemetry, type Instance, type MetricsSubscription } from './client-telemetry.ts'

const CLIENT = {
  client_id: 'app',
  client_software_name: 'java',
  client_software_version: '4.4.0',
  client_source_address: '127.0.0.1',
  client_source_port: '5',
}
const ID = 'bbbbbbbbbbbbbbbbbbbbbA'

function telemetryOf(...subscriptions: Partial<MetricsSubscription>[]) {
  const all: MetricsSubscription[] = []
  const add = (subscription: Partial<MetricsSubscription>) =>
    all.push({ metrics: [], intervalMs: 1000, match: [], ...subscription })
  for (const subscription of subscriptions) add(subscription)
  const telemetry = new ClientTelemetry({
    random: new SeededRandom(1),
    pushBytesMax: 100,
    subscriptions: () => all,
  })
  const get = (nowMs: number, id = ID) => telemetry.get(id, CLIENT, nowMs)
  const push = (nowMs: number, subscriptionId: number, change: object = {}) => {
    const usual = { id: ID, subscriptionId, isTerminating: false, compressionType: 0, size: 1 }
    return telemetry.push({ ...usual, ...change }, CLIENT, nowMs)
  }
  return { telemetry, add, get, push }
}

const idOf = (answer: Instance | string) => (answer as Instance).subscriptionId

describe('client telemetry', () => {
  it('joins the subscriptions that match a client', () => {
    const { get } = telemetryOf(
      { metrics: ['a.', 'b.'], match: ['client_id=a.*', 'client_software_name=java'] },
      { metrics: ['b.', 'c.'], intervalMs: 500 },
      { metrics: ['d.'], match: ['client_id=other'] },
    )
    expect(get(10_000)).toMatchObject({ metrics: ['a.', 'b.', 'c.'], intervalMs: 500 })
  })

  it('chooses an id for a client that has none, and 5 minutes when nothing is wanted', () => {
    const { get } = telemetryOf()
    const instance = get(1e6, ZERO_UUID) as Instance
    expect(instance.id).not.toBe(ZERO_UUID)
    expect(instance).toMatchObject({ metrics: [], intervalMs: 300_000 })
  })

  it('takes one push per interval', () => {
    const { get, push } = telemetryOf({ metrics: ['*'] })
    const id = idOf(get(10_000))
    expect(push(10_100, id)).toBe('NONE')
    expect(push(10_900, id)).toBe('THROTTLING_QUOTA_EXCEEDED')
    expect(push(11_100, id)).toBe('NONE')
    expect(get(11_200)).toBe('THROTTLING_QUOTA_EXCEEDED')
  })

  it('sends a client back for its subscription when that has changed', () => {
    const { telemetry, add, get, push } = telemetryOf({ metrics: ['a'] })
    const id = idOf(get(10_000))
    add({ metrics: ['b'] })
    telemetry.changed()
    expect(push(10_100, id)).toBe('UNKNOWN_SUBSCRIPTION_ID')
    const answer = get(10_200)
    expect(answer).toMatchObject({ metrics: ['a', 'b'] })
    expect(push(11_200, idOf(answer))).toBe('NONE')
  })

  it('takes a last push at any time, and none behind it', () => {
    const { get, push } = telemetryOf({})
    const id = idOf(get(10_000))
    expect(push(10_001, id)).toBe('NONE')
    expect(push(10_002, id, { isTerminating: true })).toBe('NONE')
    expect(push(20_000, id)).toBe('INVALID_REQUEST')
  })

  it('refuses what is too large, in no codec, or from nobody', () => {
    const { get, push } = telemetryOf({})
    const id = idOf(get(10_000))
    expect(push(11_000, id, { size: 101 })).toBe('TELEMETRY_TOO_LARGE')
    expect(push(12_000, id, { compressionType: 5 })).toBe('UNSUPPORTED_COMPRESSION_TYPE')
    expect(push(13_000, id, { id: ZERO_UUID })).toBe('INVALID_REQUEST')
  })

  it('forgets a client that is gone or silent', () => {
    const { telemetry, get } = telemetryOf({})
    get(100_000)
    telemetry.forget(ID)
    expect(get(100_001)).toMatchObject({ id: ID })
    expect(get(100_002)).toBe('THROTTLING_QUOTA_EXCEEDED')
    expect(get(100_002 + 60_001)).toMatchObject({ id: ID })
  })
})
