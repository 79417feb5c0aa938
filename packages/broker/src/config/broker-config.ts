/** The settings a broker was started with: properties text in, typed values and warnings out. */
import { ConfigError, type ConfigRow, nearestName, parseConfig } from '@ottla/base'
import { type BrokerSettingName, type BrokerSettings, brokerSettings } from './broker-settings.ts'

export interface ListenerAddress {
  readonly name: string
  readonly host: string
  readonly port: number
}

export class BrokerConfig {
  /** Settings that were given, as text. */
  readonly given: ReadonlyMap<string, string>
  /** Sentences about names nobody knows, with the nearest that somebody does. */
  readonly warnings: readonly string[]
  private readonly values: ReadonlyMap<string, unknown>

  private constructor(
    given: ReadonlyMap<string, string>,
    values: ReadonlyMap<string, unknown>,
    warnings: readonly string[],
  ) {
    this.given = given
    this.values = values
    this.warnings = warnings
  }

  /** Checks every value; throws a ConfigError for the first that cannot be used. */
  static from(given: ReadonlyMap<string, string>): BrokerConfig {
    const values = new Map<string, unknown>()
    const warnings: string[] = []
    for (const [name, value] of given) {
      const row: ConfigRow | undefined = rowOf(name)
      if (row) values.set(name, parseConfig(name, row, value))
      else if (!isListenerSetting(name)) warnings.push(unknownSetting(name))
    }
    if (values.get('authorizer.class.name')) {
      warnings.push('ACLs are kept but not enforced: every client may do everything')
    }
    const config = new BrokerConfig(given, values, warnings)
    config.checkTogether()
    return config
  }

  get<K extends BrokerSettingName>(name: K): BrokerSettings[K] {
    const value = this.values.get(name)
    return (value === undefined ? brokerSettings[name].default : value) as BrokerSettings[K]
  }

  /** Paths of `log.dirs`; empty when none are given. */
  logDirs(): string[] {
    const paths = (this.get('log.dirs') ?? '').split(',').map((path) => path.trim())
    return [...new Set(paths.filter((path) => path !== ''))]
  }

  /** Addresses of `listeners`; those of `controller.listener.names` are left out. */
  listeners(): ListenerAddress[] {
    const controllers = new Set(this.get('controller.listener.names'))
    return this.get('listeners')
      .map((entry) => parseListener('listeners', entry))
      .filter((listener) => !controllers.has(listener.name))
  }

  /** Addresses that clients are told instead of the one they dialled. */
  advertisedListeners(): ListenerAddress[] {
    const text = this.get('advertised.listeners')
    if (text === null || text.trim() === '') return []
    return text.split(',').map((entry) => parseListener('advertised.listeners', entry.trim()))
  }

  private checkTogether(): void {
    const listeners = this.listeners()
    if (listeners.length === 0) {
      throw new ConfigError('listeners', '', 'listeners names no address to listen on')
    }
    const names = new Set(listeners.map((listener) => listener.name))
    if (names.size < listeners.length) {
      throw new ConfigError('listeners', '', 'Each listener must have a different name')
    }
    for (const { name } of this.advertisedListeners()) {
      if (!names.has(name)) {
        throw new ConfigError(
          'advertised.listeners',
          name,
          `advertised.listeners names ${name}, which is not in listeners`,
        )
      }
    }
    for (const listener of listeners) this.checkListener(listener)
  }

  private checkListener({ name, host }: ListenerAddress): void {
    const protocol = this.securityProtocol(name)
    if (protocol !== 'PLAINTEXT') {
      throw new ConfigError(
        'listeners',
        name,
        `Listener ${name} asks for ${protocol}, which this version of ottla does not offer yet`,
        'Use PLAINTEXT on a loopback address.',
      )
    }
    if (isLoopback(host) || this.get('insecure.listeners.allow')) return
    throw new ConfigError(
      'listeners',
      host,
      `Listener ${name} on ${host === '' ? 'all addresses' : host} would be open to the network ` +
        'without TLS and authentication',
      'Listen on 127.0.0.1, or set insecure.listeners.allow=true if the network is trusted.',
    )
  }

  private securityProtocol(listener: string): string {
    const map = this.get('listener.security.protocol.map') as unknown
    const entries = Array.isArray(map) ? map : String(map ?? '').split(',')
    for (const entry of entries) {
      const [name, protocol] = String(entry).split(':')
      if (name?.trim() === listener && protocol) return protocol.trim()
    }
    return listener
  }
}

const rowOf = (name: string): ConfigRow | undefined =>
  Object.hasOwn(brokerSettings, name) ? brokerSettings[name as BrokerSettingName] : undefined

const isListenerSetting = (name: string): boolean => name.startsWith('listener.name.')

function unknownSetting(name: string): string {
  const near = nearestName(name, Object.keys(brokerSettings))
  return `Unknown setting ${name}${near ? `; did you mean ${near}?` : ' is ignored'}`
}

export function parseListener(setting: string, entry: string): ListenerAddress {
  const match = /^([A-Za-z0-9_-]+):\/\/(\[[0-9a-fA-F:]+\]|[^:]*):(\d+)$/.exec(entry)
  const port = Number(match?.[3])
  if (!match || port > 65_535) {
    throw new ConfigError(
      setting,
      entry,
      `Invalid value ${entry} for configuration ${setting}: expected NAME://HOST:PORT`,
    )
  }
  const host = (match[2] as string).replace(/^\[|\]$/g, '')
  return { name: (match[1] as string).toUpperCase(), host, port }
}

const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host)

/**
 * Reads a Java properties file: comments, continued lines, `=`, `:` or blank between key and value.
 */
export function parseProperties(text: string): Map<string, string> {
  const entries = new Map<string, string>()
  const logical = text.replace(/\r\n?/g, '\n').replace(/\\\n[ \t]*/g, '')
  for (const line of logical.split('\n')) {
    const trimmed = line.trimStart()
    if (trimmed === '' || trimmed.startsWith('#') || trimmed.startsWith('!')) continue
    const match = /^((?:\\.|[^=:\s\\])+)\s*[=:\s]?\s*(.*)$/.exec(trimmed)
    if (match) entries.set(unescaped(match[1] as string), unescaped((match[2] as string).trimEnd()))
  }
  return entries
}

const ESCAPES: Readonly<Record<string, string>> = { t: '\t', n: '\n', r: '\r', f: '\f' }

const unescaped = (text: string): string =>
  text.replace(/\\(u[0-9a-fA-F]{4}|.)/g, (_, code: string) =>
    code.length === 5
      ? String.fromCharCode(Number.parseInt(code.slice(1), 16))
      : (ESCAPES[code] ?? code),
  )
