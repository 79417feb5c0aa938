import { ConfigError } from './errors.ts'

/**
 * Settings as a table. A row gives name, type, default, range and meaning once; from it come the
 * parser, the error text, the static type, DescribeConfigs, `--help` and the reference page.
 */
export type ConfigType =
  | 'boolean'
  | 'string'
  | 'int'
  | 'short'
  | 'long'
  | 'double'
  | 'list'
  | 'class'
  | 'password'

/**
 * Why a setting does nothing: it is about other nodes, about threads and their buffers, which there
 * are none of, or about Java; or it has an effect on one node of Apache Kafka and not yet here.
 */
export type NoEffect = 'nodes' | 'threads' | 'java' | 'later'

export interface ConfigRow<T = unknown> {
  readonly type: ConfigType
  readonly default: T
  readonly doc: string
  readonly min?: number
  readonly max?: number
  readonly oneOf?: readonly string[]
  /** Can it change without a restart: not at all, on one broker, or for all brokers at once? */
  readonly dynamic?: 'read-only' | 'per-broker' | 'cluster-wide'
  /** The broker setting whose value is this one's default. */
  readonly synonym?: string
  readonly importance?: 'high' | 'medium' | 'low'
  readonly nullable?: boolean
  /** For tests of Apache Kafka; not shown. */
  readonly internal?: boolean
  /** ottla's own setting; Apache Kafka does not know it. */
  readonly own?: boolean
  /** Kept and shown as Kafka does, but nothing in this version acts on it. */
  readonly noEffect?: NoEffect
}

// biome-ignore lint/suspicious/noExplicitAny: rows of different types stand in one table.
export type ConfigTable = Readonly<Record<string, ConfigRow<any>>>
export type ConfigValues<T extends ConfigTable> = {
  readonly [K in keyof T]: T[K] extends ConfigRow<infer V> ? V : never
}

type Options<T> = Omit<ConfigRow<T>, 'type'>
export const bool = (o: Options<boolean>): ConfigRow<boolean> => ({ type: 'boolean', ...o })
export const int = (o: Options<number>): ConfigRow<number> => ({ type: 'int', ...o })
export const short = (o: Options<number>): ConfigRow<number> => ({ type: 'short', ...o })
export const long = (o: Options<number>): ConfigRow<number> => ({ type: 'long', ...o })
export const double = (o: Options<number>): ConfigRow<number> => ({ type: 'double', ...o })
export const text = (o: Options<string>): ConfigRow<string> => ({ type: 'string', ...o })
export const list = (o: Options<readonly string[]>): ConfigRow<readonly string[]> => ({
  type: 'list',
  ...o,
})
export const nullableText = (o: Options<string | null>): ConfigRow<string | null> => ({
  type: 'string',
  nullable: true,
  ...o,
})
export const nullableInt = (o: Options<number | null>): ConfigRow<number | null> => ({
  type: 'int',
  nullable: true,
  ...o,
})
export const nullableLong = (o: Options<number | null>): ConfigRow<number | null> => ({
  type: 'long',
  nullable: true,
  ...o,
})
/** Name of a Java class; ottla loads none, the value is kept for those who read it. */
export const className = (o: Options<string | null>): ConfigRow<string | null> => ({
  type: 'class',
  nullable: true,
  ...o,
})
export const password = (o: Options<string | null>): ConfigRow<string | null> => ({
  type: 'password',
  nullable: true,
  ...o,
})

/** Keeps the literal names of the rows, so that values are typed by setting. */
export const defineConfig = <T extends ConfigTable>(table: T): T => table

const RANGES: Partial<Record<ConfigType, readonly [number, number]>> = {
  int: [-(2 ** 31), 2 ** 31 - 1],
  short: [-(2 ** 15), 2 ** 15 - 1],
  // Long.MAX_VALUE does not fit a double: what is beyond 2^53 is treated as 2^63-1, "no limit".
  long: [-(2 ** 63), 2 ** 63],
}

/** Parses the text of one setting; throws a ConfigError that names key, value and constraint. */
export function parseConfig(key: string, row: ConfigRow, value: string): unknown {
  const trimmed = value.trim()
  switch (row.type) {
    case 'boolean': {
      const lower = trimmed.toLowerCase()
      if (lower === 'true') return true
      if (lower === 'false') return false
      throw invalid(key, value, 'Expected value to be either true or false')
    }
    case 'int':
    case 'short':
    case 'long':
    case 'double':
      return parseNumber(key, row, trimmed)
    case 'list': {
      const items = trimmed === '' ? [] : trimmed.split(',').map((item) => item.trim())
      for (const item of items) checkOneOf(key, row, item)
      return items
    }
    case 'string':
    case 'class':
    case 'password':
      checkOneOf(key, row, trimmed)
      return trimmed
  }
}

function parseNumber(key: string, row: ConfigRow, value: string): number {
  const shape = row.type === 'double' ? /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/ : /^[+-]?\d+$/
  const number = shape.test(value) ? Number(value) : Number.NaN
  if (Number.isNaN(number))
    throw invalid(key, value, `Not a number of type ${row.type.toUpperCase()}`)
  const range = RANGES[row.type]
  if (range && (number < range[0] || number > range[1])) {
    throw invalid(key, value, `Not a number of type ${row.type.toUpperCase()}`)
  }
  if (row.min !== undefined && number < row.min) {
    throw invalid(key, value, `Value must be at least ${row.min}`)
  }
  if (row.max !== undefined && number > row.max) {
    throw invalid(key, value, `Value must be no more than ${row.max}`)
  }
  return number
}

function checkOneOf(key: string, row: ConfigRow, item: string): void {
  if (row.oneOf && !row.oneOf.includes(item)) {
    throw invalid(key, item, `String must be one of: ${row.oneOf.join(', ')}`)
  }
}

function invalid(key: string, value: string, constraint: string): ConfigError {
  return new ConfigError(
    key,
    value,
    `Invalid value ${value} for configuration ${key}: ${constraint}`,
  )
}

/** The text of a value as Kafka's tools show it; null stays null. */
export function formatConfig(row: ConfigRow, value: unknown): string | null {
  if (value === null || value === undefined) return null
  if (Array.isArray(value)) return value.join(',')
  if (row.type === 'long' && typeof value === 'number' && value >= 2 ** 63) {
    return '9223372036854775807'
  }
  if (row.type === 'double') return formatDouble(value as number)
  return String(value)
}

/** As Java writes a double: `3.0`, `1.7976931348623157E308`. */
function formatDouble(value: number): string {
  const digits = String(value).replace(/e\+?/, 'E')
  return Number.isInteger(value) && !digits.includes('E') ? `${digits}.0` : digits
}

/**
 * The name of the table that is nearest to `key`, for "did you mean"; undefined when none is near.
 */
export function nearestName(key: string, names: Iterable<string>): string | undefined {
  let best: string | undefined
  let bestDistance = Math.max(2, Math.floor(key.length / 4)) + 1
  for (const name of names) {
    const distance = editDistance(key, name, bestDistance)
    if (distance < bestDistance) {
      best = name
      bestDistance = distance
    }
  }
  return best
}

function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) >= limit) return limit
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const change = a[i - 1] === b[j - 1] ? 0 : 1
      row.push(
        Math.min(
          (previous[j] as number) + 1,
          (row[j - 1] as number) + 1,
          (previous[j - 1] as number) + change,
        ),
      )
    }
    previous = row
  }
  return previous[b.length] as number
}
