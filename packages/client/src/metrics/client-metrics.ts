/**
 * What a client has measured. Recording costs one addition and is done by request or batch, never
 * by record; the numbers are worked out when somebody asks.
 *
 * A sensor keeps two windows of 30 seconds, the current and the one before: rates, averages and
 * maxima are of both, so they neither jump when a window begins nor reach back for ever.
 */
import type { Clock } from '@ottla/base'
import { METRIC_NAMES, METRICS, type MetricName, type Statistic } from './metric-table.ts'

const WINDOW_MS = 30_000
const PREFIX = 'org.apache.kafka.'

/** One number of a client, as of now. */
export interface ClientMetric {
  /** Such as `org.apache.kafka.producer.record.send.total`, the Java client's name for it. */
  readonly name: string
  /** `counter`: only grows while the client lives. */
  readonly kind: 'counter' | 'gauge'
  readonly value: number
  /** `node_id` for what is measured by broker, else none. */
  readonly labels: Readonly<Record<string, string>>
  readonly doc: string
}

interface Window {
  count: number
  sum: number
  max: number
}

interface Sensor {
  readonly nodeId: number | undefined
  current: Window
  before: Window
  windowStartMs: number
  /** Where the window before began. */
  sinceMs: number
  total: number
  totalSum: number
}

const emptyWindow = (): Window => ({ count: 0, sum: 0, max: 0 })

export class ClientMetrics {
  private readonly clock: Clock
  private readonly sensors = new Map<MetricName, Map<number | undefined, Sensor>>()

  constructor(clock: Clock) {
    this.clock = clock
  }

  /** Something happened `value` much: a latency, a number of records, a share. */
  record(name: MetricName, value: number, nodeId?: number): void {
    const sensor = this.sensorOf(name, nodeId)
    this.roll(sensor)
    const { current } = sensor
    current.count++
    current.sum += value
    if (value > current.max) current.max = value
    sensor.total++
    sensor.totalSum += value
  }

  /** A level changes by this much. */
  add(name: MetricName, change: number): void {
    this.sensorOf(name, undefined).totalSum += change
  }

  /** All numbers of what has been measured so far. */
  collect(): ClientMetric[] {
    const metrics: ClientMetric[] = []
    for (const name of METRIC_NAMES) {
      for (const sensor of this.sensors.get(name)?.values() ?? []) {
        this.roll(sensor)
        const { name: base, statistics, doc } = METRICS[name]
        const labels: Record<string, string> =
          sensor.nodeId === undefined ? {} : { node_id: String(sensor.nodeId) }
        for (const statistic of statistics) {
          metrics.push({
            name: `${PREFIX}${base}${SUFFIX[statistic]}`,
            kind: statistic === 'total' || statistic === 'sum' ? 'counter' : 'gauge',
            value: this.valueOf(sensor, statistic, hasCounts(statistics)),
            ...{ labels, doc },
          })
        }
      }
    }
    return metrics
  }

  private valueOf(sensor: Sensor, statistic: Statistic, isCount: boolean): number {
    const { current, before, sinceMs } = sensor
    switch (statistic) {
      case 'total':
        return sensor.total
      case 'sum':
      case 'value':
        return sensor.totalSum
      case 'max':
        return Math.max(current.max, before.max)
      case 'avg': {
        const count = current.count + before.count
        return count === 0 ? 0 : (current.sum + before.sum) / count
      }
      case 'rate': {
        const seconds = Math.max(1, (this.clock.monotonicMs() - sinceMs) / 1000)
        const amount = isCount ? current.count + before.count : current.sum + before.sum
        return amount / seconds
      }
    }
  }

  private sensorOf(name: MetricName, nodeId: number | undefined): Sensor {
    let byNode = this.sensors.get(name)
    if (!byNode) {
      byNode = new Map()
      this.sensors.set(name, byNode)
    }
    let sensor = byNode.get(nodeId)
    if (!sensor) {
      const nowMs = this.clock.monotonicMs()
      sensor = {
        ...{ nodeId, current: emptyWindow(), before: emptyWindow() },
        ...{ windowStartMs: nowMs, sinceMs: nowMs, total: 0, totalSum: 0 },
      }
      byNode.set(nodeId, sensor)
    }
    return sensor
  }

  private roll(sensor: Sensor): void {
    const nowMs = this.clock.monotonicMs()
    const ageMs = nowMs - sensor.windowStartMs
    if (ageMs < WINDOW_MS) return
    const isNext = ageMs < 2 * WINDOW_MS
    sensor.before = isNext ? sensor.current : emptyWindow()
    sensor.sinceMs = isNext ? sensor.windowStartMs : nowMs
    sensor.current = emptyWindow()
    sensor.windowStartMs = nowMs
  }
}

/** A sum is what Kafka calls the total of a thing that comes in numbers. */
const SUFFIX: Readonly<Record<Statistic, string>> = {
  total: '.total',
  sum: '.total',
  rate: '.rate',
  avg: '.avg',
  max: '.max',
  value: '',
}

/** What is counted by event, not by value. */
const hasCounts = (statistics: readonly Statistic[]): boolean => statistics.includes('total')
