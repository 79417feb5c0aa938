/** The client beside other clients, from the newest result of `npm run bench -- client-speed`. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import type { ClientRow } from '../../bench/support/client-rows.ts'
import { page, table } from './markdown.ts'

const RESULTS = new URL('../../bench/results/', import.meta.url)
/** Records per CPU second beside the best JavaScript peer, by record size. */
const CPU_BARS: Readonly<Record<number, number>> = { 100: 5, 1024: 4, 10240: 3 }
const WALL_BAR = 2
/** A broker this busy, of two cores that it shares with the client, sets the pace. */
const BROKER_LIMIT_CORES = 0.8
const JAVA = 'java'
/** The same program over both. */
const KAFKAJS = 'kafkajs'
const DROP_IN = 'ottla drop-in'
/** No client: bytes to and from a socket. Nobody's bar, but how far anybody can get. */
const BARE = 'bare socket'

interface Result {
  readonly date: string
  readonly commit: string
  readonly versions: Readonly<Record<string, unknown>>
  readonly machine: Readonly<Record<string, unknown>>
  readonly settings: Readonly<Record<string, unknown>>
  readonly summary: readonly ClientRow[]
}

interface Load {
  readonly name: string
  readonly mode: ClientRow['mode']
  readonly size: number
  readonly rows: readonly ClientRow[]
}

const isOttla = (row: ClientRow) => row.client.startsWith('ottla')
const isPeer = (row: ClientRow) =>
  !isOttla(row) && ![JAVA, BARE].includes(row.client) && row.rounds > 0
const sizeName = (size: number) => (size < 1000 ? `${size} B` : `${Math.round(size / 1024)} KB`)
const number = (value: number) =>
  value >= 1000 ? Math.round(value).toLocaleString('en-US') : String(Number(value.toPrecision(3)))
const times = (value: number | undefined) => (value === undefined ? '' : `${number(value)}x`)

function newest(name: 'client-speed' | 'client-latency'): Result | undefined {
  const names = existsSync(RESULTS) ? readdirSync(RESULTS) : []
  const file = names
    .filter((each) => each.startsWith(name) && each.endsWith('.json'))
    .sort()
    .at(-1)
  return file && JSON.parse(readFileSync(new URL(file, RESULTS), 'utf8'))
}

function loadsOf(rows: readonly ClientRow[]): Load[] {
  const loads = new Map<string, ClientRow[]>()
  for (const row of rows) {
    const codec = row.codec === 'none' ? '' : `, ${row.codec}`
    const name = `${row.mode}, ${sizeName(row.size)}${codec}`
    const known = loads.get(name)
    if (known) known.push(row)
    else loads.set(name, [row])
  }
  return [...loads].map(([name, list]) => {
    const { mode, size } = list[0] as ClientRow
    return { name, mode, size, rows: list }
  })
}

const least = (rows: readonly ClientRow[], of: (row: ClientRow) => number) =>
  rows.reduce<ClientRow | undefined>((a, b) => (a && of(a) <= of(b) ? a : b), undefined)

function figures({ mode, rows }: Load): string {
  const isLatency = mode === 'latency'
  const columns = isLatency
    ? ['Client', 'p50 ms', 'p99 ms', 'p99.9 ms', 'CPU s per million', 'Peak MiB', 'Rounds']
    : [
        ...['Client', 'Records/s', 'CPU s per million', 'Spread', 'Client cores'],
        ...['Broker cores', 'Peak MiB', 'Rounds'],
      ]
  return table(
    columns,
    rows.map((row) => {
      if (row.rounds === 0) return [row.client, ...columns.slice(2).map(() => ''), 'failed']
      const cpu = number(row.cpuSecondsPerMillion)
      const ends = [String(row.peakMiB), String(row.rounds)]
      if (isLatency) {
        const latencies = [row.p50, row.p99, row.p999].map((value) => number(value ?? Number.NaN))
        return [row.client, ...latencies, cpu, ...ends]
      }
      const spread = row.cpuSpread.map(number).join('-')
      const cores = [row.clientCores, row.brokerCores].map((value) => value.toFixed(2))
      return [row.client, number(row.recordsPerSecond), cpu, spread, ...cores, ...ends]
    }),
  )
}

