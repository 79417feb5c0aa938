/** Metrics in the text format that Prometheus reads. */
import type { ClientMetric } from './client-metrics.ts'

/** `org.apache.kafka.producer.record.send.total` is `kafka_producer_record_send_total`. */
const nameOf = ({ name }: ClientMetric): string =>
  name.replace(/^org\.apache\./, '').replaceAll(/[^a-zA-Z0-9_]/g, '_')

const escaped = (text: string): string =>
  text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')

/**
 * The metrics of `Kafka.metrics()` as a page to scrape, with `labels` on each, such as the
 * application's name where one page has several clients.
 */
export function prometheusText(
  metrics: readonly ClientMetric[],
  labels: Readonly<Record<string, string>> = {},
): string {
  const byName = new Map<string, ClientMetric[]>()
  for (const metric of metrics) {
    const name = nameOf(metric)
    byName.set(name, [...(byName.get(name) ?? []), metric])
  }
  const lines: string[] = []
  for (const [name, list] of byName) {
    const [first] = list
    lines.push(`# HELP ${name} ${first?.doc ?? ''}`, `# TYPE ${name} ${first?.kind ?? 'gauge'}`)
    for (const metric of list) {
      const pairs = Object.entries({ ...labels, ...metric.labels })
      const text = pairs.map(([key, value]) => `${key}="${escaped(value)}"`).join(',')
      lines.push(`${name}${text === '' ? '' : `{${text}}`} ${metric.value}`)
    }
  }
  return lines.map((line) => `${line}\n`).join('')
}
