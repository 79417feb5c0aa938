import { defineConfig } from 'vitest/config'

export default defineConfig({
  ssr: { resolve: { conditions: ['@ottla/source'] } },
  resolve: { conditions: ['@ottla/source'] },
  test: {
    include: [
      'packages/*/src/**/*.{test,fuzz}.ts',
      'tools/**/*.test.ts',
      'test/integration/**/*.test.ts',
      'test/crash/**/*.test.ts',
    ],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 20_000,
    hookTimeout: 30_000,
  },
})
