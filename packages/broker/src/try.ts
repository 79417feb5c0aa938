import { Broker } from './broker.ts'
import { createLogger } from '@ottla/base'
const t0 = performance.now()
const settings = Object.fromEntries(process.argv.slice(3).map((s) => s.split('=')))
const b = await Broker.start({ dataDir: process.argv[2]!, settings, logger: createLogger({ write: (l) => void process.stderr.write(l + '\n'), now: () => Date.now() }), onFatal: () => process.exit(3) })
console.log(`ready on ${b.address} in ${Math.round(performance.now() - t0)} ms (process ${Math.round(performance.now())})`)
process.on('SIGTERM', () => { void b.stop().then(() => process.exit(0)) })
