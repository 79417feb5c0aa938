/**
 * `npm run test:librdkafka -- [--tests 0081,0103] [--broker ottla|apache|local] [--protocol P]
 * [--quick] [--save] [--open] [--logs FOLDER]`: librdkafka's test suite against ottla and against
 * Apache Kafka, each test in a process of its own, with both group protocols.
 *
 * Every pair of broker and protocol is a lane with a broker of its own; lanes run side by side,
 * since most tests mostly wait. What failed is run again afterwards, alone and on a fresh broker:
 * only a test that fails every time counts as failed. Ends with 1 when ottla fails a test that
 * passes on Apache Kafka. `--save` keeps what was found for the report card; `--open` runs only what
 * has not passed, or not been run, by then.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { APACHE_BROKER_VERSION } from '../../compatibility/support/apache-jars.ts'
import { type BrokerKind, isAlive, type JudgedBroker, startBrokerFor } from './judged-brokers.ts'
import { makeKafkaHome } from './kafka-home.ts'
import {
  BROKER_LANES,
  isSettled,
  type Lane,
  mergeResults,
  readResults,
  writeResults,
} from './results.ts'
import { type Outcome, type Protocol, runSuiteTest } from './run-test.ts'
import { ensureLibrdkafkaSuite, LIBRDKAFKA_VERSION, type SuiteTest } from './suite.ts'

const { values } = parseArgs({
  options: {
    tests: { type: 'string' },
    broker: { type: 'string' },
    protocol: { type: 'string' },
    quick: { type: 'boolean', default: false },
    open: { type: 'boolean', default: false },
    save: { type: 'boolean', default: false },
    logs: { type: 'string' },
    limit: { type: 'string', default: '900' },
    again: { type: 'string', default: '2' },
  },
})

const wanted = values.tests?.split(',')
const limitMs = Number(values.limit) * 1000
const again = Number(values.again)
const say = (line: string) => process.stdout.write(`${line}\n`)

type Found = Map<string, Outcome>
const found = new Map<Lane, Found>()

const suite = await ensureLibrdkafkaSuite()
const kafkaHome = await makeKafkaHome(mkdtempSync(join(tmpdir(), 'kafka-home-')))

const isWanted = ({ number, isManual }: SuiteTest) => (wanted ? wanted.includes(number) : !isManual)

const earlier = readResults()

const inLane = (lane: Lane) => (test: SuiteTest) =>
  isWanted(test) &&
  test.isLocal === (lane === 'local') &&
  !(values.open && isSettled(earlier, lane, test.name))

const numbersOf = (tests: readonly SuiteTest[]) => [...new Set(tests.map(({ number }) => number))]

async function run(lane: Lane, tests: readonly SuiteTest[], bootstrap: string): Promise<void> {
  const protocol = (lane.split('/')[1] ?? 'classic') as Protocol
  const [first] = tests as [SuiteTest]
  const ask = (groupProtocol: Protocol) =>
    runSuiteTest(
      {
        suite,
        test: first,
        protocol: groupProtocol,
        bootstrap,
        kafkaHome,
        kafkaVersion: APACHE_BROKER_VERSION,
        isQuick: values.quick,
        limitMs,
        onOutput: (text) => keepLog(lane, first.number, text),
      },
      tests,
    )
  let outcomes = await ask(protocol)
  // On the mock cluster one run is enough; a few tests there are for the other protocol alone.
  const isSkipped = [...outcomes.values()].every(({ state }) => state === 'skipped')
  if (lane === 'local' && isSkipped) outcomes = await ask('consumer')
  for (const [name, outcome] of outcomes) {
    const { state, seconds, reason } = outcome
    say(`${state.padEnd(7)} ${lane} ${name} ${seconds} s${reason ? `: ${reason}` : ''}`)
    // A test that is run again beside one that failed keeps the better outcome.
    if (found.get(lane)?.get(name)?.state !== 'passed') found.get(lane)?.set(name, outcome)
  }
  if (values.save) save()
}

/** After each test, so that a run that is stopped is not for nothing. */
function save(): void {
  writeResults({
    date: new Date().toISOString(),
    command: `npm run test:librdkafka --${values.quick ? ' --quick' : ''} --save`,
    versions: {
      librdkafka: LIBRDKAFKA_VERSION,
      'Apache Kafka': APACHE_BROKER_VERSION,
      'Node.js': process.versions.node,
    },
    tests: mergeResults(earlier.tests, suite.tests, found),
  })
}

