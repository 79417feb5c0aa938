/**
 * One list of what kafkajs has and what takes its place in @ottla/client: the rule reports from it,
 * `npm run docs` prints it, and tests hold it against the types of both.
 */
import { API_MIGRATIONS } from './api-migrations.ts'
import { EXPORT_MIGRATIONS } from './export-migrations.ts'
import { type Migration, SAME, type Subject } from './migration.ts'
import { OPTION_MIGRATIONS } from './option-migrations.ts'

export const MIGRATIONS: Readonly<Record<string, Subject>> = {
  ...EXPORT_MIGRATIONS,
  ...OPTION_MIGRATIONS,
  ...API_MIGRATIONS,
}

/** Undefined for names that are not kafkajs's, and for what stays as it is. */
export function migrationOf(owner: string | undefined, name: string): Migration | undefined {
  if (owner === undefined || !Object.hasOwn(MIGRATIONS, owner)) return undefined
  const entries = MIGRATIONS[owner] as Subject
  const found = Object.hasOwn(entries, name) ? entries[name] : undefined
  return found === SAME ? undefined : found
}
