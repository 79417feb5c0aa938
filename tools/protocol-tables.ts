/**
 * Prints our message tables from the JSON definitions inside a release's jars (names, types,
 * versions, nullability, defaults and tags: facts only). Run it for the next Apache Kafka release
 * and read the diff:
 *
 *   npx tsx tools/protocol-tables.ts DIRECTORY_WITH_THE_JSON_FILES
 *
 * The directory is what `unzip '*.jar' 'common/*' 'message/*'` leaves, searched recursively.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export interface JsonField {
  readonly name: string
  readonly type: string
  readonly versions?: string
  readonly nullableVersions?: string
  readonly taggedVersions?: string
  readonly tag?: number
  readonly default?: string | number | boolean | null
  readonly flexibleVersions?: string
  readonly fields?: readonly JsonField[]
}

export interface JsonMessage {
  readonly apiKey?: number
  readonly type: string
  readonly name: string
  readonly validVersions: string
  readonly flexibleVersions: string
  readonly latestVersionUnstable?: boolean
  readonly listeners?: readonly string[]
  readonly fields: readonly JsonField[]
  readonly commonStructs?: readonly (JsonField & { readonly versions: string })[]
}

/** Every message definition below a directory. */
export function readDefinitions(directory: string): JsonMessage[] {
  const found: JsonMessage[] = []
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name)
    if (entry.isDirectory()) found.push(...readDefinitions(path))
    else if (entry.name.endsWith('.json')) {
      const parsed = parseDefinition(readFileSync(path, 'utf8'))
      if (parsed) found.push(parsed)
    }
  }
  return found.sort((a, b) => a.name.localeCompare(b.name))
}

/** A definition from its JSON, which has comments; undefined for other JSON files. */
export function parseDefinition(text: string): JsonMessage | undefined {
  const parsed = JSON.parse(text.replace(/^\s*\/\/.*$/gm, '')) as JsonMessage
  return parsed.fields ? parsed : undefined
}

const SCALARS = new Set([
  'bool',
  'int8',
  'int16',
  'uint16',
  'int32',
  'uint32',
  'int64',
  'float64',
  'uuid',
  'string',
  'bytes',
  'records',
])

export const camelCase = (name: string): string => (name[0] as string).toLowerCase() + name.slice(1)

const kebabCase = (name: string): string =>
  name
    .replace(/([a-z0-9])([A-Z])/g, '$1-$2')
    .replace(/([A-Z])([A-Z][a-z])/g, '$1-$2')
    .toLowerCase()

/** The default as a value, or undefined when it is the type's own. */
export function defaultValue(field: JsonField): number | string | boolean | null | undefined {
  const given = field.default
  if (given === undefined) return undefined
  // To Apache Kafka's generator only "null" is null; without quotes it is no default at all.
  if (given === null && field.type.startsWith('[]')) return undefined
  if (given === null || given === 'null') return null
  if (field.type === 'bool') return given === true || given === 'true'
  if (field.type === 'string' || field.type === 'uuid') return String(given)
  return Number(given)
}

/** Versions of a field; a tagged field that names none is there where it is tagged. */
export const versionsOf = (field: JsonField): string =>
  field.versions ?? field.taggedVersions ?? '0+'

const range = (text: string): string => `'${text}'`

class TablePrinter {
  readonly used = new Set<string>()
  private readonly structs: Map<string, JsonField>

  private readonly prefix: string

  /** The prefix keeps structs of the same name but other content apart within a file. */
  constructor(message: JsonMessage, prefix = '') {
    this.prefix = prefix
    this.structs = new Map((message.commonStructs ?? []).map((s) => [s.name, s]))
  }

  fields(fields: readonly JsonField[]): string {
    return `{ ${fields.map((f) => `${camelCase(f.name)}: ${this.field(f)}`).join(', ')} }`
  }

  private field(field: JsonField): string {
    const versions = range(versionsOf(field))
    const options = this.options(field)
    const tail = options ? `, ${options}` : ''
    if (field.type.startsWith('[]')) {
      this.used.add('array')
      const element = field.type.slice(2)
      const inner = SCALARS.has(element) ? `'${element}'` : this.structOf(element, field)
      return `array(${versions}, ${inner}${tail})`
    }
    if (SCALARS.has(field.type)) {
      this.used.add(field.type)
      return `${field.type}(${versions}${tail})`
    }
    this.used.add('struct')
    return `struct(${versions}, ${this.structOf(field.type, field)}${tail})`
  }

  private structOf(name: string, field: JsonField): string {
    if (field.fields && field.fields.length > 0) return this.fields(field.fields)
    if (!this.structs.has(name)) throw new Error(`unknown struct ${name}`)
    return this.nameOf(name)
  }

  /** Declarations of the shared structs, each after the ones it refers to. */
  common(): Map<string, string> {
    const declarations = new Map<string, string>()
    const declare = (struct: JsonField) => {
      if (declarations.has(struct.name)) return
      for (const field of struct.fields ?? []) {
        const inner = this.structs.get(field.type.replace(/^\[\]/, ''))
        if (inner && !(field.fields && field.fields.length > 0)) declare(inner)
      }
      const body = this.fields(struct.fields ?? [])
      declarations.set(struct.name, `${this.nameOf(struct.name)} = ${body} as const`)
    }
    for (const struct of this.structs.values()) declare(struct)
    return declarations
  }

  private nameOf(struct: string): string {
    return this.prefix === '' ? camelCase(struct) : `${this.prefix}${struct}`
  }