function keepLog(lane: Lane, number: string, text: string): void {
  if (!values.logs) return
  mkdirSync(values.logs, { recursive: true })
  writeFileSync(join(values.logs, `${lane.replace('/', '-')}-${number}.txt`), text)
}

const open = new Set<JudgedBroker>()

async function startFor(lane: Lane, scenario: string): Promise<JudgedBroker> {
  const broker = await startBrokerFor(lane.split('/')[0] as BrokerKind, scenario)
  open.add(broker)
  return broker
}

/** Who stops the run does not leave brokers behind. */
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    void Promise.all([...open].map((broker) => broker.kill9())).then(() => process.exit(1))
  })
}

/** Tests of a lane that share a scenario, one number after the other, on one broker. */
async function runScenario(lane: Lane, scenario: string, tests: SuiteTest[]): Promise<void> {
  let broker: JudgedBroker | undefined
  try {
    for (const number of numbersOf(tests)) {
      if (lane !== 'local') broker ??= await startFor(lane, scenario)
      await run(
        lane,
        tests.filter((test) => test.number === number),
        broker?.bootstrap ?? '',
      )
      if (broker && !(await isAlive(broker))) {
        say(`the broker of ${lane} ended during ${number}`)
        broker = undefined
      }
    }
  } finally {
    await broker?.stop()
  }
}

async function runLane(lane: Lane): Promise<void> {
  const tests = suite.tests.filter(inLane(lane))
  for (const scenario of new Set(tests.map((test) => test.scenario))) {
    await runScenario(
      lane,
      scenario,
      tests.filter((test) => test.scenario === scenario),
    )
  }
}

/** A failure of a busy hour is none: the same number again, alone, on a broker of its own. */
async function runFailuresAgain(lane: Lane, outcomes: Found): Promise<void> {
  for (let attempt = 0; attempt < again; attempt++) {
    const failed = suite.tests.filter(({ name }) => outcomes.get(name)?.state === 'failed')
    for (const test of failed) await runScenario(lane, test.scenario, [test])
  }
}

function lanesAsked(): Lane[] {
  if (values.broker === 'local') return ['local']
  const asked = BROKER_LANES.filter((lane) => {
    const [kind, protocol] = lane.split('/')
    return (!values.broker || kind === values.broker) && protocol === (values.protocol ?? protocol)
  })
  return values.broker ? asked : [...asked, 'local']
}

const lanes = lanesAsked()
for (const lane of lanes) found.set(lane, new Map())
await Promise.all(lanes.map(runLane))
for (const [lane, outcomes] of found) await runFailuresAgain(lane, outcomes)
rmSync(kafkaHome, { recursive: true, force: true })

const results = mergeResults(earlier.tests, suite.tests, found)
for (const lane of lanes) {
  const states = [...(found.get(lane)?.values() ?? [])].map(({ state }) => state)
  const count = (state: string) => states.filter((each) => each === state).length
  say(`${lane}: ${count('passed')} passed, ${count('failed')} failed, ${count('skipped')} skipped`)
}
const worse = results.flatMap(({ name, outcomes }) =>
  (['classic', 'consumer'] as const)
    .filter((protocol) => outcomes[`ottla/${protocol}`]?.state === 'failed')
    .filter((protocol) => outcomes[`apache/${protocol}`]?.state === 'passed')
    .map((protocol) => `${name} (${protocol}): ${outcomes[`ottla/${protocol}`]?.reason}`),
)
for (const line of worse) say(`ottla fails what Apache Kafka passes: ${line}`)
process.exitCode = worse.length > 0 ? 1 : 0
