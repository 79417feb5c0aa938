/** Prints the straight-line JavaScript that writes one version of one message. */
import { assert } from '@ottla/base'
import type { EmittedCode } from './emit-reader.ts'
import { defaultOf, isDefault, plainFields, primitiveName, taggedFields } from './field-layout.ts'
import {
  type Field,
  type Fields,
  isFlexible,
  isNullable,
  type Message,
  type ScalarType,
} from './schema.ts'

export function emitWriter(message: Message, version: number): EmittedCode {
  const emitter = new WriterEmitter(version, isFlexible(message, version))
  emitter.struct(message.fields, 'value', 'w')
  return { source: emitter.lines.join('\n'), constants: emitter.constants }
}

class WriterEmitter {
  readonly lines: string[] = []
  readonly constants: unknown[] = []
  private readonly version: number
  private readonly flexible: boolean
  private nextId = 0

  constructor(version: number, flexible: boolean) {
    this.version = version
    this.flexible = flexible
  }

  private line(text: string): void {
    this.lines.push(text)
  }

  private fresh(): string {
    return `v${this.nextId++}`
  }

  private constant(value: unknown): string {
    this.constants.push(value)
    return `c${this.constants.length - 1}`
  }

  struct(fields: Fields, object: string, writer: string): void {
    for (const [name, field] of plainFields(fields, this.version)) {
      this.field(field, this.read(object, name, field), writer)
    }
    if (!this.flexible) return
    const tagged = taggedFields(fields, this.version)
    if (tagged.length === 0) {
      this.line(`${writer}.unsignedVarint(0)`)
      return
    }
    this.tags(tagged, object, writer)
  }

  /** Declares a variable with the member, or its default when it is missing. */
  private read(object: string, name: string, field: Field<unknown>): string {
    assert(/^[a-z][A-Za-z0-9]*$/.test(name), `field name ${name}`)
    const variable = this.fresh()
    this.line(`let ${variable} = ${object}.${name}`)
    this.line(`if (${variable} === undefined) ${variable} = ${this.constant(defaultOf(field))}`)
    return variable
  }

  private tags(tagged: [string, Field<unknown>][], object: string, writer: string): void {
    const count = this.fresh()
    this.line(`let ${count} = 0`)
    const present = tagged.map(([name, field]) => {
      const [variable, isPresent] = [this.fresh(), this.fresh()]
      const isDefaultOf = this.constant((value: unknown) => isDefault(field, value))
      this.line(`const ${variable} = ${object}.${name}`)
      this.line(`const ${isPresent} = !${isDefaultOf}(${variable})`)
      this.line(`if (${isPresent}) ${count}++`)
      return { variable, isPresent, field }
    })
    this.line(`${writer}.unsignedVarint(${count})`)
    for (const { variable, isPresent, field } of present) {
      const nested = this.fresh()
      this.line(`if (${isPresent}) ${writer}.tagged(${Number(field.tag)}, (${nested}) => {`)
      this.field(field, variable, nested)
      this.line('})')
    }
  }

  private field(field: Field<unknown>, value: string, writer: string): void {
    if (field.kind === 'array') this.array(field, value, writer)
    else if (field.kind === 'struct') this.structField(field, value, writer)
    else {
      const flexible = this.flexible && field.flexible !== 'none'
      const nullable = isNullable(field, this.version)
      const name = primitiveName(field.scalar as ScalarType, flexible, nullable)
      this.line(`${writer}.${name}(${value})`)
    }
  }

  private structField(field: Field<unknown>, value: string, writer: string): void {
    const fields = field.fields as Fields
    if (!isNullable(field, this.version)) {
      this.struct(fields, value, writer)
      return
    }
    this.line(`if (${value} === null) ${writer}.int8(-1)`)
    this.line(`else { ${writer}.int8(1)`)
    this.struct(fields, value, writer)
    this.line('}')
  }

  private array(field: Field<unknown>, value: string, writer: string): void {
    const method = this.flexible ? 'compactArrayLength' : 'arrayLength'
    if (isNullable(field, this.version)) {
      const nullLength = this.flexible ? 'unsignedVarint(0)' : 'int32(-1)'
      this.line(`if (${value} === null) ${writer}.${nullLength}; else {`)
    } else this.line('{')
    this.line(`${writer}.${method}(${value})`)
    const index = this.fresh()
    this.line(`for (let ${index} = 0; ${index} < ${value}.length; ${index}++) {`)
    const element = this.fresh()
    this.line(`const ${element} = ${value}[${index}]`)
    if (field.element) {
      this.line(`${writer}.${primitiveName(field.element, this.flexible, false)}(${element})`)
    } else this.struct(field.fields as Fields, element, writer)
    this.line('} }')
  }
}