  private options(field: JsonField): string {
    const parts: string[] = []
    if (field.nullableVersions) parts.push(`nullable: ${range(field.nullableVersions)}`)
    if (field.tag !== undefined) parts.push(`tag: ${field.tag}`)
    if (field.taggedVersions && field.taggedVersions !== versionsOf(field)) {
      parts.push(`tagged: ${range(field.taggedVersions)}`)
    }
    const value = defaultValue(field)
    if (value !== undefined) {
      const isLongMax = field.type === 'int64' && value === 2 ** 63
      parts.push(`default: ${isLongMax ? '2 ** 63' : JSON.stringify(value)}`)
    }
    if (field.flexibleVersions === 'none') parts.push(`flexible: 'none'`)
    return parts.length > 0 ? `{ ${parts.join(', ')} }` : ''
  }
}

/** Sentence in front of a table. */
function heading(message: JsonMessage): string {
  const key = message.apiKey === undefined ? '' : ` (${keyWord(message)} ${message.apiKey})`
  const flexible =
    message.flexibleVersions === 'none' ? 'not flexible' : `flexible ${message.flexibleVersions}`
  return `/** ${message.name}${key}, versions ${message.validVersions}, ${flexible}. */`
}

const keyWord = (message: JsonMessage): string =>
  message.type === 'request' || message.type === 'response' ? 'api key' : 'record type'

/** The module text for messages that share a file. */
export function printModule(messages: readonly JsonMessage[]): string {
  const used = new Set<string>()
  const declared = new Map<string, string>()
  const bodies = messages.map((message) => {
    let printer = new TablePrinter(message)
    const clashes = [...printer.common()].some(
      ([name, text]) => declared.has(name) && declared.get(name) !== text,
    )
    if (clashes) printer = new TablePrinter(message, camelCase(message.name))
    const fields = printer.fields(message.fields)
    const common: string[] = []
    for (const [name, text] of printer.common()) {
      if (!clashes && declared.has(name)) continue
      if (!clashes) declared.set(name, text)
      common.push(`const ${text}`)
    }
    for (const name of printer.used) used.add(name)
    const apiKey = message.apiKey === undefined ? '' : `apiKey: ${message.apiKey}, `
    const unstable = message.latestVersionUnstable ? 'unstable: true, ' : ''
    const listeners = message.listeners
      ? `listeners: [${message.listeners.map((l) => `'${l}'`).join(', ')}], `
      : ''
    return [
      common.join('\n\n'),
      heading(message),
      `export const ${message.name} = message({ name: '${message.name}', ${apiKey}` +
        `versions: '${message.validVersions}', flexible: '${message.flexibleVersions}', ` +
        `${unstable}${listeners}fields: ${fields} })`,
      `export interface ${message.name} extends Infer<typeof ${message.name}> {}`,
    ]
      .filter((part) => part !== '')
      .join('\n')
  })
  const names = ['type Infer', 'message', ...[...used].sort()].join(', ')
  return `import { ${names} } from '../schema/schema.ts'\n\n${bodies.join('\n\n')}\n`
}

/** File of a record that the broker stores, by the log that holds it. */
function recordFile(message: JsonMessage): string {
  const { name } = message
  if (/^RemoteLog|^RemotePartition/.test(name)) return 'remote-log-metadata'
  if (message.type === 'metadata') return 'metadata-log'
  if (/^Transaction(Log)/.test(name)) return 'transaction-state'
  if (/^Share(Snapshot|Update)/.test(name)) return 'share-group-state'
  if (/^ConsumerProtocol/.test(name)) return 'consumer-protocol'
  if (/^Streams/.test(name)) return 'streams-group'
  if (/^Share/.test(name)) return 'share-group'
  if (/^Consumer|^(Offset|Group|Legacy)/.test(name)) return 'consumer-offsets'
  return 'log-records'
}

function main(directory: string): void {
  const root = new URL('../packages/protocol/src/', import.meta.url).pathname
  const definitions = readDefinitions(directory)
  const files = new Map<string, JsonMessage[]>()
  const apis: JsonMessage[] = []
  for (const definition of definitions) {
    const isApi = definition.type === 'request' || definition.type === 'response'
    if (definition.type === 'request') apis.push(definition)
    const base = definition.name.replace(/(Request|Response)$/, '')
    const file = isApi
      ? `messages/${kebabCase(base)}.ts`
      : definition.type === 'header'
        ? 'messages/header.ts'
        : `internal-records/${recordFile(definition)}.ts`
    files.set(file, [...(files.get(file) ?? []), definition])
  }
  for (const [file, messages] of files) writeFileSync(join(root, file), printModule(messages))
  writeFileSync(join(root, 'apis.ts'), printApis(apis))
}

function printApis(requests: readonly JsonMessage[]): string {
  const sorted = [...requests].sort((a, b) => (a.apiKey as number) - (b.apiKey as number))
  const name = (m: JsonMessage) => m.name.replace(/Request$/, '')
  const imports = sorted
    .map(
      (m) =>
        `import { ${name(m)}Request, ${name(m)}Response } ` +
        `from './messages/${kebabCase(name(m))}.ts'`,
    )
    .sort()
  const rows = sorted.map(
    (m) => `  ${camelCase(name(m))}: api(${name(m)}Request, ${name(m)}Response),`,
  )
  return `${imports.join('\n')}
import { api } from './schema/api.ts'

/** Every API of Apache Kafka 4.4, by key. */
export const apis = {
${rows.join('\n')}
} as const
`
}

const [directory] = process.argv.slice(2)
if (directory && process.argv[1]?.endsWith('protocol-tables.ts')) main(directory)
