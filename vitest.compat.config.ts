import { defineConfig } from 'vitest/config'

/** The judges: software we did not write. Slow to start, so one file at a time. */
export default defineConfig({
  ssr: { resolve: { conditions: ['@ottla/source'] } },
  resolve: { conditions: ['@ottla/source'] },
  test: {
    include: ['test/compatibility/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 1,
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
})
