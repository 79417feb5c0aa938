import { defineConfig } from 'vitest/config'
import base from './vitest.config.ts'

/** The judges: software we did not write. Slow to start, so one file at a time. */
export default defineConfig({
  ...base,
  test: {
    ...base.test,
    include: ['test/compatibility/**/*.test.ts'],
    maxWorkers: 1,
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
})
