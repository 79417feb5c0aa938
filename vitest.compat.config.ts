import { defineConfig } from 'vitest/config'

const shared = {
  ssr: { resolve: { conditions: ['@ottla/source'] } },
  resolve: { conditions: ['@ottla/source'] },
}

/** Peers start slowly, share two cores with the broker, and may have to be installed first. */
const patience = { testTimeout: 240_000, hookTimeout: 600_000 }

/**
 * The judges: software we did not write, one file at a time. The second project runs the client's
 * own integration tests against Apache Kafka, which shows that they say what Kafka does; the third
 * runs some of them against an older one.
 */
export default defineConfig({
  ...shared,
  test: {
    pool: 'forks',
    maxWorkers: 1,
    fileParallelism: false,
    globalSetup: ['./test/compatibility/support/prepare.ts'],
    projects: [
      {
        ...shared,
        test: {
          name: 'judges',
          include: ['test/compatibility/**/*.test.ts'],
          ...patience,
        },
      },
      {
        ...shared,
        test: {
          name: 'client on Apache Kafka',
          include: ['test/integration/{client,kafkajs}/**/*.test.ts'],
          env: { BROKER: 'apache' },
          ...patience,
        },
      },
      {
        ...shared,
        test: {
          name: 'client on Apache Kafka 3.9',
          // Not: share groups, KIP-848 and what the admin calls of 4.x ask for, all newer than 3.9.
          include: ['producer', 'consumer', 'faults', 'transactions', 'admin'].map(
            (name) => `test/integration/client/${name}.test.ts`,
          ),
          env: { BROKER: 'apache-3.9.1' },
          ...patience,
        },
      },
    ],
  },
})
