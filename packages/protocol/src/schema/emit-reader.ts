/**
 * Prints the straight-line JavaScript that reads one version of one message. Nothing but our own
 * tables reaches the printed text: names are checked against a pattern, defaults are passed in as
 * constants.
 */
import { assert } from '@ottla/base'
import {
  defaultOf,
  elementSizeMin,
  fieldsSizeMin,
  plainFields,
  presenceMin,
  primitiveName,
  taggedFields,
} from './field-layout.ts'
import {
  type Field,
  type Fields,
  inRange,
  isFlexible,
  isNullable,
  type Message,
  type ScalarType,
} from './schema.ts'

export interface EmittedCode {
  readonly source: string
  /** Values that the source refers to as c0, c1, ... */
  readonly constants: readonly unknown[]
}

export function emitReader(message: Message, version: number): EmittedCode {
  const emitter = new ReaderEmitter(version, isFlexible(message, version))
  const value = emitter.struct(message.fields)
  emitter.line(`return ${value}`)
  return { source: emitter.lines.join('\n'), constants: emitter.constants }
}

class ReaderEmitter {
  readonly lines: string[] = []
  readonly constants: unknown[] = []
  private readonly version: number
  private readonly flexible: boolean
  private nextId = 0

  constructor(version: number, flexible: boolean) {
    this.version = version
    this.flexible = flexible
  }

  line(text: string): void {
    this.lines.push(text)
  }

  private fresh(): string {
    return `v${this.nextId++}`
  }

  private constant(value: unknown): string {
    this.constants.push(value)
    return `c${this.constants.length - 1}`
  }

  /** Expression for a default; arrays and structs are written out so that each is a new object. */
  private defaultExpression(field: Field<unknown>): string {
    if (field.kind === 'struct' && field.default === undefined) {
      return this.literal(field.fields as Fields, (_, inner) => this.defaultExpression(inner))
    }
    const value = defaultOf(field)
    return Array.isArray(value) ? '[]' : this.constant(value)
  }

  private literal(
    fields: Fields,
    expression: (name: string, field: Field<unknown>) => string,
  ): string {
    const members = Object.entries(fields).map(([name, field]) => {
      assert(/^[a-z][A-Za-z0-9]*$/.test(name), `field name ${name}`)
      return `${name}: ${expression(name, field)}`
    })
    return `{ ${members.join(', ')} }`
  }

  /** Reads the fields of a struct; returns the expression of the object. */
  struct(fields: Fields): string {
    const variables = new Map<string, string>()
    for (const [name, field] of plainFields(fields, this.version)) {
      variables.set(name, this.field(field))
    }
    if (this.flexible) this.tags(fields, variables)
    const result = this.fresh()
    const object = this.literal(
      fields,
      (name, field) => variables.get(name) ?? this.defaultExpression(field),
    )
    this.line(`const ${result} = ${object}`)
    return result
  }

  private tags(fields: Fields, variables: Map<string, string>): void {
    const tagged = taggedFields(fields, this.version)
    if (tagged.length === 0) {
      this.line('r.skipTags()')
      return
    }
    for (const [name, field] of tagged) {
      const variable = this.fresh()
      variables.set(name, variable)
      this.line(`let ${variable} = ${this.defaultExpression(field)}`)
    }
    const count = this.fresh()
    this.line(`const ${count} = r.tagCount()`)
    const tag = this.fresh()
    this.line(`for (let i = 0, ${tag} = -1; i < ${count}; i++) {`)
    this.line(`${tag} = r.tag(${tag})`)
    const end = this.fresh()
    this.line(`const ${end} = r.tagEnd()`)
    this.line(`switch (${tag}) {`)
    for (const [name, field] of tagged) {
      this.line(`case ${Number(field.tag)}: {`)
      this.line(`${variables.get(name)} = ${this.field(field)}`)
      this.line(`r.endTag(${end})`)
      this.line('break }')
    }
    this.line(`default: r.position = ${end}`)
    this.line('} }')
  }

  private field(field: Field<unknown>): string {
    assert(inRange(field.versions, this.version), 'field outside its versions')
    if (field.kind === 'array') return this.array(field)
    if (field.kind === 'struct') return this.structField(field)
    const variable = this.fresh()
    const flexible = this.flexible && field.flexible !== 'none'
    this.line(`const ${variable} = ${this.scalar(field.scalar as ScalarType, flexible, field)}`)
    return variable
  }

  private scalar(scalar: ScalarType, flexible: boolean, field?: Field<unknown>): string {
    const nullable = field !== undefined && isNullable(field, this.version)
    return `r.${primitiveName(scalar, flexible, nullable)}()`
  }

  private structField(field: Field<unknown>): string {
    const fields = field.fields as Fields
    if (!isNullable(field, this.version)) return this.struct(fields)
    const variable = this.fresh()
    this.line(`let ${variable} = null`)
    this.line(`if (r.int8() >= ${presenceMin(field, this.version)}) {`)
    this.line(`${variable} = ${this.struct(fields)}`)
    this.line('}')
    return variable
  }

  private array(field: Field<unknown>): string {
    const [list, length, index] = [this.fresh(), this.fresh(), this.fresh()]
    const sizeMin = elementSizeMin(field, this.version, this.flexible)
    const method = this.flexible ? 'compactArrayLength' : 'arrayLength'
    this.line(`const ${length} = r.${method}(${sizeMin})`)
    const nullable = isNullable(field, this.version)
    if (!nullable) this.line(`if (${length} < 0) r.fail('null array')`)
    this.line(`const ${list} = ${nullable ? `${length} < 0 ? null : ` : ''}[]`)
    this.line(`for (let ${index} = 0; ${index} < ${length}; ${index}++) {`)
    const element = field.element
      ? this.scalar(field.element, this.flexible)
      : this.struct(field.fields as Fields)
    this.line(`${list}.push(${element})`)
    this.line('}')
    return list
  }
}

/** Least size of the body of a message, for callers that check before reading. */
export const messageSizeMin = (message: Message, version: number): number =>
  fieldsSizeMin(message.fields, version, isFlexible(message, version))