/** The bars of one load, one line each for CPU, wall clock and Java. */
function verdict({ name, mode, size, rows }: Load): string[] | undefined {
  const ottla = rows.find((row) => row.client === 'ottla')
  const peers = rows.filter(isPeer)
  if (!ottla || peers.length === 0) return undefined
  const java = rows.find((row) => row.client === JAVA && row.rounds > 0)
  const bare = rows.find((row) => row.client === BARE && row.rounds > 0)
  if (mode === 'latency') {
    const best = least(peers, (row) => row.p99 ?? Number.POSITIVE_INFINITY) as ClientRow
    const ratio = (best.p99 ?? Number.NaN) / (ottla.p99 ?? Number.NaN)
    return [
      name,
      `p99 ${times(ratio)} (${best.client})`,
      '1x',
      ratio >= 1 ? 'yes' : 'no',
      ...['', '', '', ''],
    ]
  }
  const frugal = least(peers, (row) => row.cpuSecondsPerMillion) as ClientRow
  const fast = least(peers, (row) => -row.recordsPerSecond) as ClientRow
  const cpu = frugal.cpuSecondsPerMillion / ottla.cpuSecondsPerMillion
  const wall = ottla.recordsPerSecond / fast.recordsPerSecond
  const bar = CPU_BARS[size] ?? 1
  const isLimited = ottla.brokerCores >= BROKER_LIMIT_CORES
  return [
    name,
    `${times(cpu)} (${frugal.client})`,
    `${bar}x`,
    cpu >= bar ? 'yes' : 'no',
    bare ? times(frugal.cpuSecondsPerMillion / bare.cpuSecondsPerMillion) : '',
    `${times(wall)} (${fast.client})`,
    isLimited ? `1x: broker ${ottla.brokerCores}` : `${WALL_BAR}x`,
    java ? times(java.cpuSecondsPerMillion / ottla.cpuSecondsPerMillion) : '',
  ]
}

/** The program of kafkajs with the drop-in in its place: one line, or none without both. */
function dropIn({ name, mode, rows }: Load): string[] | undefined {
  const before = rows.find((row) => row.client === KAFKAJS && row.rounds > 0)
  const after = rows.find((row) => row.client === DROP_IN && row.rounds > 0)
  if (!before || !after) return undefined
  const p99 = mode === 'latency' ? times((before.p99 ?? Number.NaN) / (after.p99 ?? 0)) : ''
  const wall = mode === 'latency' ? '' : times(after.recordsPerSecond / before.recordsPerSecond)
  const cpu = times(before.cpuSecondsPerMillion / after.cpuSecondsPerMillion)
  return [name, cpu, wall, p99, `${before.peakMiB} MiB`, `${after.peakMiB} MiB`]
}

/** Every figure in which some client is better than ottla. */
function losses({ name, mode, rows }: Load): string[] {
  const ottla = rows.find((row) => row.client === 'ottla')
  if (!ottla) return []
  const found: string[] = []
  const compare = (what: string, unit: string, of: (row: ClientRow) => number | undefined) => {
    const own = of(ottla)
    for (const row of rows) {
      const other = of(row)
      if (
        isOttla(row) ||
        row.client === BARE ||
        row.rounds === 0 ||
        own === undefined ||
        other === undefined
      )
        continue
      if (other >= own) continue
      const values = `${number(Math.abs(own))} ${unit} beside ${number(Math.abs(other))}`
      found.push(`- ${name}: ${what} of ${row.client} (${values})`)
    }
  }
  compare('CPU', 's per million', (row) => row.cpuSecondsPerMillion)
  compare('peak memory', 'MiB', (row) => row.peakMiB)
  if (mode === 'latency') {
    compare('p50', 'ms', (row) => row.p50)
    compare('p99', 'ms', (row) => row.p99)
    compare('p99.9', 'ms', (row) => row.p999)
  } else compare('wall clock', 'records/s', (row) => -row.recordsPerSecond)
  return found
}

