export type { RegistryAuth } from './registry/registry-http.ts'
export type {
  CompatibilityResult,
  RegisteredSchema,
  SchemaDefinition,
  SchemaReference,
  SchemaType,
  SubjectVersion,
} from './registry/schema.ts'
export {
  type ResolvedReference,
  SchemaRegistryClient,
  type SchemaRegistryOptions,
} from './registry/schema-registry-client.ts'
export { SchemaRegistryError } from './registry/schema-registry-error.ts'
export { type AvroOptions, avro } from './serde/avro.ts'
export { type JsonSchemaOptions, jsonSchema } from './serde/json-schema.ts'
export { type ProtobufOptions, protobuf } from './serde/protobuf.ts'
export type { RegistrySerdeOptions } from './serde/registry-serde.ts'
