/**
 * Turns (message, version, direction) into a function, made at first use and kept. Where the
 * runtime forbids generated code the interpreter over the same tables takes over.
 */
import { assert } from '@ottla/base'
import type { Reader } from '../wire/reader.ts'
import type { Writer } from '../wire/writer.ts'
import { type EmittedCode, emitReader } from './emit-reader.ts'
import { emitWriter } from './emit-writer.ts'
import { interpretRead, interpretWrite } from './interpreter.ts'
import type { Fields, FieldsInput, FieldsValue, Message } from './schema.ts'

type ReadFunction = (reader: Reader) => unknown
type WriteFunction = (writer: Writer, value: unknown) => void

const readers = new WeakMap<object, (ReadFunction | undefined)[]>()
const writers = new WeakMap<object, (WriteFunction | undefined)[]>()

export function readerOf<F extends Fields>(
  message: Message<F>,
  version: number,
): (reader: Reader) => FieldsValue<F> {
  const known = cached(readers, message, version, compileReader)
  return known as (reader: Reader) => FieldsValue<F>
}

export function writerOf<F extends Fields>(
  message: Message<F>,
  version: number,
): (writer: Writer, value: FieldsInput<F>) => void {
  return cached(writers, message, version, compileWriter) as WriteFunction
}

function cached<T>(
  cache: WeakMap<object, (T | undefined)[]>,
  message: Message,
  version: number,
  make: (message: Message, version: number) => T,
): T {
  let versions = cache.get(message)
  if (!versions) {
    versions = []
    cache.set(message, versions)
  }
  let made = versions[version]
  if (made === undefined) {
    assert(
      version >= message.lowest && version <= message.highest,
      `${message.name} has no version ${version}`,
    )
    made = make(message, version)
    versions[version] = made
  }
  return made
}

function compileReader(message: Message, version: number): ReadFunction {
  if (!canGenerate) return (reader) => interpretRead(message, version, reader)
  const name = `read${message.name}V${version}`
  return generate(name, 'r', emitReader(message, version)) as ReadFunction
}

function compileWriter(message: Message, version: number): WriteFunction {
  if (!canGenerate) return (writer, value) => interpretWrite(message, version, writer, value)
  const name = `write${message.name}V${version}`
  return generate(name, 'w, value', emitWriter(message, version)) as WriteFunction
}

function generate(name: string, parameters: string, code: EmittedCode): unknown {
  assert(/^[a-z][A-Za-z0-9]*$/.test(name), `message name ${name}`)
  const constants = code.constants.map((_, i) => `c${i}`).join(', ')
  const source =
    `return function ${name}(${parameters}) {\n${code.source}\n}` +
    `\n//# sourceURL=ottla/protocol/${name}.js`
  return new Function(constants, source)(...code.constants)
}

const canGenerate = (() => {
  try {
    return new Function('return true')() === true
  } catch {
    // --disallow-code-generation-from-strings, or a runtime without eval.
    return false
  }
})()
