import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type ConfigRow, type ConfigTable, formatConfig, parseConfig } from '@ottla/base'
import { describe, expect, it } from 'vitest'
import { brokerSettings } from './broker-settings.ts'
import { groupConfigSettings } from './group-config-settings.ts'
import { topicSettings } from './topic-settings.ts'

const tables: Readonly<Record<string, ConfigTable>> = {
  broker: brokerSettings,
  topic: topicSettings,
  group: groupConfigSettings,
}
const rows = Object.entries(tables).flatMap(([table, settings]) =>
  Object.entries(settings).map(([name, row]) => ({ table, name, row: row as ConfigRow })),
)

/** Everything but the tables themselves: whoever acts on a setting names it here. */
const readers = sourcesOf(join(import.meta.dirname, '..'))
  .filter((file) => !file.endsWith('-settings.ts') && !file.endsWith('.test.ts'))
  .map((file) => readFileSync(file, 'utf8'))
  .join('\n')

function sourcesOf(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(directory, name))
}

const isNamed = (name: string): boolean => readers.includes(`'${name}'`)

describe('setting tables', () => {
  it('say of every setting what it does, each in words of its own', () => {
    const seen = new Map<string, string>()
    for (const { table, name, row } of rows) {
      expect(row.doc.length, `${table} ${name}`).toBeGreaterThanOrEqual(20)
      expect(row.doc, `${table} ${name} ends its sentence`).toMatch(/\.$/)
      expect(seen.get(row.doc), `${table} ${name} repeats a sentence`).toBeUndefined()
      seen.set(row.doc, name)
    }
  })

  it('have defaults that pass their own validation', () => {
    for (const { table, name, row } of rows) {
      const text = formatConfig(row, row.default)
      if (text === null) expect(row.nullable, `${table} ${name}`).toBe(true)
      else expect(() => parseConfig(name, row, text), `${table} ${name}`).not.toThrow()
    }
  })

  it('name settings of the broker as the source of defaults', () => {
    for (const { table, name, row } of rows) {
      if (row.synonym) expect(brokerSettings, `${table} ${name}`).toHaveProperty([row.synonym])
    }
  })

  it('call dynamic what is asked for anew, not once at the start', () => {
    // Kafka can open listeners while it runs; here the table says that a change does nothing.
    const known = ['listeners', 'listener.security.protocol.map']
    for (const [name, row] of Object.entries<ConfigRow>(brokerSettings)) {
      if (!row.dynamic || row.noEffect || known.includes(name)) continue
      const isReadOnce = readers.includes(`config.get('${name}')`)
      expect(isReadOnce, `${name} is read at the start only`).toBe(false)
    }
  })

  it('call without effect exactly what nobody reads', () => {
    const behindTopics = new Set(
      Object.values<ConfigRow>(topicSettings)
        .filter((row) => !row.noEffect)
        .map((row) => row.synonym),
    )
    for (const [name, row] of Object.entries<ConfigRow>(brokerSettings)) {
      const isRead = isNamed(name) || behindTopics.has(name)
      // min.insync.replicas is named where it is given to an internal topic, and read nowhere.
      if (name === 'min.insync.replicas' || name === 'unclean.leader.election.enable') continue
      expect(isRead, `${name}: ${row.noEffect ? 'is read' : 'is read nowhere'}`).toBe(!row.noEffect)
    }
    for (const [name, row] of Object.entries<ConfigRow>(topicSettings)) {
      if (!row.noEffect) expect(isNamed(name), `${name} is read nowhere`).toBe(true)
    }
  })
})
