/**
 * Fetches all peers before the first test, so that no test's deadline pays for a download. What
 * cannot be had is only told here; the tests that need it fail with the same sentence.
 */
import { ensureS3Server } from '../tiered/s3-server.ts'
import {
  APACHE_OLD_VERSION,
  ensureApacheBroker,
  ensureApacheKafka,
  ensureLocalTieredStorage,
} from './apache-jars.ts'
import { ensureApicurio } from './apicurio.ts'
import { ensureConfluentKafka, ensureJavaClient, ensureKafkajs, ensureKcat } from './peers.ts'

export default async function prepare(): Promise<void> {
  const steps: (() => Promise<unknown>)[] = [
    ensureApacheKafka,
    () => ensureApacheBroker(APACHE_OLD_VERSION),
    ensureJavaClient,
    ensureKafkajs,
    ensureConfluentKafka,
    ensureKcat,
    ensureLocalTieredStorage,
    ensureS3Server,
    ensureApicurio,
  ]
  for (const step of steps) {
    await step().catch((error: unknown) => {
      process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
    })
  }
}
