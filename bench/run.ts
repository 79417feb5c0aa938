/** `npm run bench -- NAME [options]`: runs one comparison, or lists them. */
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const BENCHES = {
  broker: ['./macro/broker.ts', 'the broker beside Apache Kafka, with Apache’s perf tools'],
  'client-speed': [
    './macro/client-speed.ts',
    'the client beside other clients, JavaScript and Java',
  ],
  start: ['./macro/start.ts', 'process start to first acknowledged record, idle memory'],
  transactions: ['./macro/transactions.ts', 'transactions per second beside Apache Kafka'],
  cleaner: ['./macro/cleaner.ts', 'the log cleaner beside Apache Kafka’s'],
  archive: ['./macro/archive.ts', 'reads from the archive beside reads from the disk'],
  codec: ['./micro/codec.bench.ts', 'compiled message codecs beside the interpreter'],
  append: ['./micro/storage-append.bench.ts', 'appending to and reading a log'],
  compaction: ['./micro/storage-compaction.bench.ts', 'the cleaner alone'],
  records: ['./micro/record-batch.bench.ts', 'building and reading record batches'],
} as const

const name = process.argv[2] ?? ''
if (!Object.hasOwn(BENCHES, name)) {
  const list = Object.entries(BENCHES).map(([key, [, what]]) => `  ${key.padEnd(8)} ${what}`)
  process.stdout.write(`npm run bench -- NAME, where NAME is one of\n${list.join('\n')}\n`)
  process.exit(name === '' ? 0 : 2)
}
const [path] = BENCHES[name as keyof typeof BENCHES]
const url = new URL(path, import.meta.url)
if (!existsSync(fileURLToPath(url))) throw new Error(`${path} is missing`)
process.argv.splice(2, 1)
await import(url.href)
