/** The report card of kafkajs's own specs against the package, from what the last runs found. */

import { whyPrivate } from '../../test/conformance/kafkajs/private-specs.ts'
import {
  type Lane,
  readResults,
  type SpecOutcome,
  type SpecResult,
} from '../../test/conformance/kafkajs/results.ts'
import { page, table } from './markdown.ts'

const LANES: readonly Lane[] = ['ottla', 'apache']
const REASON_MAX = 140

/** Why a test fails and is meant to, by its name; what else fails is to be mended. */
const KNOWN: readonly (readonly [test: RegExp, reason: string])[] = [
  [
    /controller has moved|interrupts on|query metadata/,
    'replaces functions of the private cluster',
  ],
  [/forward non ignorable|already created topics/, 'replaces functions of the private cluster'],
  [/idempotent|produce\(\) throws/, 'makes requests fail through the private broker'],
  [/not configured throws/, 'all codecs are built in'],
  [
    /recover from crashes|recovers from crashes|bail out of/,
    'replaces functions of the coordinator',
  ],
  [/across multiple batches/, 'counts batches without a message; what follows at once is one'],
  [/heartbeats are exposed/, 'counts heartbeats; the engine sends its own between them'],
  [/reconnects the cluster|committed offset to the given/, 'looks into the private cluster'],
  [/target group|sending offsets|deleteTopicRecords/, 'looks into the private cluster'],
  [/default retry value|initProducerId/, 'watches private functions'],
  [/broker configs/, 'looks into the private cluster'],
  [/all brokers in the cluster|manual replica|reassign/, 'needs three brokers'],
  [/invalid broker|list reassignments/, 'needs three brokers'],
  [/^Consumer (consume messages|commits the last)/, 'watches functions of the private cluster'],
]

const knownReason = (test: string): string | undefined =>
  KNOWN.find(([pattern]) => pattern.test(test))?.[1]

function word(outcome: SpecOutcome | undefined): string {
  if (!outcome) return 'not run'
  const { passed, failures } = outcome
  if (failures.length === 0) return passed === 0 ? 'no test run' : `passed (${passed})`
  return `${passed} of ${passed + failures.length} passed`
}

function remarkOf({ outcomes }: SpecResult): string {
  const failures = LANES.flatMap((lane) => outcomes[lane]?.failures ?? [])
  const reasons = new Map<string, Set<string>>()
  for (const { test, reason } of failures) {
    const why = knownReason(test) ?? `to be mended: ${reason.slice(0, REASON_MAX)}`
    reasons.set(why, (reasons.get(why) ?? new Set()).add(test))
  }
  const needLogin = Math.max(0, ...LANES.map((lane) => outcomes[lane]?.needLogin ?? 0))
  const said = [...reasons].map(([why, tests]) => `${tests.size}: ${why}`)
  if (needLogin > 0)
    said.push(`${needLogin} on Apache Kafka only: ottla has no TLS and no logins yet`)
  return said.join('; ')
}

const plain = (text: string): string => text.replaceAll('|', '/').replaceAll(/[<>`]/g, '')

function privateTable(specs: readonly SpecResult[]): string {
  const rows = specs.map(({ name }) => [name, `tests private modules: ${whyPrivate(name)}`])
  return table(['Spec', 'Not applicable, since it'], rows)
}

function summary(specs: readonly SpecResult[]): string {
  const sum = (lane: Lane, count: (outcome: SpecOutcome) => number) =>
    specs.reduce((all, { outcomes }) => all + (outcomes[lane] ? count(outcomes[lane]) : 0), 0)
  const rows = LANES.map((lane) => {
    const failures = specs.flatMap(({ outcomes }) => outcomes[lane]?.failures ?? [])
    const known = failures.filter(({ test }) => knownReason(test)).length
    return [
      lane,
      String(sum(lane, ({ passed }) => passed)),
      String(known),
      String(failures.length - known),
      String(sum(lane, ({ needLogin }) => needLogin)),
    ]
  })
  return table(['Broker', 'passed', 'cannot apply', 'to be mended', 'no listener for'], rows)
}

export function kafkajsPage(): string {
  const { date, specs } = readResults()
  const applicable = specs.filter(({ name }) => !whyPrivate(name))
  const rows = applicable.map((spec) => [
    spec.name,
    ...LANES.map((lane) => word(spec.outcomes[lane])),
    plain(remarkOf(spec)),
  ])
  return page(
    "kafkajs's own specs",
    'What the spec files of kafkajs say of `@ottla/kafkajs`: `npm run test:kafkajs -- --save`, and ' +
      'with `--broker apache` on Apache Kafka. The modules that applications use are those of the ' +
      'package; specs of modules that only kafkajs itself uses cannot apply. Many of the others ' +
      'reach into private objects now and then: such tests fail, and the row says why. On Apache ' +
      "Kafka there are listeners with TLS and logins; ottla's broker has none yet, and what needs " +
      'them is not run there.',
    `Last run ${date.slice(0, 10)}.`,
    summary(applicable),
    '## Specs of what applications use',
    table(['Spec', ...LANES, 'Tests that fail, or were not run'], rows),
    '## Specs of private modules',
    privateTable(specs.filter(({ name }) => whyPrivate(name))),
  )
}
