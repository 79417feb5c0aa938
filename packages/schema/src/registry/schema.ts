/** Schemas as a registry keeps them. */

export type SchemaType = 'AVRO' | 'JSON' | 'PROTOBUF'

/** Another schema that a schema uses, by the name it has in it. */
export interface SchemaReference {
  /** Avro: full name of the type. JSON Schema: its URI in `$ref`. Protobuf: the imported path. */
  readonly name: string
  readonly subject: string
  readonly version: number
}

export interface SchemaDefinition {
  /** The text of the schema. */
  readonly schema: string
  readonly schemaType: SchemaType
  readonly references: readonly SchemaReference[]
}

export interface RegisteredSchema extends SchemaDefinition {
  /** One for each text in the whole registry; what records carry. */
  readonly id: number
}

export interface SubjectVersion extends RegisteredSchema {
  readonly subject: string
  readonly version: number
}

export interface CompatibilityResult {
  readonly isCompatible: boolean
  /** What speaks against it, in the registry's words. */
  readonly messages: readonly string[]
}
