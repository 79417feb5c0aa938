/**
 * Starts an Apache Kafka broker to try things by hand: prints `host:port` and runs until it is
 * told to stop (Ctrl-C).
 *
 *   npx tsx test/compatibility/apache-broker.ts [--port N] [--heap 1g] [setting=value ...]
 */
import { parseArgs } from 'node:util'
import { startApacheBroker } from './support/apache-broker.ts'

const { values, positionals } = parseArgs({
  options: { port: { type: 'string' }, heap: { type: 'string' }, data: { type: 'string' } },
  allowPositionals: true,
})
const overrides = Object.fromEntries(
  positionals.map((setting) => {
    const cut = setting.indexOf('=')
    if (cut < 0) throw new Error(`${setting} is not of the form setting=value`)
    return [setting.slice(0, cut), setting.slice(cut + 1)]
  }),
)
const broker = await startApacheBroker({
  overrides,
  ...(values.port === undefined ? {} : { port: Number(values.port) }),
  ...(values.heap === undefined ? {} : { heap: values.heap }),
  ...(values.data === undefined ? {} : { dataDir: values.data }),
})
process.stdout.write(`${broker.bootstrap}\n`)
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    broker.stop().then(
      () => process.exit(0),
      (error: unknown) => {
        process.stderr.write(`${String(error)}\n`)
        process.exit(1)
      },
    )
  })
}
