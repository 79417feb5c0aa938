/** The report card of librdkafka's own test suite, from what its last runs have found. */
import {
  BROKER_LANES,
  type Lane,
  readResults,
  type TestResult,
} from '../../test/conformance/librdkafka/results.ts'
import type { Outcome } from '../../test/conformance/librdkafka/run-test.ts'
import { page, table } from './markdown.ts'

const REASON_MAX = 160

/** Why a difference is there and stays for now; anything else that differs is to be mended. */
const KNOWN: readonly (readonly [test: RegExp, reason: string])[] = [
  [/^0077_compaction$/, 'ottla does not compact topics yet'],
  [
    /^(0115_producer_auth|0119_consumer_auth|0109_auto_create_topics)$/,
    'ottla keeps ACLs and does not enforce them yet',
  ],
]

const word = (outcome: Outcome | undefined): string => outcome?.state ?? 'not run'

const isWorse = ({ outcomes }: TestResult, protocol: 'classic' | 'consumer'): boolean =>
  outcomes[`apache/${protocol}`]?.state === 'passed' &&
  outcomes[`ottla/${protocol}`]?.state !== 'passed'

function remarkOf(result: TestResult): string {
  const { outcomes, name, isKnownIssue } = result
  const isDifferent = isWorse(result, 'classic') || isWorse(result, 'consumer')
  const known = KNOWN.find(([test]) => test.test(name))
  if (isDifferent && known) return known[1]
  const reasons = new Set(Object.values(outcomes).flatMap(({ reason }) => reason ?? []))
  const said = [...reasons]
    .map((reason) => reason.slice(0, REASON_MAX))
    .filter((text, i, all) => all.indexOf(text) === i)
  return [...(isKnownIssue ? ['known issue of librdkafka'] : []), ...said].join('; ')
}

function brokerTable(results: readonly TestResult[]): string {
  return table(
    ['Test', ...BROKER_LANES, 'Remark'],
    results.map((result) => [
      result.name,
      ...BROKER_LANES.map((lane) => word(result.outcomes[lane])),
      remarkOf(result),
    ]),
  )
}

const localTable = (results: readonly TestResult[]): string =>
  table(
    ['Test', 'Result', 'Remark'],
    results.map((result) => [result.name, word(result.outcomes.local), remarkOf(result)]),
  )

function summary(results: readonly TestResult[]): string {
  const lanes: readonly Lane[] = [...BROKER_LANES, 'local']
  const states = ['passed', 'failed', 'skipped'] as const
  return table(
    ['', ...states],
    lanes.map((lane) => [
      lane === 'local' ? 'without a broker' : lane,
      ...states.map((state) =>
        String(results.filter(({ outcomes }) => outcomes[lane]?.state === state).length),
      ),
    ]),
  )
}

/** Which tests have no row of their own on which broker, by the numbers of the tests. */
function notRun(results: readonly TestResult[]): string {
  const gaps = BROKER_LANES.flatMap((lane) => {
    const open = results.filter(({ outcomes }) => outcomes[lane] === undefined)
    const numbers = open.map(({ name }) => name.slice(0, 4))
    return numbers.length > 0 ? [`on ${lane} ${[...new Set(numbers)].join(', ')}`] : []
  })
  const rest = gaps.length > 0 ? `; not run were ${gaps.join('; ')}` : ''
  return `The rows come from several runs${rest}.`
}

export function librdkafkaPage(): string {
  const { date, command, versions, tests } = readResults()
  const isLocal = ({ outcomes }: TestResult) => outcomes.local !== undefined
  const isRun = ({ outcomes }: TestResult) => Object.keys(outcomes).length > 0
  const ran = Object.entries(versions).map(([name, version]) => `${name} ${version}`)
  const onBroker = tests.filter((result) => isRun(result) && !isLocal(result))
  return page(
    "librdkafka's test suite",
    "What librdkafka's own tests say of ottla, beside what they say of Apache Kafka on one node, with " +
      'the classic and the consumer group protocol. Each test runs in a process of its own. The ' +
      'suite expects three brokers: its topics with three replicas are made with one, and tests ' +
      'that need TLS or SASL settings of its own cluster skip themselves.',
    `${date.slice(0, 10)}; ${ran.join(', ')}; \`${command}\`.`,
    summary(tests),
    '## On a broker',
    notRun(onBroker),
    brokerTable(onBroker),
    '## Without a broker',
    'Run once: librdkafka alone, or on its mock cluster. They say nothing of a broker.',
    localTable(tests.filter(isLocal)),
  )
}
