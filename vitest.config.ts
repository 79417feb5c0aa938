import { defineConfig } from 'vitest/config'

const shared = {
  ssr: { resolve: { conditions: ['@ottla/source'] } },
  resolve: { conditions: ['@ottla/source'] },
}

export default defineConfig({
  ...shared,
  test: {
    pool: 'forks',
    maxWorkers: 2,
    projects: [
      {
        ...shared,
        test: {
          name: 'unit',
          include: ['packages/*/src/**/*.{test,fuzz}.ts', 'tools/**/*.test.ts'],
          testTimeout: 20_000,
        },
      },
      {
        ...shared,
        test: {
          name: 'integration',
          include: [
            'test/integration/**/*.test.ts',
            'test/crash/**/*.test.ts',
            'test/consistency/**/*.test.ts',
          ],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
})
