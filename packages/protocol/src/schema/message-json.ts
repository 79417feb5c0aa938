/** Our values as the JSON that Apache Kafka's converters write. */
import { isDefault } from './field-layout.ts'
import { type Field, type Fields, inRange, isTagged, type Message } from './schema.ts'

/** The JSON of a message: fields of other versions and tagged defaults are left out. */
export function messageJson(message: Message, version: number, value: unknown): unknown {
  return fieldsJson(message.fields, version, value as Record<string, unknown>)
}

function fieldsJson(fields: Fields, version: number, value: Record<string, unknown>): unknown {
  const json: Record<string, unknown> = {}
  for (const [name, field] of Object.entries(fields)) {
    if (!inRange(field.versions, version)) continue
    if (isTagged(field, version) && isDefault(field, value[name])) continue
    const isRecords = field.scalar === 'records' && value[name] !== null
    if (isRecords) json[`${name}SizeInBytes`] = (value[name] as Buffer).length
    else json[name] = fieldJson(field, version, value[name])
  }
  return json
}

function fieldJson(field: Field<unknown>, version: number, value: unknown): unknown {
  if (value === null) return null
  if (field.kind === 'struct') {
    return fieldsJson(field.fields as Fields, version, value as Record<string, unknown>)
  }
  if (field.kind === 'scalar') return scalarJson(value)
  return (value as unknown[]).map((element) =>
    field.fields
      ? fieldsJson(field.fields, version, element as Record<string, unknown>)
      : scalarJson(element),
  )
}

const scalarJson = (value: unknown): unknown =>
  Buffer.isBuffer(value) ? value.toString('base64') : value

export function hasRecords(fields: Fields): boolean {
  return Object.values(fields).some(
    (field) => field.scalar === 'records' || (field.fields && hasRecords(field.fields)),
  )
}
