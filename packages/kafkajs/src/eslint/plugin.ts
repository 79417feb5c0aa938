/** `@ottla/kafkajs/eslint`: a plugin for ESLint 9 that leads from kafkajs to @ottla/client. */
import type { ESLint, Linter } from 'eslint'
import { migrateRule } from './migrate-rule.ts'

export const meta: { readonly name: string } = { name: '@ottla/kafkajs' }

export const rules: { readonly migrate: NonNullable<ESLint.Plugin['rules']>[string] } = {
  migrate: migrateRule,
}

/** `configs.migrate` warns of each use, in every file that ESLint is given. */
export const configs: { readonly migrate: Linter.Config } = {
  migrate: {
    name: 'ottla/migrate',
    plugins: { ottla: { meta, rules } },
    rules: { 'ottla/migrate': 'warn' },
  },
}
