/** Requests of KIP-714 and the settings behind them, sent to a broker without a reporter. */
import { gzipSync } from 'node:zlib'
import { apis } from '@ottla/protocol'
import { type ApiTranscript, type Play, settle, ZERO_ID } from './api-transcript.ts'

const CLIENT_METRICS = 16

async function set(
  t: ApiTranscript,
  name: string,
  settings: Readonly<Record<string, string | null>>,
  operation = 0,
): Promise<void> {
  const configs = Object.entries(settings).map(([key, value]) => ({
    name: key,
    configOperation: value === null ? 1 : operation,
    value,
  }))
  const resources = [{ resourceType: CLIENT_METRICS, resourceName: name, configs }]
  const what = `set ${name} ${JSON.stringify(settings)}`
  await t.ask(what, apis.incrementalAlterConfigs, 1, { resources, validateOnly: false })
  await settle()
}

async function tell(t: ApiTranscript, names: readonly string[]): Promise<void> {
  const resources = names.map((resourceName) => ({
    resourceType: CLIENT_METRICS,
    resourceName,
    configurationKeys: null,
  }))
  const body = { resources, includeSynonyms: true, includeDocumentation: false }
  await t.ask('described', apis.describeConfigs, 4, body)
  await t.ask('listed', apis.listConfigResources, 0, {})
  await t.ask('listed by type', apis.listConfigResources, 1, { resourceTypes: [CLIENT_METRICS] })
}

export const clientMetricsSettings: Play = async (t) => {
  await tell(t, ['none', ''])
  await set(t, 'sub', { metrics: 'org.apache.kafka.producer.', 'interval.ms': '1000' })
  await set(t, 'all', { metrics: '*', match: 'client_id=.*,client_software_name=java' })
  await set(t, '', { metrics: '*' })
  await set(t, 'bad', { 'interval.ms': '99' })
  await set(t, 'bad', { 'interval.ms': '3600001' })
  await set(t, 'bad', { 'interval.ms': 'soon' })
  await set(t, 'bad', { match: 'client_id' })
  await set(t, 'bad', { match: 'client_shoe=1' })
  await set(t, 'bad', { match: 'client_id=[' })
  await set(t, 'bad', { match: 'client_id=a=b' })
  await set(t, 'bad', { metrics: 'a,a' })
  await set(t, 'bad', { nothing: 'x' })
  await set(t, 'empty', { metrics: '' })
  await set(t, 'sub', { metrics: 'b' }, 2)
  await set(t, 'sub', { metrics: 'b' }, 3)
  await tell(t, ['sub', 'all', 'empty', 'bad'])
  await set(t, 'sub', { metrics: null, 'interval.ms': null })
  await set(t, 'all', { match: null })
  await tell(t, ['sub', 'all'])
}

export const telemetry: Play = async (t) => {
  const known = { metrics: 'a.,b.', 'interval.ms': '100', match: 'client_id=raw' }
  await set(t, 'fast', known)
  await set(t, 'others', { metrics: 'c.', match: 'client_id=another' })
  const get = (clientInstanceId: string) =>
    t.ask('get', apis.getTelemetrySubscriptions, 0, { clientInstanceId })
  await t
    .send<{ clientInstanceId: string }>(apis.getTelemetrySubscriptions, 0, {
      clientInstanceId: ZERO_ID,
    })
    .then(({ clientInstanceId }) => t.mask(clientInstanceId, '<chosen id>'))
  const id = 'bbbbbbbbbbbbbbbbbbbbbA'
  const first = await get(id)
  await get(id)
  await pause()
  await get(id)
  const push = (what: string, changes: Record<string, unknown>) =>
    t.ask(`push ${what}`, apis.pushTelemetry, 0, {
      clientInstanceId: id,
      subscriptionId: first['subscriptionId'] as number,
      terminating: false,
      compressionType: 0,
      metrics: Buffer.alloc(0),
      ...changes,
    })
  await push('nothing', {})
  await push('too early', {})
  await pause()
  await push('bytes', { metrics: Buffer.from([0x0a, 0x00]) })
  await pause()
  await push('no protobuf', { metrics: Buffer.from('no protobuf at all') })
  await pause()
  await push('gzip', { metrics: gzipSync(Buffer.from([0x0a, 0x00])), compressionType: 1 })
  await pause()
  await push('no gzip', { metrics: Buffer.from('no gzip'), compressionType: 1 })
  await pause()
  await push('too large', { metrics: Buffer.alloc((1 << 20) + 1) })
  await pause()
  await push('a bomb', { metrics: gzipSync(Buffer.alloc(100 << 20)), compressionType: 1 })
  await pause()
  await push('of another subscription', { subscriptionId: 4711 })
  await get(id)
  await pause()
  await push('of a compression of the future', { compressionType: 9 })
  await get(id)
  await push('without an id', { clientInstanceId: ZERO_ID })
  await push('with a reserved id', { clientInstanceId: 'AAAAAAAAAAAAAAAAAAAAAQ' })
  await pause()
  await push('its last', { terminating: true })
  await push('after its last', {})
  await pause()
  await get(id)
  await set(t, 'fast', { 'interval.ms': '60000' })
  await get('cccccccccccccccccccccA')
  await set(t, 'fast', { metrics: '*' })
  await get('ddddddddddddddddddddddA'.slice(0, 22))
}

const pause = () => new Promise((resolve) => setTimeout(resolve, 150))