const listed = (values: Readonly<Record<string, unknown>>) =>
  Object.entries(values)
    .map(([name, value]) => `${name} ${String(value)}`)
    .join(', ')

const sourceOfLatency = ({ date, commit, machine }: Result): string =>
  'Latency is of a run of its own, in which each round begins with another client ' +
  `(\`npm run bench -- client-speed --modes latency\`): ${date.slice(0, 10)}; ` +
  `commit ${commit}; ${listed(machine)}.`

export function clientSpeedPage(): string {
  const result = newest('client-speed')
  const latency = newest('client-latency')
  if (!result) return page('Speed of clients', 'Run `npm run bench -- client-speed` first.')
  const loads = loadsOf([
    ...result.summary.filter(({ mode }) => mode !== 'latency' || !latency),
    ...(latency?.summary ?? []),
  ])
  const verdicts = loads.map(verdict).filter((row) => row !== undefined)
  const lost = loads.flatMap(losses)
  const failed = result.summary.filter((row) => row.failure !== undefined)
  return page(
    'Speed of clients',
    'ottla’s client beside other clients, in one run against one Apache Kafka broker: acks=all, ' +
      'one partition, each client at its best documented settings and in a process of its own, ' +
      'rounds interleaved. Make it anew with `npm run bench -- client-speed`; the programs of the ' +
      'peers with their settings are in `bench/peers`, the raw figures in `bench/results`. ' +
      '[Where the time goes](../internals/performance.md) explains them.',
    `${result.date.slice(0, 10)}; commit ${result.commit}; ${listed(result.versions)}; ` +
      `${listed(result.machine)}. Settings: ${listed(result.settings)}.`,
    ...(latency ? [sourceOfLatency(latency)] : []),
    'CPU is that of the whole client process behind a warm-up, for each million records; `ottla` ' +
      'reads by batches with `reuseMemory` and looks at every value, `ottla defaults` does so ' +
      'without a setting, `ottla records` is the loop over single records, `ottla drop-in` is ' +
      'the program of kafkajs over `@ottla/kafkajs`. ' +
      '*Client cores* and *broker cores* are what each kept busy; this machine has two for both.',
    'ottla and Java verify the checksum of every batch they read; kafkajs and @platformatic/kafka ' +
      'cannot, and the others are not made to here. The npm package of ' +
      '@confluentinc/kafka-javascript has no binary: its install script fetches one from ' +
      'elsewhere. The benchmark runs no install scripts and compiles it from the sources in the ' +
      'package instead, against the system’s OpenSSL.',
    '## Beside the best JavaScript peer',
    'How many times as good ottla is as the best JavaScript client of each load, and as Java in ' +
      'records per CPU second. *At most* is how many times as good as that client the bare socket ' +
      'is: bytes that are ready are sent, bytes that come are counted, and the codec is run, with ' +
      'no record made or looked at (`bench/macro/client-bare.ts`). Where the broker is the limit ' +
      'the wall clock cannot be better.',
    table(
      [
        ...['Load', 'Records per CPU second', 'Bar', 'Holds', 'At most'],
        ...['Wall clock', 'Bar', 'CPU beside Java'],
      ],
      verdicts,
    ),
    '## A program of kafkajs',
    'What becomes of a program of kafkajs (`bench/peers/kafkajs-program.mjs`) when ' +
      '`"kafkajs": "npm:@ottla/kafkajs@2"` is the only change: how many times as good each figure ' +
      'is with `@ottla/kafkajs` as with kafkajs.',
    table(
      ['Load', 'Records per CPU second', 'Wall clock', 'p99', 'Peak of kafkajs', 'Of the drop-in'],
      loads.map(dropIn).filter((row) => row !== undefined),
    ),
    '## Where ottla loses',
    lost.length > 0 ? lost.join('\n') : 'In no figure of this run.',
    ...(failed.length > 0
      ? ['## What did not run', failed.map((row) => `- ${row.client}: ${row.failure}`).join('\n')]
      : []),
    '## All figures',
    ...loads.flatMap((load) => [`### ${load.name}`, figures(load)]),
  )
}
