/**
 * `npm run demo`: real flights through a real broker that is killed twice on the way.
 *
 * 20,000 flights become 40,000 events, a departure at one airport and an arrival at another, in a
 * topic keyed by airport. A group of three members sums them up per airport. The broker is killed
 * with -9 once while records are written and once while they are read. At the end the log is read
 * again from its beginning: nothing may be lost, twice or out of order, and the sums must agree.
 */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { defineTopic, json, Kafka, string } from '@ottla/client'
import { type OttlaProcess, startOttlaProcess } from '../test/support/ottla-process.ts'
import { AirportTotals, type FlightEvent, type Totals } from './airport-totals.ts'
import { ProgressBar } from './progress-bar.ts'

const TOPIC = 'flights'
const DATA = 'vega-datasets/data/flights-20k.json'
const PARTITIONS = 6
const MEMBERS = 3
const DEADLINE_MS = 120_000

const Flights = defineTopic(TOPIC, { key: string(), value: json<FlightEvent>() })
const say = (line: string) => process.stdout.write(`${line}\n`)

interface Flight {
  readonly date: string
  readonly delay: number
  readonly distance: number
  readonly origin: string
  readonly destination: string
}

/** Two events per flight, in the order of time; `sequence` counts the events of each airport. */
function loadEvents(): FlightEvent[] {
  // The package exports its code only; its data lies beside it.
  const code = createRequire(import.meta.url).resolve('vega-datasets')
  const path = join(code.slice(0, code.lastIndexOf('vega-datasets')), DATA)
  const flights = JSON.parse(readFileSync(path, 'utf8')) as Flight[]
  const counts = new Map<string, number>()
  const event = (airport: string, kind: FlightEvent['kind'], flight: Flight): FlightEvent => {
    const sequence = (counts.get(airport) ?? 0) + 1
    counts.set(airport, sequence)
    const { date, delay, distance } = flight
    return { airport, kind, sequence, date, delay, distance }
  }
  return [...flights]
    .sort((a, b) => a.date.localeCompare(b.date))
    .flatMap((flight) => [
      event(flight.origin, 'departure', flight),
      event(flight.destination, 'arrival', flight),
    ])
}

/** A broker that can be killed and comes back on the same port with the same data. */
class KillableBroker {
  kills = 0
  readonly startedInMs: number[] = []
  private process: OttlaProcess

  constructor(process: OttlaProcess) {
    this.process = process
  }

  get bootstrap(): string {
    return this.process.bootstrap
  }

  async killAndStart(): Promise<void> {
    const { port, dataDir } = this.process
    await this.process.kill9()
    this.kills++
    const startMs = performance.now()
    this.process = await startOttlaProcess({ port, dataDir })
    this.startedInMs.push(Math.round(performance.now() - startMs))
  }

  stop(): Promise<void> {
    return this.process.stop()
  }
}

async function produce(kafka: Kafka, broker: KillableBroker, events: readonly FlightEvent[]) {
  const bar = new ProgressBar('produce', events.length)
  const killAt = Math.floor(events.length * 0.4)
  await using producer = kafka.producer({ compression: 'lz4' })
  let killing: Promise<void> | undefined
  for (const [i, event] of events.entries()) {
    if (!producer.enqueue(Flights, { key: event.airport, value: event })) await producer.ready
    if (i === killAt) killing = broker.killAndStart()
    if (i % 500 === 0) {
      bar.update(i)
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  await killing
  await producer.flush()
  bar.finish(`acknowledged by the broker, which was killed at record ${killAt} and came back`)
}

async function consume(kafka: Kafka, broker: KillableBroker, expected: number) {
  const bar = new ProgressBar('consume', expected)
  const totals = new AirportTotals()
  const done = new AbortController()
  const deadline = setTimeout(() => done.abort(), DEADLINE_MS)
  const killAt = Math.floor(expected * 0.5)
  let killing: Promise<void> | undefined
  const member = async () => {
    await using consumer = kafka.consumer({
      group: 'airports',
      from: 'earliest',
      autoCommitIntervalMs: 200,
      sessionTimeoutMs: 10_000,
    })
    for await (const batch of consumer.subscribe(Flights, { signal: done.signal })) {
      for (const record of batch) totals.add(record.value)
      bar.update(totals.events)
      if (totals.events >= killAt) {
        // What comes after must be read from the broker that came back.
        killing ??= broker.killAndStart()
        await killing
      }
      if (totals.events >= expected) done.abort()
    }
  }
  await Promise.all(Array.from({ length: MEMBERS }, member))
  clearTimeout(deadline)
  await killing
  bar.finish(`by ${MEMBERS} members of a group; ${totals.repeated} delivered again after the kill`)
  return totals
}

/** Reads everything once more, without a group: what the log holds, record by record. */
async function replay(kafka: Kafka, expected: number) {
  const bar = new ProgressBar('replay', expected)
  const totals = new AirportTotals()
  const signal = AbortSignal.timeout(DEADLINE_MS)
  await using consumer = kafka.consumer({ from: 'earliest' })
  for await (const batch of consumer.subscribe(Flights, { signal })) {
    for (const record of batch) totals.add(record.value)
    bar.update(totals.events)
    if (totals.events >= expected) break
  }
  const ends = await kafka.admin.listOffsets(
    Array.from({ length: PARTITIONS }, (_, partition) => ({
      topic: TOPIC,
      partition,
      at: 'latest' as const,
    })),
  )
  const stored = Number(ends.reduce((sum, end) => sum + end.offset, 0n))
  bar.finish('read again from the beginning')
  return { totals, stored }
}

function busiest(totals: ReadonlyMap<string, Totals>): string {
  return [...totals]
    .sort((a, b) => b[1].departures + b[1].arrivals - a[1].departures - a[1].arrivals)
    .slice(0, 3)
    .map(([airport, t]) => `${airport} (${t.departures} out, ${t.arrivals} in)`)
    .join(', ')
}

async function main(): Promise<number> {
  const events = loadEvents()
  const airports = new Set(events.map((event) => event.airport)).size
  say(`${events.length} events of ${events.length / 2} flights at ${airports} airports`)
  const broker = new KillableBroker(await startOttlaProcess())
  try {
    await using kafka = new Kafka({ brokers: broker.bootstrap, clientId: 'demo' })
    await kafka.admin.createTopics([{ topic: TOPIC, partitions: PARTITIONS }])
    await produce(kafka, broker, events)
    const consumed = await consume(kafka, broker, events.length)
    const { totals: replayed, stored } = await replay(kafka, events.length)
    const faults = [
      ...consumed.faults('group', events),
      ...replayed.faults('replay', events),
      ...(stored === events.length
        ? []
        : [`the log holds ${stored} records, not ${events.length}`]),
      ...(replayed.repeated === 0 ? [] : [`${replayed.repeated} records are in the log twice`]),
      ...(consumed.equals(replayed) ? [] : ['the sums of the group and of the replay differ']),
    ]
    say('')
    for (const fault of faults) say(`WRONG  ${fault}`)
    if (faults.length > 0) return 1
    const starts = broker.startedInMs.map((ms) => `${ms} ms`).join(' and ')
    say(
      `Nothing lost, nothing twice, everything in order: ${stored} records in ${PARTITIONS} partitions.`,
    )
    say(`The broker was killed with -9 ${broker.kills} times and was back after ${starts}.`)
    say(`Busiest airports: ${busiest(replayed.byAirport)}.`)
    return 0
  } finally {
    await broker.stop()
  }
}

process.exitCode = await main()
